# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL tells all sidecars at once when one of them has written (LISTEN and NOTIFY). API thread.

The notice says only that there is something new: what it is, the clock and `changed` columns tell. So a notice that is
lost, or a pooler in between that cannot pass it on, costs nothing but the wait for the next poll.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.store.database import TROUBLE

log = logging.getLogger(__name__)

CHANNEL = "b2bua_changed"
AGAIN_S = 1.0  # after a lost connection
ALIVE_S = 15.0  # how often the connection is tried, for a dead one may look as if nobody wrote


async def give(connection: AsyncConnection) -> None:
    """Tell everyone when this transaction is committed."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))


async def listen(engine: AsyncEngine, heard: Callable[[], None]) -> None:
    """Call `heard` for every notice, and after every gap in listening. Until cancelled; returns at once on SQLite."""
    while engine.dialect.name == "postgresql":
        try:
            async with engine.connect() as connection:
                await _follow(connection, heard)
        except (*TROUBLE, SQLAlchemyError) as error:
            log.debug("store: notices: %s", error)
        await asyncio.sleep(AGAIN_S)


async def _follow(connection: AsyncConnection, heard: Callable[[], None]) -> None:
    """Until the connection is lost."""
    await connection.execution_options(isolation_level="AUTOCOMMIT")
    raw: Any = (await connection.get_raw_connection()).driver_connection
    lost = asyncio.Event()
    raw.add_termination_listener(lambda gone: lost.set())
    try:
        await raw.add_listener(CHANNEL, lambda *notice: heard())
        heard()
        while not lost.is_set():
            try:
                async with asyncio.timeout(ALIVE_S):
                    await lost.wait()
            except TimeoutError:
                await connection.execute(sa.select(1))
    finally:
        await connection.invalidate()  # it listens: nobody else may get it from the pool
