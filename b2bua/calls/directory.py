# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users and devices as the SIP thread sees them: an immutable snapshot, replaced whole.

The store builds it; nothing here reads a database. Documents are kept as they were stored (defaults not filled in).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whose leg it is: a device, a user, or the account itself.

    metaflows   the documents that apply, outermost first: (account, device, user); empty ones left out
    owner_id    the user who owns the device (or the user itself)
    music       media id of `music_on_hold`: what those hear whom this endpoint puts on hold; None: nothing of its own
    rings       it may be rung: enabled, and not in do-not-disturb
    """

    account_id: str
    kind: Literal["device", "user", "account"]
    id: str
    name: str
    owner_id: str | None
    metaflows: tuple[Document, ...]
    music: str | None = None
    rings: bool = True


@dataclass(frozen=True, slots=True)
class _Account:
    """One account's endpoints, by everything they are asked for."""

    document: Document
    by_number: Mapping[str, Endpoint]
    by_id: Mapping[str, Endpoint]
    devices_of: Mapping[str, Sequence[Endpoint]]
    numbers_of: Mapping[str, Sequence[str]]

    @classmethod
    def build(cls, document: Document) -> _Account:
        by_number: dict[str, Endpoint] = {}
        by_id: dict[str, Endpoint] = {}
        devices_of: dict[str, list[Endpoint]] = {}
        numbers_of: dict[str, list[str]] = {}
        for endpoint, numbers in _endpoints(document):
            by_id[endpoint.id] = endpoint
            if endpoint.kind == "device" and endpoint.owner_id is not None:
                devices_of.setdefault(endpoint.owner_id, []).append(endpoint)
            for number in numbers:
                if by_number.setdefault(number, endpoint) is endpoint:
                    numbers_of.setdefault(endpoint.id, []).append(number)
        return cls(document, by_number, by_id, devices_of, numbers_of)


_NOBODY = _Account({}, {}, {}, {}, {})


@dataclass(frozen=True, slots=True)
class Directory:
    """All endpoints, looked up by account and by user part, id, or username, each in the same short time."""

    _accounts: Mapping[str, _Account] = field(default_factory=dict)

    @classmethod
    def build(cls, accounts: Iterable[Document]) -> Directory:
        """From documents shaped like the seed file (`accounts: [{id, name, ..., users: [...], devices: [...]}]`)."""
        return cls().changed(accounts)

    def changed(self, accounts: Iterable[Document], gone: Iterable[str] = ()) -> Directory:
        """A new snapshot: these accounts are as given now, or gone; the others are shared with this one."""
        mine = dict(self._accounts)
        for account_id in gone:
            mine.pop(account_id, None)
        mine.update((account["id"], _Account.build(account)) for account in accounts)
        return Directory(mine)

    @property
    def accounts(self) -> Mapping[str, Document]:
        """The documents of all accounts, with their users and devices."""
        return {account_id: account.document for account_id, account in self._accounts.items()}

    def by_number(self, account_id: str, number: str) -> Endpoint | None:
        """The device or user whose `numbers` or `sip.username` has this user part; a device wins over a user."""
        return self._accounts.get(account_id, _NOBODY).by_number.get(number)

    def by_id(self, account_id: str, document_id: str) -> Endpoint | None:
        """The device, user, or (for its own id) account."""
        return self._accounts.get(account_id, _NOBODY).by_id.get(document_id)

    def devices_of(self, account_id: str, user_id: str) -> Sequence[Endpoint]:
        """The devices that a user owns, in stored order."""
        return self._accounts.get(account_id, _NOBODY).devices_of.get(user_id, ())

    def numbers_of(self, account_id: str, document_id: str) -> Sequence[str]:
        """The user parts that reach an endpoint."""
        return self._accounts.get(account_id, _NOBODY).numbers_of.get(document_id, ())


def _endpoints(account: Document) -> Iterable[tuple[Endpoint, list[str]]]:
    account_id, own = account["id"], account.get("metaflows") or {}
    users = {user["id"]: user for user in account.get("users", ())}
    for device in account.get("devices", ()):
        owner_id = device.get("owner_id")
        owner = users.get(owner_id, {})
        documents = (own, device.get("metaflows"), owner.get("metaflows"))
        yield Endpoint(account_id, "device", device["id"], device.get("name", ""), owner_id, _present(documents),
                       _music(account, device, owner), _rings(device) and _rings(owner)), _numbers(device)
    for user in users.values():
        yield Endpoint(account_id, "user", user["id"], user.get("name", ""), user["id"],
                       _present((own, user.get("metaflows"))), _music(account, user), _rings(user)), _numbers(user)
    yield Endpoint(account_id, "account", account_id, account.get("name", ""), None, _present((own,)),
                   _music(account)), []


def _music(*documents: Document) -> str | None:
    """Of the innermost document that names one (A.3)."""
    named = ((document.get("music_on_hold") or {}).get("media_id") for document in reversed(documents))
    return next((str(media_id) for media_id in named if media_id), None)


def _rings(document: Document) -> bool:
    return document.get("enabled") is not False and not (document.get("do_not_disturb") or {}).get("enabled")


def _present(documents: Iterable[Document | None]) -> tuple[Document, ...]:
    return tuple(document for document in documents if document)


def _numbers(document: Document) -> list[str]:
    username = (document.get("sip") or {}).get("username")
    numbers = [str(number) for number in document.get("numbers") or ()] + ([str(username)] if username else [])
    return list(dict.fromkeys(numbers))
