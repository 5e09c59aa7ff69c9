# SPDX-License-Identifier: GPL-3.0-or-later
"""What a write does inside its transaction, on a connection that the store opened. API thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from b2bua.store import numbers, rows, tables
from b2bua.store.errors import HasDescendants, UnknownDocument
from b2bua.store.rows import Json, Kind, Record, Ref


async def existing(connection: AsyncConnection, ref: Ref) -> Record:
    """What is on disk now. raises UnknownDocument"""
    account = await rows.read(connection, Ref(ref.account_id, "account", ref.account_id))
    found = account if ref.kind == "account" else await rows.read(connection, ref)
    if account is None or account[1] or found is None or found[1] or (found is account and ref.id != ref.account_id):
        raise UnknownDocument(ref.id)
    return found[0]


async def save(connection: AsyncConnection, ref: Ref, old: Record, document: Mapping[str, Any], now: int) -> Record:
    """Put a document in place of the old one. raises NumberTaken"""
    await numbers.claim(connection, ref, old.document, document)
    revision = rows.next_revision(old.revision, dict(document))
    table = rows.TABLES[ref.kind]
    values: Json = {"document": document, "revision": revision, "changed": now}
    if ref.kind == "device":
        values["owner_id"] = document.get("owner_id")
    await connection.execute(_where(sa.update(table), ref).values(**values))
    return Record(dict(document), revision)


def _where(update: Any, ref: Ref) -> Any:
    table = rows.TABLES[ref.kind]
    update = update.where(table.c.id == ref.id)
    return update if ref.kind == "account" else update.where(table.c.account_id == ref.account_id)


async def insert(connection: AsyncConnection, ref: Ref, document: Json, now: int, *,
                 parent_id: str | None = None, api_key: str | None = None) -> Record:
    """A new document; its id must be new too. raises UnknownDocument when the account is; NumberTaken"""
    record = Record(document, rows.next_revision(None, document))
    values: Json = {"id": ref.id, "document": document, "revision": record.revision, "deleted": False,
                    "changed": now, "position": _place([], now)}
    if ref.kind == "account":
        values |= {"parent_id": parent_id, "api_key_sha256": api_key and rows.key_hash(api_key)}
    else:
        await existing(connection, Ref(ref.account_id, "account", ref.account_id))
        values |= {"account_id": ref.account_id, "owner_id": document.get("owner_id")}
    await connection.execute(sa.insert(rows.TABLES[ref.kind]).values(**values))
    await numbers.claim(connection, ref, {}, document)
    return record


async def remove(connection: AsyncConnection, ref: Ref, now: int) -> Record:
    """Mark as deleted; what it was. An account loses its api key with it, and everything below goes too.

    raises   UnknownDocument; HasDescendants
    """
    old = await existing(connection, ref)
    values: Json = {"deleted": True, "changed": now, "revision": rows.next_revision(old.revision, old.document)}
    if ref.kind == "account":
        values["api_key_sha256"] = None
        await _empty(connection, ref.id, now)
    await numbers.release(connection, ref)
    await connection.execute(_where(sa.update(rows.TABLES[ref.kind]), ref).values(**values))
    return Record(old.document, values["revision"])


async def _empty(connection: AsyncConnection, account_id: str, now: int) -> None:
    """Nothing in it comes back with an account that is imported under its id."""
    below = sa.select(tables.accounts.c.id).where(tables.accounts.c.parent_id == account_id, ~tables.accounts.c.deleted)
    if (await connection.execute(below.limit(1))).first() is not None:
        raise HasDescendants(account_id)
    for _, table in rows.KINDS_BELOW:
        mine = sa.and_(table.c.account_id == account_id, ~table.c.deleted)
        await connection.execute(sa.update(table).where(mine).values(deleted=True, changed=now))


async def set_api_key(connection: AsyncConnection, account_id: str, api_key: str, now: int) -> None:
    """Keep the hash of a new key; the old key is worth nothing from now on."""
    ref = Ref(account_id, "account", account_id)
    await existing(connection, ref)
    values = {"api_key_sha256": rows.key_hash(api_key), "changed": now}
    await connection.execute(_where(sa.update(tables.accounts), ref).values(**values))


def seed_rows(accounts: list[Json], now: int) -> dict[Kind, list[Json]]:
    """Rows of a seed, by kind; `position` keeps the order of the file."""
    batches: dict[Kind, list[Json]] = {"account": [], "user": [], "device": []}
    for account in accounts:
        own = {key: value for key, value in account.items() if key not in ("users", "devices", "api_key", "parent")}
        api_key = account.get("api_key")
        batches["account"].append({
            "id": account["id"], "parent_id": account.get("parent"), "changed": now, "deleted": False, "document": own,
            "api_key_sha256": rows.key_hash(api_key) if api_key else None, "position": _place(batches["account"], now)})
        for kind, key in (("user", "users"), ("device", "devices")):
            batch = batches[kind]  # type: ignore[index]
            for document in account.get(key, ()):
                batch.append({"account_id": account["id"], "id": document["id"], "deleted": False, "changed": now,
                              "owner_id": document.get("owner_id"), "document": document,
                              "position": _place(batch, now)})
    return batches


async def take_seed(connection: AsyncConnection, batches: Mapping[Kind, list[Json]]) -> None:
    """Write the rows of a seed. raises SeedError when a number is taken by somebody whom it does not name"""
    old = await rows.load(connection, [row["id"] for row in batches["account"]], bare=True)
    for row in batches["account"]:
        if (account := old.get(row["id"])) is not None:
            kept = {key: account.record.document[key] for key in rows.BESIDES if key in account.record.document}
            row["document"] = kept | row["document"]
    await numbers.claim_all(connection, batches)
    for kind, batch in batches.items():
        revisions = await rows.revisions(connection, kind)
        for row in batch:
            before = revisions.get((str(row.get("account_id", row["id"])), str(row["id"])))
            row["revision"] = rows.next_revision(before, row["document"])
        await rows.write(connection, kind, batch)


def _place(batch: list[Json], now: int) -> int:
    return now * 1_000_000 + len(batch)
