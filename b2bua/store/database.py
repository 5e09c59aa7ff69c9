# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the database: driver, pragmas, migrations, and errors a person can act on. API thread.

SQLite runs in WAL mode with synchronous=FULL: a commit that returned survives kill -9 and power loss.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from b2bua.store.errors import StoreError, Unreachable

BUSY_TIMEOUT_MS = 10_000  # another process may be writing; sqlite.org/pragma.html#pragma_busy_timeout
CONNECT_S = 5.0  # a PostgreSQL that does not answer in this time is down
COMMAND_S = 30.0  # long enough for a big import's largest statement
MIGRATION_LOCK = 0x62326275  # pg_advisory_xact_lock key: one sidecar migrates, the others wait
TROUBLE = (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)  # of any database
AWAY = (OSError, PoolTimeout, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)  # it may come back
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


def shown(url: str) -> str:
    """The url for logs and errors: without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "(unreadable url)"


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        raise StoreError("store: the url cannot be read: write sqlite:///path/to/file.db or "
                         "postgresql://user:password@host/database") from None
    if parsed.drivername not in DRIVERS:
        raise StoreError(f"store: {shown(url)}: must begin with sqlite:/// or postgresql://")
    return parsed.set(drivername=DRIVERS[parsed.drivername])


def _sqlite_engine(url: URL, text: str) -> AsyncEngine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"store: {text}: cannot create the directory {path.parent}: {error.strerror}: "
                         "make it writable for this user, or set `store` to another path") from None
    engine = create_async_engine(url, hide_parameters=True)

    @sa.event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, so that DDL is transactional too
        cursor = connection.cursor()
        _use_wal(cursor)
        for pragma in ("synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _use_wal(cursor: Any) -> None:
    """Of several processes that open a new file one changes its mode; SQLite does not make the others wait for that."""
    until_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until_s:
                raise
        await_only(asyncio.sleep(0.02))


def make_engine(url: str) -> AsyncEngine:
    """An engine for `sqlite:///path` (its directory is created) or `postgresql://...`; connects to nothing yet.

    raises   StoreError naming the url
    """
    parsed = _parsed(url)
    if parsed.drivername.startswith("sqlite"):
        return _sqlite_engine(parsed, shown(url))
    return create_async_engine(parsed, hide_parameters=True, pool_pre_ping=True, pool_size=5, max_overflow=5,
                               connect_args={"timeout": CONNECT_S, "command_timeout": COMMAND_S})


def _upgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def migrate(engine: AsyncEngine, url: str) -> None:
    """Bring the schema up to date; several sidecars may try at once.

    raises   Unreachable when nobody answers; StoreError when trying again is no use. Both name the url and what to do
    """
    try:
        async with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            else:
                await connection.exec_driver_sql("PRAGMA user_version=0")  # a write: takes the write lock, or waits
            await connection.run_sync(_upgrade)
    except TROUBLE as error:
        kind = Unreachable if is_away(engine, error) else StoreError
        raise kind(f"store: {shown(url)}: cannot be opened: {reason(error)}: {_advice(engine)}") from error


def is_away(engine: AsyncEngine, error: BaseException) -> bool:
    """Is it the server that does not answer, and not what was asked?"""
    cause = error.__cause__ if isinstance(error, DBAPIError) else error
    orig = getattr(error, "orig", None)
    return engine.dialect.name == "postgresql" and any(
        isinstance(one, AWAY) for one in (error, cause, orig, getattr(orig, "__cause__", None)))


def reason(error: BaseException) -> str:
    """What the database said, in one line."""
    return (str(getattr(error, "orig", None) or error) or type(error).__name__).splitlines()[0]


def _advice(engine: AsyncEngine) -> str:
    if engine.dialect.name == "postgresql":
        return "check that PostgreSQL runs, that host, user and password are right, and that the database exists"
    return "check that the file is a database of this program, that this user may write it, and that the disk has room"
