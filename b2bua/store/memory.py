# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of the store in memory: all reading is done from it. API thread."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace

from b2bua.calls.directory import Directory
from b2bua.store import rows
from b2bua.store.errors import UnknownDocument
from b2bua.store.rows import AccountRecord, Json, News, Record, Ref


class Memory:
    """What the store knows. Documents are shared: never change one."""

    def __init__(self) -> None:
        self._accounts: dict[str, AccountRecord] = {}
        self._directory = Directory.build(())

    def _take(self, news: News) -> Directory:
        """Remember what is new, whether it was written here or elsewhere. The new snapshot."""
        mine = self._accounts
        for account_id, account in news.accounts.items():
            if account is None:
                mine.pop(account_id, None)
            elif (old := mine.get(account_id)) is not None:
                mine[account_id] = replace(account, users=old.users, devices=old.devices)
            else:
                mine[account_id] = account
        for account_id, kinds in news.below.items():
            if (old := mine.get(account_id)) is not None:
                mine[account_id] = replace(old, users=_applied(old.users, kinds.get("user", {})),
                                           devices=_applied(old.devices, kinds.get("device", {})))
        touched = dict.fromkeys((*news.accounts, *news.below))
        self._directory = self._directory.changed(
            (mine[account_id].as_seed() for account_id in touched if account_id in mine),
            [account_id for account_id in touched if account_id not in mine])
        return self._directory

    async def directory(self) -> Directory:
        """The snapshot, as of the last change seen."""
        return self._directory

    async def is_empty(self) -> bool:
        """No account at all?"""
        return not self._accounts

    def accounts(self) -> list[str]:
        """The ids of all accounts, in stored order."""
        return list(self._accounts)

    def account(self, account_id: str) -> AccountRecord:
        """An account with its users and devices. raises UnknownDocument"""
        try:
            return self._accounts[account_id]
        except KeyError:
            raise UnknownDocument(account_id) from None

    def record(self, ref: Ref) -> Record:
        """One document. raises UnknownDocument"""
        record = self.account(ref.account_id).of(ref.kind, ref.id)
        if record is None or (ref.kind == "account" and ref.id != ref.account_id):
            raise UnknownDocument(ref.id)
        return record

    def metaflows(self, ref: Ref) -> Json | None:
        """The document's own metaflows as stored; None when there are none. raises UnknownDocument"""
        stored: Json | None = self.record(ref).document.get("metaflows")
        return stored

    def lineage(self, account_id: str) -> list[str]:
        """The account and its ancestors, nearest first."""
        line: list[str] = []
        step: str | None = account_id
        while step in self._accounts and step not in line:
            line.append(step)
            step = self._accounts[step].parent_id
        return line

    def account_by_api_key(self, api_key: str) -> str | None:
        """Whose key it is. Every stored hash is compared, in constant time each."""
        asked = rows.key_hash(api_key)
        found = None
        for account_id, account in self._accounts.items():
            if account.api_key_sha256 is not None and hmac.compare_digest(account.api_key_sha256, asked):
                found = account_id
        return found

    def children(self, account_id: str) -> list[str]:
        """The accounts right below."""
        return [child for child, account in self._accounts.items() if account.parent_id == account_id]


def _applied(old: Mapping[str, Record], changes: Mapping[str, Record | None]) -> Mapping[str, Record]:
    """The documents after these changes; the old ones stay as they are, for somebody may be reading them."""
    if not changes:
        return old
    new = dict(old)
    for document_id, record in changes.items():
        if record is None:
            new.pop(document_id, None)
        else:
            new[document_id] = record
    return new
