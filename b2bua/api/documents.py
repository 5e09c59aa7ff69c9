# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users and devices as documents of the API: what is checked on write, and what is shown. Pure.

Keys we do not know are kept; those we read (numbers, owner, username, metaflows) must be right. Errors are KAZOO's map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from b2bua.api import envelope as crossbar
from b2bua.calls.directory import USER_PART, USER_PART_MAX
from b2bua.metaflows.validation import InvalidDocument, validate, with_defaults
from b2bua.store.rows import BESIDES, AccountRecord, Json, Kind, Record

Errors = dict[str, dict[str, dict[str, Any]]]
NAME_MAX = USER_PART_MAX  # KAZOO's own limit
OURS = ("api_key", "users", "devices", "parent", "id", *BESIDES)  # no client sets or sees them here
LISTED: Mapping[str, tuple[str, ...]] = {
    "account": ("id", "name", "realm"),
    "user": ("id", "name", "first_name", "last_name", "username", "email", "numbers"),
    "device": ("id", "name", "owner_id", "device_type", "enabled", "numbers"),
}


def shown(record: Record, document_id: str) -> Json:
    """A document as it is returned: its metaflows with defaults."""
    document = {key: value for key, value in record.document.items() if key not in OURS} | {"id": document_id}
    if document.get("metaflows") is not None:
        document["metaflows"] = with_defaults(document["metaflows"])
    return document


def listed(kind: Kind, records: Mapping[str, Record]) -> list[Json]:
    """The short form, for lists."""
    result = []
    for document_id, record in records.items():
        document = {**record.document, "id": document_id}
        short = {key: document[key] for key in LISTED[kind] if document.get(key) is not None}
        username = (document.get("sip") or {}).get("username")
        result.append(short | ({"username": username} if kind == "device" and username else {}))
    return result


def merged(old: Any, patch: Any) -> Any:
    """PATCH: objects key by key, anything else replaced, null removes."""
    if not isinstance(old, dict) or not isinstance(patch, dict):
        return patch
    result = dict(old)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key, {}) if isinstance(value, dict) else None, value)
    return result


def checked(kind: Kind, sent: Any, document_id: str, account: AccountRecord | None) -> Json:
    """What is to be stored. raises Refused (400) with KAZOO's error map"""
    if not isinstance(sent, dict):
        raise crossbar.invalid({"data": {"type": _details("Value did not match type(s): object", sent, "object")}})
    document: Json = {"id": document_id, **{key: value for key, value in sent.items() if key not in OURS}}
    errors: Errors = dict(_problems(kind, document))
    if not errors and account is not None:
        errors = dict(_clashes(kind, document, account))
    if document.get("metaflows") is None:
        document.pop("metaflows", None)
    else:
        try:
            document["metaflows"] = validate(document["metaflows"]).sent
        except InvalidDocument as error:
            errors |= {"metaflows" if path == "data" else f"metaflows.{path}": codes
                       for path, codes in error.errors.items()}  # `data`: it is no object at all
    if errors:
        raise crossbar.invalid(errors)
    return document


def _details(message: str, value: Any, target: Any = None) -> dict[str, Any]:
    return {"message": message, "value": value} | ({} if target is None else {"target": target})


def _problems(kind: Kind, document: Json) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    required = ("first_name", "last_name") if kind == "user" and "name" not in document else ("name",)
    for key in required:
        if document.get(key) is None:
            yield key, {"required": _details("Field is required but missing", _without_secrets(document))}
    for key in ("name", "first_name", "last_name", "realm", "owner_id"):
        value = document.get(key)
        if value is not None:
            yield from _text(key, value)
    numbers = document.get("numbers")
    if numbers is not None and not isinstance(numbers, list):
        yield "numbers", {"type": _details("Value did not match type(s): array", numbers, "array")}
    for index, number in enumerate(numbers if isinstance(numbers, list) else ()):
        yield from _user_part(f"numbers.{index}", number)
    sip = document.get("sip")
    if sip is not None and not isinstance(sip, dict):
        yield "sip", {"type": _details("Value did not match type(s): object", sip, "object")}
    elif sip and sip.get("username") is not None:
        yield from _user_part("sip.username", sip["username"])


def _without_secrets(document: Json) -> Json:
    return {key: value for key, value in document.items() if key != "sip"}


def _text(key: str, value: Any) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    if not isinstance(value, str):
        yield key, {"type": _details("Value did not match type(s): string", value, "string")}
    elif not value:
        yield key, {"minLength": _details("String must be at least 1 characters", value, 1)}
    elif len(value) > NAME_MAX:
        yield key, {"maxLength": _details(f"String must not be more than {NAME_MAX} characters", value, NAME_MAX)}


def _user_part(key: str, value: Any) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    yield from _text(key, value)
    if isinstance(value, str) and value and USER_PART.fullmatch(value) is None:
        yield key, {"pattern": _details(f"Failed to match pattern '{USER_PART.pattern}'", value, USER_PART.pattern)}


def _clashes(kind: Kind, document: Json, account: AccountRecord) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """An owner that does not exist. (Numbers that are taken are the store's to know.)"""
    if kind == "account":
        return
    owner_id, stored = document.get("owner_id"), account.of(kind, document["id"])
    is_new = stored is None or stored.document.get("owner_id") != owner_id  # one who has gone hinders no other change
    if kind == "device" and owner_id is not None and owner_id not in account.users and is_new:
        yield "owner_id", {"not_found": _details("The referenced user does not exist", owner_id)}
