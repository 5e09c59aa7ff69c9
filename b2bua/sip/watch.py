# SPDX-License-Identifier: GPL-3.0-or-later
"""Looked at now and then: legs whose far end has vanished, and what the gate refused. SIP thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from b2bua.calls.reason import EndReason, Result
from b2bua.sip.leg import SipLeg

log = logging.getLogger(__name__)

ROUNDS = 6  # looks per time-out: a dead leg is found at most a sixth late
GONE_HEADER = 'SIP;cause=408;text="media timeout"'


class MediaWatch:
    """Looks at every leg's packet counter now and then. A leg on hold, whoever holds it, may be silent."""

    def __init__(self, legs: Callable[[], Iterable[SipLeg]], timeout_s: float) -> None:
        self._legs = legs
        self._timeout_s = timeout_s
        self._seen: dict[SipLeg, tuple[int, float]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while self._timeout_s > 0:
            await asyncio.sleep(self._timeout_s / ROUNDS)
            try:
                legs = [leg for leg in self._legs() if leg.should_be_heard]
                self._seen = {leg: self._look(leg, loop.time()) for leg in legs}
            except Exception:  # the barrier of this watch
                log.exception("the media watch failed; it goes on")

    def _look(self, leg: SipLeg, now_s: float) -> tuple[int, float]:
        packets = leg.packets_received()
        before, since_s = self._seen.get(leg, (-1, now_s))
        if packets != before:
            return packets, now_s
        if now_s - since_s >= self._timeout_s:
            log.warning("leg %s of %s has sent no RTP for %.0f s (media.timeout_s): call ended", leg.id, leg.peer,
                        now_s - since_s)
            leg.hangup(EndReason(408, "no RTP", Result.FAILED, GONE_HEADER))
        return packets, since_s


class GateWatch:
    """Writes one line a second at most about requests that the gate refused, however many there were."""

    def __init__(self, gate: Any) -> None:
        self._gate = gate

    async def run(self) -> None:
        """Until cancelled."""
        before = self._counts()
        while True:
            await asyncio.sleep(1.0)
            now = self._counts()
            refused = sum(now[:-1]) - sum(before[:-1])
            if refused:
                log.warning("refused %d SIP requests, the last: %s (is it a peer? peers.*.match)", refused,
                            self._gate.last_refused())
            if now[-1] > before[-1]:
                log.warning("dropped %d packets that are no SIP", now[-1] - before[-1])
            before = now

    def _counts(self) -> tuple[int, ...]:
        gate = self._gate
        return (gate.refused_unknown(), gate.refused_draining(), gate.refused_hops(), gate.refused_method(),
                gate.malformed())
