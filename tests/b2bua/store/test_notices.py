# SPDX-License-Identifier: GPL-3.0-or-later
"""Two sidecars on one PostgreSQL: what one writes the other knows at once, by notice."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from b2bua.store import Ref, Store

A = "a" * 32
DEVICE = Ref(A, "device", "d1")
NEVER_S = 3600.0
LISTENERS = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"


@pytest.fixture
def database(postgres: str) -> str:
    """The one that all sidecars of this module share."""
    return postgres


@pytest.fixture
async def admin(database: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who may look at the server, and end connections."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def two(database: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Store]]:
    """Two sidecars that do not poll."""
    monkeypatch.setattr("b2bua.store.store.POLL_S", NEVER_S)
    stores = [Store(database), Store(database)]
    await asyncio.gather(*(store.open() for store in stores))
    await listening(admin, 2)
    await stores[0].import_seed({"accounts": [{"id": A, "name": "Alpha", "devices": [{"id": "d1"}]}]})
    yield stores
    await asyncio.gather(*(store.close() for store in stores))


async def listening(admin: asyncpg.Connection, count: int, without: frozenset[int] = frozenset()) -> set[int]:
    """The server processes of so many listeners, when they are there."""
    for _ in range(500):
        if len(pids := {row["pid"] for row in await admin.fetch(LISTENERS)} - without) == count:
            return pids
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{pids} listen, not {count}")


async def seconds_until_seen(writer: Store, reader: Store, number: str) -> float:
    """From the question to the writer until the reader's snapshot has it."""
    seen = asyncio.Event()
    reader.on_change.append(lambda directory: seen.set() if directory.by_number(A, number) else None)
    began_s = time.perf_counter()
    await writer.edit(DEVICE, lambda document: {**document, "numbers": [number]})
    await asyncio.wait_for(seen.wait(), 5)
    return time.perf_counter() - began_s


async def test_a_write_is_known_everywhere_within_milliseconds(two: list[Store]) -> None:
    one, other = two
    spent = [await seconds_until_seen(*pair, str(1000 + index)) for index in range(20)
             for pair in [(one, other) if index % 2 else (other, one)]]
    print(f"seen after {statistics.median(spent) * 1000:.1f} ms, worst {max(spent) * 1000:.1f} ms")
    assert statistics.median(spent) < 0.1
    assert max(spent) < 1.0


async def test_a_lost_connection_is_replaced_and_nothing_is_missed(two: list[Store], admin: asyncpg.Connection) -> None:
    one, other = two
    before = await listening(admin, 2)
    for pid in before:
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await seconds_until_seen(one, other, "2000")  # written while nobody listened: seen when they do again
    assert not before & await listening(admin, 2, frozenset(before))
    assert await seconds_until_seen(one, other, "2001") < 1.0


async def test_polling_finds_what_no_notice_told(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.store.notices.CHANNEL", "nobody_writes_here")
    monkeypatch.setattr("b2bua.store.store.notices.give", lambda connection: asyncio.sleep(0))
    one, other = Store(database), Store(database)
    await asyncio.gather(one.open(), other.open())
    await one.import_seed({"accounts": [{"id": A, "name": "Alpha", "devices": [{"id": "d1"}]}]})
    assert await seconds_until_seen(one, other, "3000") < 1.0
    await asyncio.gather(one.close(), other.close())
