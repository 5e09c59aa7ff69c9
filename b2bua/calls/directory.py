# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users and devices as the SIP thread sees them: an immutable snapshot, replaced whole.

The store builds it; nothing here reads a database. Documents are kept as they were stored (defaults not filled in).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whose leg it is: a device, a user, or the account itself.

    metaflows   the documents that apply, outermost first: (account, device, user); empty ones left out
    owner_id    the user who owns the device (or the user itself)
    """

    account_id: str
    kind: Literal["device", "user", "account"]
    id: str
    name: str
    owner_id: str | None
    metaflows: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """All endpoints, looked up by account and by user part, id, or username."""

    accounts: Mapping[str, Document] = field(default_factory=dict)
    _by_number: Mapping[tuple[str, str], Endpoint] = field(default_factory=dict)
    _by_id: Mapping[tuple[str, str], Endpoint] = field(default_factory=dict)

    @classmethod
    def build(cls, accounts: Iterable[Document]) -> Directory:
        """From documents shaped like the seed file (`accounts: [{id, name, ..., users: [...], devices: [...]}]`)."""
        by_account: dict[str, Document] = {}
        by_number: dict[tuple[str, str], Endpoint] = {}
        by_id: dict[tuple[str, str], Endpoint] = {}
        for account in accounts:
            account_id = account["id"]
            by_account[account_id] = account
            for endpoint, numbers in _endpoints(account):
                by_id[account_id, endpoint.id] = endpoint
                for number in numbers:
                    by_number.setdefault((account_id, number), endpoint)
        return cls(by_account, by_number, by_id)

    def by_number(self, account_id: str, number: str) -> Endpoint | None:
        """The device or user whose `numbers` or `sip.username` has this user part; a device wins over a user."""
        return self._by_number.get((account_id, number))

    def by_id(self, account_id: str, document_id: str) -> Endpoint | None:
        """The device, user, or (for its own id) account."""
        return self._by_id.get((account_id, document_id))

    def devices_of(self, account_id: str, user_id: str) -> list[Endpoint]:
        """The devices that a user owns, in stored order."""
        return [endpoint for (account, _), endpoint in self._by_id.items()
                if account == account_id and endpoint.kind == "device" and endpoint.owner_id == user_id]

    def numbers_of(self, account_id: str, document_id: str) -> list[str]:
        """The user parts that reach an endpoint."""
        return [number for (account, number), endpoint in self._by_number.items()
                if account == account_id and endpoint.id == document_id]


def _endpoints(account: Document) -> Iterable[tuple[Endpoint, list[str]]]:
    account_id, own = account["id"], account.get("metaflows") or {}
    users = {user["id"]: user for user in account.get("users", ())}
    for device in account.get("devices", ()):
        owner_id = device.get("owner_id")
        owner = users.get(owner_id, {})
        documents = (own, device.get("metaflows"), owner.get("metaflows"))
        yield Endpoint(account_id, "device", device["id"], device.get("name", ""), owner_id, _present(documents)), \
            _numbers(device)
    for user in users.values():
        yield Endpoint(account_id, "user", user["id"], user.get("name", ""), user["id"],
                       _present((own, user.get("metaflows")))), _numbers(user)
    yield Endpoint(account_id, "account", account_id, account.get("name", ""), None, _present((own,))), []


def _present(documents: Iterable[Document | None]) -> tuple[Document, ...]:
    return tuple(document for document in documents if document)


def _numbers(document: Document) -> list[str]:
    username = (document.get("sip") or {}).get("username")
    return [str(number) for number in document.get("numbers") or ()] + ([str(username)] if username else [])
