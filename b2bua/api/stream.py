# SPDX-License-Identifier: GPL-3.0-or-later
"""Events on their way from the SIP thread to those who listen by API. `publish` may be called from any thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from b2bua.calls.events import Event

log = logging.getLogger(__name__)

BACKLOG = 1000  # events one listener may fall behind; then it loses the newest, and is told how many
PENDING_MAX = 10_000  # events on their way between the threads; more are lost for everybody, and counted


@dataclass(slots=True, eq=False)
class Listener:
    """Somebody who hears the events of one account (None: of all). Waits with `next`; None: the stream is over."""

    account_id: str | None
    names: tuple[str, ...] = ("*",)
    call_id: str | None = None
    lost: int = 0
    _queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))

    def wants(self, event: Event) -> bool:
        """Is it this listener's business?"""
        return (self.account_id in (None, event.account_id) and self.call_id in (None, event.call_id)
                and any(fnmatchcase(event.name, name) for name in self.names))

    def offer(self, event: Event | None) -> None:
        """Put it in the queue, or count it as lost."""
        if event is None and self._queue.full():
            self._queue.get_nowait()
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.lost += 1

    async def next(self) -> Event | None:
        """The next event."""
        return await self._queue.get()


class EventStream:
    """All listeners. Everything but `publish` belongs to the API loop."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()  # held for a few bytecodes: guards the count below
        self._pending = 0
        self.lost = 0

    def publish(self, event: Event) -> None:
        """Take an event from the call side; never blocks, never raises. Subscribe this: `events.subscribe(...)`."""
        loop = self._loop
        if loop is None or event.account_id is None:
            return
        with self._lock:
            if self._pending >= PENDING_MAX:
                self.lost += 1
                return
            self._pending += 1
        try:
            loop.call_soon_threadsafe(self._spread, event)
        except RuntimeError:  # the API loop has ended
            self._loop = None

    def _spread(self, event: Event) -> None:
        with self._lock:
            self._pending -= 1
        for listener in self._listeners:
            if listener.wants(event):
                listener.offer(event)

    def count(self, account_id: str) -> int:
        """How many listen to this account."""
        return sum(listener.account_id == account_id for listener in self._listeners)

    @contextlib.contextmanager
    def listening(self, listener: Listener) -> Iterator[Listener]:
        """While this lasts the listener hears events."""
        self._loop = asyncio.get_running_loop()
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)
            if not self._listeners:
                self._loop = None

    def close(self) -> None:
        """End every listener's stream."""
        for listener in self._listeners:
            listener.offer(None)


def shown(event: Event) -> dict[str, Any]:
    """An event as it is sent."""
    at = datetime.fromtimestamp(event.at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"name": event.name, "timestamp": at, "account_id": event.account_id, "call_id": event.call_id,
            "leg_id": event.leg_id, "fields": dict(event.fields)}
