# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP connections that cannot use up what calls need: every one is a file, and so is every RTP socket. API loop."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 400  # app._raise_file_limit leaves 500 files beside those that calls may need
PATIENCE_S = 10.0  # until a new connection has asked its first question


class Connection(H11Protocol):
    """HTTP/1.1. One too many is closed at once, one that asks nothing after a while."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
        else:
            self.loop.call_later(PATIENCE_S, self._lose_patience)

    def _lose_patience(self) -> None:
        if self.scope is None:  # no question yet
            self.transport.close()
