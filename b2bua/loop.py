# SPDX-License-Identifier: GPL-3.0-or-later
"""An ordinary asyncio loop whose selector polls PJSIP, so that SIP, timers and coroutines share one thread.

`select(timeout)` first lets PJSIP work for at most POLL_MS, then asks the real selector without waiting. Whoever calls
`call_soon_threadsafe` is therefore heard within POLL_MS at the latest.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from typing import Any

POLL_MS = 10


class PollingSelector(selectors.BaseSelector):
    """Delegates to the system's selector and polls PJSIP between.

    poll     `poll(timeout_ms)`: handle SIP events; returns after the first or at the time-out
    turned   told the seconds spent between two polls (a turn of the loop that takes long delays SIP)
    """

    def __init__(self, poll: Callable[[int], None], turned: Callable[[float], None]) -> None:
        self._inner = selectors.DefaultSelector()
        self._poll = poll
        self._turned = turned
        self._polled_s = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See asyncio; `timeout` seconds, None: as long as POLL_MS."""
        wait_ms = POLL_MS if timeout is None else min(POLL_MS, max(0, round(timeout * 1000)))
        begin_s = time.monotonic()
        self._poll(wait_ms)
        end_s = time.monotonic()
        # Work is what lies between polls, and PJSIP's callbacks, which make a poll last longer than it would wait.
        self._turned(begin_s - self._polled_s + max(0.0, end_s - begin_s - wait_ms / 1000))
        self._polled_s = end_s
        return self._inner.select(0)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the system's selector."""
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As the system's selector."""
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the system's selector."""
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """As the system's selector."""
        return self._inner.get_map()

    def close(self) -> None:
        """As the system's selector."""
        self._inner.close()


def sip_loop(poll: Callable[[int], None], turned: Callable[[float], None]) -> asyncio.AbstractEventLoop:
    """A loop for the SIP thread."""
    return asyncio.SelectorEventLoop(PollingSelector(poll, turned))
