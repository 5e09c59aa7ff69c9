# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a number is: a row for each, so that the database lets no two devices (or users) have it. API thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from b2bua.calls.directory import user_parts
from b2bua.store.errors import NumberTaken, SeedError
from b2bua.store.rows import Json, Kind, Ref, chunks
from b2bua.store.tables import numbers

Whose = tuple[str, str, str]  # account id, kind, number


async def claim(connection: AsyncConnection, ref: Ref, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """The document has these numbers from now on. raises NumberTaken"""
    mine = user_parts(new)
    if ref.kind == "account" or mine == user_parts(old):
        return
    await release(connection, ref)
    for some in chunks(mine):
        query = sa.select(numbers.c.number, numbers.c.document_id).where(
            numbers.c.account_id == ref.account_id, numbers.c.kind == ref.kind, numbers.c.number.in_(some))
        if (taken := (await connection.execute(query)).first()) is not None:
            is_username = (new.get("sip") or {}).get("username") == taken.number
            raise NumberTaken("sip.username" if is_username else "numbers", taken.number, taken.document_id)
    await _write(connection, {(ref.account_id, ref.kind, number): ref.id for number in mine})


async def release(connection: AsyncConnection, ref: Ref) -> None:
    """The document has no numbers any more; an account: nor has anything in it."""
    delete = sa.delete(numbers).where(numbers.c.account_id == ref.account_id)
    if ref.kind != "account":
        delete = delete.where(numbers.c.kind == ref.kind, numbers.c.document_id == ref.id)
    await connection.execute(delete)


async def claim_all(connection: AsyncConnection, batches: Mapping[Kind, Iterable[Json]]) -> None:
    """The same for all users and devices of a seed. raises SeedError, one line for each number that is taken"""
    accounts = [row["id"] for row in batches["account"]]
    new = {(row["account_id"], kind, row["id"]): row["document"]
           for kind in ("user", "device") for row in batches[kind]}
    holders: dict[Whose, str] = {}
    for some in chunks(accounts):
        for row in await connection.execute(sa.select(numbers).where(numbers.c.account_id.in_(some))):
            if (row.account_id, row.kind, row.document_id) not in new:
                holders[row.account_id, row.kind, row.number] = row.document_id
        await connection.execute(sa.delete(numbers).where(numbers.c.account_id.in_(some)))
    lines = []
    for (account_id, kind, document_id), document in new.items():
        for number in user_parts(document):
            if (other := holders.setdefault((account_id, kind, number), document_id)) != document_id:
                lines.append(f"account {account_id}, {kind} {document_id}: the number {number!r} belongs to "
                             f"{kind} {other}, which is there already")
    if lines:
        raise SeedError(lines)
    await _write(connection, holders)


async def _write(connection: AsyncConnection, holders: Mapping[Whose, str]) -> None:
    rows = [{"account_id": account_id, "kind": kind, "number": number, "document_id": document_id}
            for (account_id, kind, number), document_id in holders.items()]
    for some in chunks(rows):
        await connection.execute(sa.insert(numbers), some)
