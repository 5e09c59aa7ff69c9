# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows in, rows out: the SQL of the store, on a connection that the caller opened. API thread.

A *record* is one stored document with its revision. Revisions look like CouchDB's, as KAZOO clients expect: `N-<hash>`,
where N counts the saves and the hash is of the document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from b2bua.store.tables import accounts, clock, devices, users

Kind = Literal["account", "user", "device"]
Json = dict[str, Any]
T = TypeVar("T")
Below = dict[str, dict[Kind, dict[str, "Record | None"]]]
TABLES: Mapping[str, sa.Table] = {"account": accounts, "user": users, "device": devices}
KINDS_BELOW: tuple[tuple[Kind, sa.Table], ...] = (("user", users), ("device", devices))
BESIDES = ("webhooks", "media_files")  # of an account's document: they have routes of their own
CHUNK = 500  # rows or ids in one statement; SQLite's default limit is 32766 parameters


@dataclass(frozen=True, slots=True)
class Ref:
    """Which document: an account (then `id` is the account's own), a user or a device."""

    account_id: str
    kind: Kind
    id: str


@dataclass(frozen=True, slots=True)
class Record:
    """One stored document. `document` is shared: never change it."""

    document: Json
    revision: str


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account with everything in it, as it stands in memory."""

    record: Record
    parent_id: str | None
    api_key_sha256: str | None
    users: Mapping[str, Record] = field(default_factory=dict)
    devices: Mapping[str, Record] = field(default_factory=dict)

    def of(self, kind: Kind, document_id: str) -> Record | None:
        """One of its documents."""
        if kind == "account":
            return self.record
        return (self.users if kind == "user" else self.devices).get(document_id)

    def as_seed(self) -> Json:
        """Shaped like an entry of the seed file, as Directory.build wants it."""
        return {**self.record.document, "users": [user.document for user in self.users.values()],
                "devices": [device.document for device in self.devices.values()]}


def chunks(of: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as fit into one statement."""
    for start in range(0, len(of), CHUNK):
        yield of[start:start + CHUNK]


def text(document: Json) -> str:
    """The document as JSON: two are the same only if the order of their keys is, for that is the order of patterns."""
    return json.dumps(document)


def next_revision(old: str | None, document: Json) -> str:
    """The revision after `old` (None: the first)."""
    number = int(old.partition("-")[0]) + 1 if old else 1
    digest = hashlib.md5(text(document).encode(), usedforsecurity=False).hexdigest()
    return f"{number}-{digest}"


def key_hash(api_key: str) -> str:
    """What is kept of an api key."""
    return hashlib.sha256(api_key.encode("utf-8", "surrogatepass")).hexdigest()


async def tick(connection: AsyncConnection) -> int:
    """Raise the clock; must be the first statement of every write transaction (it takes the write lock)."""
    await connection.execute(sa.update(clock).values(counter=clock.c.counter + 1))
    return await counter(connection)


async def counter(connection: AsyncConnection) -> int:
    """What the clock says."""
    return int((await connection.execute(sa.select(clock.c.counter))).scalar_one())


async def read(connection: AsyncConnection, ref: Ref) -> tuple[Record, bool] | None:
    """The record and whether it is deleted; None when there never was one."""
    if "\0" in ref.id:
        return None  # PostgreSQL would refuse the question
    table = TABLES[ref.kind]
    query = sa.select(table.c.document, table.c.revision, table.c.deleted).where(table.c.id == ref.id)
    if ref.kind != "account":
        query = query.where(table.c.account_id == ref.account_id)
    row = (await connection.execute(query)).first()
    return (Record(row.document, row.revision), row.deleted) if row else None


async def revisions(connection: AsyncConnection, kind: Kind) -> dict[tuple[str, str], str]:
    """The revision of every document of a kind, deleted or not, by (account id, id)."""
    table = TABLES[kind]
    account = table.c.id if kind == "account" else table.c.account_id
    rows = await connection.execute(sa.select(account, table.c.id, table.c.revision))
    return {(row[0], row[1]): row[2] for row in rows}


async def write(connection: AsyncConnection, kind: Kind, rows: Sequence[Json]) -> None:
    """Insert or replace whole rows (all with the same columns). A row that exists keeps its place."""
    if not rows:
        return
    table = TABLES[kind]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement: Any = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in (*keys, "position")}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    for some in chunks(rows):
        await connection.execute(statement, list(some))


@dataclass(frozen=True, slots=True)
class News:
    """What was written after the clock said something.

    accounts  id -> the account now, None when it is gone; with users and devices only if it was not known before
    below     account id -> kind -> id -> the document now, None when it is gone
    """

    accounts: Mapping[str, AccountRecord | None]
    below: Mapping[str, Mapping[Kind, Mapping[str, Record | None]]]


async def news(connection: AsyncConnection, seen: int, known: Container[str]) -> News:
    """What was written after the clock said `seen`, in stored order."""
    query = sa.select(accounts.c.id).where(accounts.c.changed > seen).order_by(accounts.c.position)
    ids = list((await connection.execute(query)).scalars())
    whole = await load(connection, [account_id for account_id in ids if account_id not in known])
    bare = await load(connection, [account_id for account_id in ids if account_id in known], bare=True)
    below = await _below(connection, lambda table: table.c.changed > seen) if seen >= 0 else {}
    return News({account_id: whole.get(account_id) or bare.get(account_id) for account_id in ids}, below)


async def load(connection: AsyncConnection, ids: Sequence[str], *, bare: bool = False) -> dict[str, AccountRecord]:
    """These accounts in stored order, with their users and devices unless `bare`; deleted ones are missing."""
    found: dict[str, AccountRecord] = {}
    for some in chunks(ids):
        found |= await _load_some(connection, some, bare)
    return found


async def _load_some(connection: AsyncConnection, ids: Sequence[str], bare: bool) -> dict[str, AccountRecord]:
    below = {} if bare else await _below(connection, lambda table: table.c.account_id.in_(ids))

    def of(account_id: str, kind: Kind) -> dict[str, Record]:
        found = below.get(account_id, {}).get(kind, {})
        return {document_id: record for document_id, record in found.items() if record is not None}
    query = sa.select(accounts).where(accounts.c.id.in_(ids), ~accounts.c.deleted).order_by(accounts.c.position)
    return {row.id: AccountRecord(Record(row.document, row.revision), row.parent_id, row.api_key_sha256,
                                  of(row.id, "user"), of(row.id, "device"))
            for row in await connection.execute(query)}


async def _below(connection: AsyncConnection, which: Callable[[sa.Table], sa.ColumnElement[bool]]) -> Below:
    found: Below = {}
    for kind, table in KINDS_BELOW:
        query = sa.select(table.c.account_id, table.c.id, table.c.document, table.c.revision, table.c.deleted).where(
            which(table)).order_by(table.c.position, table.c.id)
        for row in await connection.execute(query):
            record = None if row.deleted else Record(row.document, row.revision)
            found.setdefault(row.account_id, {}).setdefault(kind, {})[row.id] = record
    return found
