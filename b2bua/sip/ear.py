# SPDX-License-Identifier: GPL-3.0-or-later
"""The digits that one leg's far end sends, by whatever they come: RFC 4733, INFO, tones. SIP thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import pjsua2 as pj

from b2bua.calls import info
from b2bua.calls.digit import FLASH, Source
from b2bua.calls.keys import Keys
from b2bua.calls.leg import InfoReceived
from b2bua.sip import relay
from config.settings import Peer

if TYPE_CHECKING:
    from b2bua.sip.leg import SipLeg

MAX_STEP_MS = 60  # between two packets of one event
SEGMENT_MS = 1200  # an event this long may be a segment: 0xFFFF units at 48 kHz are 1365 ms

log = logging.getLogger(__name__)


class Ear:
    """Brings reports of all transports to the leg's Keys."""

    def __init__(self, leg: SipLeg, peer: Peer, loop: asyncio.AbstractEventLoop, fuse_ms: int,
                 disagree: Callable[[], None]) -> None:
        self._leg, self._fuse_s = leg, fuse_ms / 1000
        self._inband = peer.inband
        self._keys = Keys(leg.emit, loop, fuse_ms, disagree)
        self._event_stamp_ms = -1
        self._event: tuple[str, int, bool] = ("", 0, True)  # digit, duration so far, has it ended
        self._segments_ms = 0  # of the same press, before this one

    def close(self) -> None:
        """The leg has gone."""
        self._keys.close()

    def event_heard(self, digit: str, stamp_ms: int, duration_ms: int, update: bool, end: bool) -> None:
        """From onDtmfEvent (RFC 4733). One event has one timestamp; PJSIP alone would take `11` for one long `1`."""
        key = FLASH if digit == "R" else digit
        has_moved = stamp_ms != self._event_stamp_ms
        goes_on = has_moved and self._goes_on(key, stamp_ms, duration_ms)  # to PJSIP a next segment is a new event
        is_new = not goes_on and (has_moved or not update)
        if is_new:
            self._segments_ms = 0
        elif duration_ms < self._event[1] and has_moved:
            self._segments_ms += self._event[1]
        self._event, self._event_stamp_ms = (key, duration_ms, end), stamp_ms
        duration_ms += self._segments_ms
        if is_new:
            self._keys.begin(key, Source.RFC4733, duration_ms, *relay.event(self._leg, key, stamp_ms))
        elif not end:
            self._keys.update(Source.RFC4733, duration_ms)
        if end:
            self._keys.end(Source.RFC4733, duration_ms)

    def _goes_on(self, key: str, stamp_ms: int, duration_ms: int) -> bool:
        """Does it continue the last one?

        Some gateways give every packet of one event a new timestamp: it has not ended, and grows by as much. An event
        beyond 0xFFFF units goes on in a next segment, whose timestamp is where the one before it ended (RFC 4733
        section 2.5.1.3).
        """
        last_key, last_ms, ended = self._event
        if key != last_key or ended:
            return False
        later_ms, grown_ms = stamp_ms - self._event_stamp_ms, duration_ms - last_ms
        if last_ms >= SEGMENT_MS and grown_ms < 0:
            return 0 <= later_ms - last_ms <= 2 * MAX_STEP_MS
        return 0 < grown_ms <= MAX_STEP_MS and abs(later_ms - grown_ms) <= MAX_STEP_MS

    @property
    def needs_listener(self) -> bool:
        """Are its digits in its audio? `auto`: when no telephone-event was negotiated."""
        call_id = self._leg.call_id
        if self._leg.port is None or call_id is None or self._inband == "never":
            return False
        stats = pj.stream_stats(call_id)
        return self._inband == "always" or (bool(stats.valid) and stats.rx_event_pt < 0)

    def tone_heard(self, digit: str, onset_s: float, duration_ms: int | None) -> None:
        """From the DTMF detector: a tone began (None) or ended; `onset_s` monotonic."""
        if duration_ms is None:
            self._keys.begin(digit, Source.INBAND, at_s=onset_s)
        else:
            self._keys.end(Source.INBAND, duration_ms)

    def info_came(self, content_type: str, body: str, package: str = "") -> tuple[int, str]:
        """An INFO came; returns the code of its answer and a header for it.

        package  its Info-Package: we offer to receive none (RFC 6086 section 4.2.2), and digits need none
        """
        if package:
            return 469, "Recv-Info: "
        press = info.parse(content_type, body)
        if press is not None:
            self._keys.whole(press[0], Source.INFO, press[1])
            self._leg.screen.expect_echo(press[0], self._fuse_s)
            return 200, ""
        if content_type.split(";")[0].strip().lower() in (info.RELAY, info.BARE):
            log.warning("leg %s of %s: INFO with an unreadable %s body refused", self._leg.id, self._leg.peer,
                        content_type)
            return 415, f"Accept: {info.RELAY}, {info.BARE}"
        if content_type:
            self._leg.emit(InfoReceived(content_type, body))
        return 200, ""
