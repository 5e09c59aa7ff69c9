# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users and devices as the SIP thread sees them: an immutable snapshot, replaced whole.

The store builds it; nothing here reads a database. Documents are kept as they were stored (defaults not filled in).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Document = Mapping[str, Any]
USER_PART = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")
USER_PART_MAX = 128


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
    """One account's documents, and where its numbers lead. Endpoints are made when somebody asks for them: an account
    may have ten thousand devices, and a change of one should not cost the making of all.

    reached   number or username -> id of the device or user
    owned     user id -> ids of the user's devices
    """

    document: Document
    users: Mapping[str, Document]
    devices: Mapping[str, Document]
    reached: Mapping[str, str]
    owned: Mapping[str, Sequence[str]]

    @classmethod
    def build(cls, document: Document) -> _Account:
        users = {user["id"]: user for user in document.get("users", ())}
        devices = {device["id"]: device for device in document.get("devices", ())}
        reached: dict[str, str] = {}
        owned: dict[str, list[str]] = {}
        for device_id, device in devices.items():
            if (owner_id := device.get("owner_id")) is not None:
                owned.setdefault(owner_id, []).append(device_id)
        for kind in (devices, users):
            for document_id, one in kind.items():
                for number in user_parts(one):
                    reached.setdefault(number, document_id)
        return cls(document, users, devices, reached, owned)

    def endpoint(self, document_id: str | None) -> Endpoint | None:
        """The device, user, or the account itself."""
        if document_id is None:
            return None
        if (device := self.devices.get(document_id)) is not None:
            owner_id = device.get("owner_id")
            return self._made("device", device, owner_id, self.users.get(owner_id or "", {}))
        if (user := self.users.get(document_id)) is not None:
            return self._made("user", user, document_id)
        return self._made("account", self.document, None) if document_id == self.document.get("id") else None

    def _made(self, kind: Literal["device", "user", "account"], one: Document, owner_id: str | None,
              *owner: Document) -> Endpoint:
        documents = [one, *owner] if kind == "account" else [self.document, one, *owner]  # outermost first
        metaflows = tuple(document["metaflows"] for document in documents if document.get("metaflows"))
        return Endpoint(self.document["id"], kind, one["id"], one.get("name", ""), owner_id, metaflows,
                        _music(*documents), kind == "account" or all(map(_rings, (one, *owner))))


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

    def account(self, account_id: str | None) -> Document:
        """The document of one account, with its users and devices; {} where there is none."""
        return self._accounts.get(account_id or "", _NOBODY).document

    @property
    def accounts(self) -> Mapping[str, Document]:
        """The documents of all accounts, with their users and devices."""
        return {account_id: account.document for account_id, account in self._accounts.items()}

    def by_number(self, account_id: str, number: str) -> Endpoint | None:
        """The device or user whose `numbers` or `sip.username` has this user part; a device wins over a user."""
        account = self._accounts.get(account_id, _NOBODY)
        return account.endpoint(account.reached.get(number))

    def by_id(self, account_id: str, document_id: str) -> Endpoint | None:
        """The device, user, or (for its own id) account."""
        return self._accounts.get(account_id, _NOBODY).endpoint(document_id)

    def devices_of(self, account_id: str, user_id: str) -> list[Endpoint]:
        """The devices that a user owns, in stored order."""
        account = self._accounts.get(account_id, _NOBODY)
        found = (account.endpoint(device_id) for device_id in account.owned.get(user_id, ()))
        return [device for device in found if device is not None]

    def numbers_of(self, account_id: str, document_id: str) -> list[str]:
        """The user parts that reach an endpoint."""
        account = self._accounts.get(account_id, _NOBODY)
        document = account.devices.get(document_id) or account.users.get(document_id) or {}
        return [number for number in user_parts(document) if account.reached.get(number) == document_id]


def _music(*documents: Document) -> str | None:
    """Of the innermost document that names one (A.3)."""
    named = ((document.get("music_on_hold") or {}).get("media_id") for document in reversed(documents))
    return next((str(media_id) for media_id in named if media_id), None)


def _rings(document: Document) -> bool:
    return document.get("enabled") is not False and not (document.get("do_not_disturb") or {}).get("enabled")


def user_parts(document: Document) -> list[str]:
    """The user parts of SIP that reach a device or user: its numbers and its username."""
    numbers = [str(number) for number in document.get("numbers") or ()]
    username = (document.get("sip") or {}).get("username")
    return list(dict.fromkeys([*numbers, str(username)])) if username else numbers
