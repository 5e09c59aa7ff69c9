# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed document: accounts with their users and devices, checked whole before a row is written.

Unknown keys of an account, user or device are kept: KAZOO documents have many. What we read ourselves is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from b2bua.calls.directory import USER_PART, USER_PART_MAX, user_parts
from b2bua.metaflows.validation import InvalidDocument, validate
from b2bua.store.errors import SeedError

Id = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00/]+$")]
AccountId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


def _quoted(value: Any) -> Any:
    if isinstance(value, (int, float)):
        raise ValueError(f"a number must stand in quotes: \"{value}\"")
    return value


def _user_part(value: str) -> str:
    if USER_PART.fullmatch(value) is None or len(value) > USER_PART_MAX:
        raise ValueError(f"must be 1 to {USER_PART_MAX} characters, none of them a control character")
    return value


Number = Annotated[str, BeforeValidator(_quoted), AfterValidator(_user_part)]


class _Sip(BaseModel):
    model_config = ConfigDict(extra="allow")

    username: Number | None = None


class _Document(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: Id
    name: str = ""
    metaflows: dict[str, Any] | None = None
    numbers: list[Number] = []
    sip: _Sip = _Sip()


class _Device(_Document):
    owner_id: Id | None = None


class _Account(_Document):
    id: AccountId
    realm: str | None = None
    api_key: Annotated[str | None, Field(min_length=8)] = None
    parent: AccountId | None = None
    users: list[_Document] = []
    devices: list[_Device] = []


class _Seed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    accounts: list[_Account]


def check(document: Any) -> list[dict[str, Any]]:
    """The accounts of a seed document, with coerced metaflows.

    raises   SeedError, one line per problem, each with the key
    """
    if not isinstance(document, Mapping):
        raise SeedError(["(whole file): must be a mapping with the key `accounts`"])
    try:
        seed = _Seed.model_validate(document)
    except ValidationError as error:
        raise SeedError([_line(item) for item in error.errors()]) from None
    lines = list(_clashes(seed))
    plain = seed.model_dump(exclude_unset=True)["accounts"]
    for index, account in enumerate(plain):
        for key, owner in _owners(f"accounts.{index}", account):
            lines += _coerce(key, owner)
    if lines:
        raise SeedError(lines)
    return list(plain)


def _line(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "(whole file)"
    value = error.get("input")
    secret = key.endswith("api_key") or isinstance(value, (dict, list)) or value is None
    return f"{key}{'' if secret else f' = {value!r}'}: {error['msg'].removeprefix('Value error, ')}"


def _owners(key: str, account: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield key, account
    for kind in ("users", "devices"):
        for index, document in enumerate(account.get(kind, ())):
            yield f"{key}.{kind}.{index}", document


def _coerce(key: str, owner: dict[str, Any]) -> list[str]:
    """Replace the metaflows by what is to be stored; complaints otherwise."""
    sent = owner.get("metaflows")
    if sent is None:
        owner.pop("metaflows", None)
        return []
    try:
        owner["metaflows"] = validate(sent).sent
    except InvalidDocument as error:
        return [f"{key}.metaflows.{path}: {details['message']}".replace(".metaflows.data:", ".metaflows:")
                for path, codes in error.errors.items() for details in codes.values()]
    return []


def _clashes(seed: _Seed) -> Iterator[str]:
    """What pydantic cannot see: the same id, api key or number twice, owners that do not exist."""
    accounts: dict[str, str] = {}
    keys: dict[str, str] = {}
    for index, account in enumerate(seed.accounts):
        where = f"accounts.{index}"
        if (other := accounts.setdefault(account.id, where)) != where:
            yield f"{where}.id = {account.id!r}: is also the id of {other}"
        if account.api_key and (other := keys.setdefault(account.api_key, where)) != where:
            yield f"{where}.api_key: is also the key of {other}"
        yield from _inner_clashes(where, account)


def _inner_clashes(where: str, account: _Account) -> Iterator[str]:
    ids: dict[str, str] = {account.id: where}
    numbers: dict[tuple[str, str], str] = {}
    users = {user.id for user in account.users}
    documents = [(f"{where}.devices.{i}", device) for i, device in enumerate(account.devices)]
    documents += [(f"{where}.users.{i}", user) for i, user in enumerate(account.users)]  # type: ignore[misc]
    for key, document in documents:
        if (other := ids.setdefault(document.id, key)) != key:
            yield f"{key}.id = {document.id!r}: is also the id of {other}"
        kind = "device" if ".devices." in key else "user"
        for number in user_parts({"numbers": document.numbers, "sip": {"username": document.sip.username}}):
            if (other := numbers.setdefault((kind, number), key)) != key:
                yield f"{key}.numbers = {number!r}: also reaches {other}; a number belongs to one {kind}"
        owner_id = getattr(document, "owner_id", None)
        if owner_id and owner_id not in users and ".devices." in key:
            yield f"{key}.owner_id = {owner_id!r}: there is no such user in this account"
