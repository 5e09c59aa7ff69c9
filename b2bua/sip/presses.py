# SPDX-License-Identifier: GPL-3.0-or-later
"""The presses that one leg's far end gets from us, each in its peer's own method, one after another. SIP thread."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from b2bua.calls import info
from b2bua.calls.digit import FLASH
from b2bua.sip import relay

if TYPE_CHECKING:
    from b2bua.sip.leg import SipLeg

EVENT_MS = (40, 6000)  # an event of ours lasts
GAP_MS = 60  # after it, with its end packets (ITU-T Q.24 wants 40)
MOST_WAITING = 200  # more than this many presses at once are no person's: they are dropped

log = logging.getLogger(__name__)


class Presses:
    """Sends presses in order. An event or a tone waits until the one before it is over: PJSIP would keep but 32.

    method   `peers.*.dtmf`
    event    sends one RFC 4733 event: CallSendDtmfParam
    tone     plays one digit: (digit, ms)
    """

    def __init__(self, leg: SipLeg, method: str, loop: asyncio.AbstractEventLoop, event: Callable[[Any], None],
                 tone: Callable[[str, int], None]) -> None:
        self._leg, self._method, self._loop = leg, method, loop
        self._event, self._tone = event, tone
        self._waiting: deque[tuple[str, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._free_s = 0.0

    def send(self, digit: str, duration_ms: int) -> None:
        """`auto`: by RFC 4733 where the far end takes events, else by INFO."""
        if self._method == "info" or (self._method == "auto" and not self._takes_events):
            self._leg.send_info(info.RELAY, info.render(digit, duration_ms))
        elif len(self._waiting) >= MOST_WAITING:
            log.warning("leg %s of %s: %d presses wait to be sent; one more is dropped", self._leg.id, self._leg.peer,
                        MOST_WAITING)
        else:
            self._waiting.append((digit, max(EVENT_MS[0], min(duration_ms, EVENT_MS[1]))))
            self._next()

    def close(self) -> None:
        """The leg has gone."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def _takes_events(self) -> bool:
        if self._leg.call_id is None:
            return False
        stats = pj.stream_stats(self._leg.call_id)
        return bool(stats.valid) and stats.tx_event_pt >= 0

    def _next(self) -> None:
        if self._timer is not None:
            return
        now_s = self._loop.time()
        if now_s < self._free_s:
            self._timer = self._loop.call_later(self._free_s - now_s, self._over)
            return
        digit, duration_ms = self._waiting.popleft()
        self._free_s = now_s + (duration_ms + GAP_MS) / 1000
        if self._method == "inband":
            self._tone(digit, duration_ms)
        else:
            relay.inserting(self._leg, duration_ms)
            prm = pj.CallSendDtmfParam()
            prm.method, prm.duration = pj.PJSUA_DTMF_METHOD_RFC2833, duration_ms
            prm.digits = "R" if digit == FLASH else digit
            self._event(prm)
        if self._waiting:
            self._next()

    def _over(self) -> None:
        self._timer = None
        if self._waiting:
            self._next()
