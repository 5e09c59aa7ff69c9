# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: what is on disk, a copy of it in memory for reading, and word to others when it changes.

Every method runs on the loop that opened the store (the API thread's). Reads are served from memory; a write is
answered when it is on disk, in memory, and everyone in `on_change` has been told. What other processes write is seen
at once on PostgreSQL, which gives notice, and within POLL_S on SQLite.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.calls.directory import Directory
from b2bua.store import changes, database, notices, rows, seed, tables
from b2bua.store.errors import Conflict, StoreError, Unreachable
from b2bua.store.memory import Memory
from b2bua.store.rows import Json, Record, Ref

log = logging.getLogger(__name__)

POLL_S = 0.4  # other sidecars' writes must be seen within a second
AGAIN_S = 1.0  # while PostgreSQL is waited for at the start
T = TypeVar("T")
Edit = Callable[[Json], Json]


class Store(Memory):
    """Accounts, users and devices: reading is Memory's, here is everything that touches the database.

    wait_s      how long open() waits for a PostgreSQL that does not answer
    on_change   told (on this loop, after commit) of every new snapshot; also of the first one, in open()
    """

    def __init__(self, url: str, wait_s: float = 0.0) -> None:
        super().__init__()
        self.url, self.wait_s = url, wait_s
        self.on_change: list[Callable[[Directory], None]] = []
        self._engine: AsyncEngine | None = None
        self._seen = -1
        self._secrets: dict[str, str] = {}
        self._catching_up = asyncio.Lock()
        self._news = asyncio.Event()
        self._watching: tuple[asyncio.Task[None], ...] = ()

    # -- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, migrate, load everything, and begin to watch for other writers.

        raises   StoreError that names the url and what to do
        """
        engine = database.make_engine(self.url)
        try:
            await self._reach(engine)
        except BaseException:
            await engine.dispose()
            raise
        self._engine = engine
        await self._guarded(self._catch_up())
        await self.secret()  # who asks must be known when the database is away, too
        self._watching = (asyncio.create_task(self._watch(), name="store watches for other writers"),
                          asyncio.create_task(notices.listen(engine, self._news.set), name="store listens"))

    async def _reach(self, engine: AsyncEngine) -> None:
        """Migrate as soon as it answers. raises StoreError; Unreachable when it did not in time"""
        until_s = time.monotonic() + self.wait_s
        was_told = False
        while True:
            try:
                await database.migrate(engine, self.url)
                return
            except Unreachable as error:
                if time.monotonic() >= until_s:
                    raise
                if not was_told:
                    log.warning("%s (tried again for %g s: store_wait_s)", error, self.wait_s)
                was_told = True
                await asyncio.sleep(AGAIN_S)

    @property
    def is_open(self) -> bool:
        """Has it been read?"""
        return self._seen >= 0

    async def close(self) -> None:
        """Let go of the database."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def ping(self) -> None:
        """Does the database answer? raises StoreError when it does not."""
        async def ask() -> None:
            async with self._open_engine().connect() as connection:
                await rows.counter(connection)
        await self._guarded(ask())

    def _open_engine(self) -> AsyncEngine:
        if self._engine is None:
            raise StoreError(f"store: {database.shown(self.url)}: is not open")
        return self._engine

    async def _guarded(self, work: Awaitable[T]) -> T:
        """Database trouble becomes StoreError; a clash of ids or keys becomes Conflict."""
        try:
            return await work
        except IntegrityError as error:
            raise Conflict(str(error.orig)) from error
        except database.TROUBLE as error:
            raise StoreError(f"store: {database.shown(self.url)}: {database.reason(error)}") from error

    # -- writing ------------------------------------------------------------------------------------------------

    async def replace_metaflows(self, ref: Ref, metaflows: Json) -> str:
        """Put (validated) metaflows in place of the old ones; the new revision. raises UnknownDocument"""
        return (await self.edit(ref, lambda document: {**document, "metaflows": metaflows})).revision

    async def delete_metaflows(self, ref: Ref) -> str:
        """Remove the metaflows; the revision, which stays as it was if there were none. raises UnknownDocument"""
        def without(document: Json) -> Json:
            return {key: value for key, value in document.items() if key != "metaflows"}
        return (await self.edit(ref, without)).revision

    async def edit(self, ref: Ref, change: Edit, *, revision: str | None = None) -> Record:
        """Change a document: `change` gets a copy and returns the new one.

        raises   UnknownDocument; NumberTaken; Conflict when `revision` is given and no longer the current one
        """
        async def work(connection: AsyncConnection, now: int) -> Record:
            old = await changes.existing(connection, ref)
            if revision is not None and revision != old.revision:
                raise Conflict(ref.id)
            new = change(dict(old.document))
            if rows.text(new) == rows.text(old.document):
                return old
            return await changes.save(connection, ref, old, new, now)
        return await self._change(work)

    async def create(self, ref: Ref, document: Json, *, parent_id: str | None = None,
                     api_key: str | None = None) -> Record:
        """A new account (with its parent and api key), user or device.

        raises   UnknownDocument when there is no such account; NumberTaken; Conflict when the id or api key is taken
        """
        async def work(connection: AsyncConnection, now: int) -> Record:
            return await changes.insert(connection, ref, document, now, parent_id=parent_id, api_key=api_key)
        return await self._change(work)

    async def delete(self, ref: Ref) -> Record:
        """Remove a document (softly: the row stays, marked), an account with everything in it; what it was.

        raises   UnknownDocument; HasDescendants when it is an account with others below
        """
        async def work(connection: AsyncConnection, now: int) -> Record:
            return await changes.remove(connection, ref, now)
        return await self._change(work)

    async def renew_api_key(self, account_id: str) -> str:
        """A new api key for the account, shown this once; the old one and its tokens end. raises UnknownDocument"""
        api_key = secrets.token_hex(32)

        async def work(connection: AsyncConnection, now: int) -> None:
            await changes.set_api_key(connection, account_id, api_key, now)
        await self._change(work)
        return api_key

    async def import_seed(self, document: Any) -> None:
        """Write the accounts of a seed document, all or nothing. What is there already under these ids is replaced,
        but for what has routes of its own (rows.BESIDES).

        raises   SeedError, one line per problem, each naming the key; Conflict when another account has the api key
        """
        accounts = await asyncio.to_thread(seed.check, document)

        async def work(connection: AsyncConnection, now: int) -> None:
            await changes.take_seed(connection, changes.seed_rows(accounts, now))
        await self._change(work)
        log.info("store: %d accounts imported", len(accounts))

    async def secret(self, name: str = "jwt") -> str:
        """A secret that all sidecars on this store share; made at random when it is first asked for."""
        if name in self._secrets:
            return self._secrets[name]

        async def ask() -> str:
            async with self._open_engine().begin() as connection:
                await rows.tick(connection)
                query = sa.select(tables.secrets.c.value).where(tables.secrets.c.name == name)
                value: str | None = (await connection.execute(query)).scalar()
                if value is None:
                    value = secrets.token_hex(32)
                    await connection.execute(sa.insert(tables.secrets).values(name=name, value=value))
                return value
        self._secrets[name] = await self._guarded(ask())
        return self._secrets[name]

    async def _change(self, work: Callable[[AsyncConnection, int], Awaitable[T]]) -> T:
        async def transaction() -> T:
            async with self._open_engine().begin() as connection:
                now = await rows.tick(connection)
                result = await work(connection, now)
                await notices.give(connection)
                return result
        # shielded: a client that hangs up must not leave memory behind disk
        return await asyncio.shield(asyncio.ensure_future(self._then_catch_up(transaction())))

    async def _then_catch_up(self, transaction: Awaitable[T]) -> T:
        result = await self._guarded(transaction)
        try:
            await self._guarded(self._catch_up())
        except StoreError as error:  # it is on disk; memory follows as soon as the database answers again
            log.warning("%s: written, but not read back", error)
        return result

    # -- staying up to date -------------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Read what was written since we last looked, and tell everyone."""
        async with self._catching_up:
            async with self._open_engine().begin() as connection:
                now = await rows.counter(connection)
                if now == self._seen:
                    return
                news = await rows.news(connection, self._seen, self._accounts)
            is_first, self._seen = self._seen < 0, now
            if news.accounts or news.below or is_first:
                self._tell(self._take(news))

    def _tell(self, directory: Directory) -> None:
        for told in self.on_change:
            try:
                told(directory)
            except Exception:
                log.exception("store: a subscriber failed on a new directory")

    async def _watch(self) -> None:
        was_down = False
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._guarded(self._catch_up())
                if was_down:
                    log.info("store: %s answers again", database.shown(self.url))
                was_down = False
            except StoreError as error:
                if not was_down:
                    log.error("%s: changes by others are not seen until it answers again", error)
                was_down = True
