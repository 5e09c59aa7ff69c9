# SPDX-License-Identifier: GPL-3.0-or-later
"""The API thread: its own asyncio loop, on which uvicorn and the store live. Nothing of SIP runs here."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvicorn

from b2bua.api.app import create_app
from b2bua.api.connections import Connection
from b2bua.api.parts import ApiParts
from b2bua.api.webhooks import Webhooks

log = logging.getLogger(__name__)

T = TypeVar("T")
START_S = 60.0  # opening the database and migrating it included
STOP_S = 10.0
CLOSE_S = 2  # how long open requests (event streams) may go on when we stop
BACKLOG = 512


class ApiError(Exception):
    """The API cannot listen. The text names `api.listen` and what to do."""


class ApiThread:
    """Listens, then opens the store: until that is done all questions are answered 503.

    seed   a document to import when the store is empty
    """

    def __init__(self, parts: ApiParts, seed: Any = None) -> None:
        self._parts = parts
        self._seed = seed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._webhooks: Webhooks | None = None
        self._socket: socket.socket | None = None

    # -- from other threads -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when the store has been read. May be called once.

        raises   ApiError naming api.listen; StoreError naming the store; SeedError naming the key
        """
        self._socket = self._bound()
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        try:
            self.call(self._open(), START_S + self._parts.store.wait_s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop listening, let requests finish, close the store, end the thread. May be called twice."""
        if self._loop is None or not self._thread.is_alive():
            return
        try:
            self.call(self._close(), STOP_S)
        except Exception:
            log.exception("api: did not stop in order")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)
        if not self._thread.is_alive():
            self._loop.close()
        if self._socket is not None:
            self._socket.close()

    def call(self, work: Coroutine[Any, Any, T], limit_s: float = STOP_S) -> T:
        """Run a coroutine on the API loop and wait for it: `thread.call(store.import_seed(document))`."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the API has not been started")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(limit_s)
        except TimeoutError:
            future.cancel()
            raise

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the API loop and await it on another one; cancelling this cancels it."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the API has not been started")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        if self._socket is None:
            raise RuntimeError("the API has not been started")
        host, port = self._socket.getsockname()[:2]
        return host, port

    # -- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _bound(self) -> socket.socket:
        host, port = self._parts.settings.address
        shown = f"api.listen = {self._parts.settings.listen!r}"
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
            # accepted sockets inherit it; asyncio would not set it on them, and each answer would wait 40 ms for an ACK
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return listening
        except socket.gaierror as error:
            raise ApiError(f"{shown}: there is no such host: {error.strerror}") from None
        except OSError as error:
            advice = {errno.EADDRINUSE: "another program listens there: stop it, or choose another port",
                      errno.EADDRNOTAVAIL: "this machine does not have that address",
                      errno.EACCES: "ports below 1024 need privileges: choose a higher one"}
            why = advice.get(error.errno or 0, os.strerror(error.errno or 0))
            raise ApiError(f"{shown}: cannot listen: {why}") from None

    async def _open(self) -> None:
        config = uvicorn.Config(create_app(self._parts), http=Connection, ws="websockets-sansio", log_config=None,
                                access_log=False, lifespan="off", server_header=False,
                                timeout_graceful_shutdown=CLOSE_S)
        self._server = uvicorn.Server(config)
        assert self._socket is not None
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="uvicorn")
        while not self._server.started:
            if self._serving.done():
                raise ApiError(f"api.listen = {self._parts.settings.listen!r}: the server ended at once; see the log")
            await asyncio.sleep(0.01)
        log.info("api: listening on %s:%d", *self.address)
        store = self._parts.store
        await store.open()
        if self._seed is not None and await store.is_empty():
            await store.import_seed(self._seed)
        self._webhooks = Webhooks(store, self._parts.events, self._parts.registry, self._parts.clock,
                                  private_addresses=self._parts.settings.webhooks.private_addresses)
        self._webhooks.start()

    async def _close(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            self._parts.events.close()
            await self._serving
        if self._webhooks is not None:
            await self._webhooks.stop()
        await self._parts.store.close()
