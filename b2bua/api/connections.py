# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP connections that cannot use up what calls need: every one is a file, and so is every RTP socket. API loop."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 400  # app._raise_file_limit leaves 500 files beside those that calls may need
PATIENCE_S = 10.0  # until a question's header is there: on a new connection from its start, later from its first byte


class Connection(H11Protocol):
    """HTTP/1.1. One too many is closed at once, one that takes too long to ask after a while."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """A header that is not whole gets its time once, not anew with each byte."""
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._patience is None:
            self._patience = self.loop.call_later(PATIENCE_S, self.transport.close)

    def _stop(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
