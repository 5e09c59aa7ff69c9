# SPDX-License-Identifier: GPL-3.0-or-later
"""The conference bridge and the taps on it. SIP thread; PJSIP carries connections out at its next 20 ms tick."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pjsua2 as pj

from b2bua.calls.leg import Leg
from b2bua.sip import relay
from b2bua.sip.leg import SipLeg

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tap:
    """What one leg says, as a row of the bank; it stays the same row when the leg's media changes.

    slot   row of the bank
    uses   how many listeners hold it
    """

    slot: int
    uses: int = 1


class Bridge:
    """Connects conference ports, and legs to rows of the bank."""

    def __init__(self, slots: int, seconds: float, rate_hz: int, *, relays: bool = True) -> None:
        self._relays = relays
        self.bank = pj.Bank(slots, round(seconds * 50), rate_hz)
        self.bank_full = 0
        self._taps: dict[Leg, Tap] = {}

    def connect(self, source: int, sink: int, level: float = 1.0) -> None:
        """Let `sink` hear `source`; harmless if it does already."""
        self._check(pj.conf_connect_level(source, sink, level), "connect", source, sink)

    def disconnect(self, source: int, sink: int) -> None:
        """Let it hear it no more."""
        self._check(pj.conf_disconnect(source, sink), "disconnect", source, sink)

    def _check(self, status: int, verb: str, source: int, sink: int) -> None:
        if status != 0:
            log.debug("conference: %s %d -> %d gave status %d (a leg that has just gone)", verb, source, sink, status)

    def relay(self, one: Leg, other: Leg) -> bool:
        """As of Mixer; never where the operator has switched it off."""
        return self._relays and isinstance(one, SipLeg) and isinstance(other, SipLeg) and relay.join(one, other)

    def unrelay(self, leg: Leg) -> None:
        """As of Mixer."""
        if isinstance(leg, SipLeg):
            relay.part(leg)

    @property
    def relayed_calls(self) -> int:
        """Pairs of legs that hear each other without the conference."""
        return int(pj.relay_pairs())

    def _feed(self, leg: Leg, on: bool) -> None:
        if isinstance(leg, SipLeg):
            relay.feed(leg, on)

    def tap(self, leg: Leg) -> Tap | None:
        """Listen to what a leg says; None when the bank is full (counted). Pair with `untap`."""
        tap = self._taps.get(leg)
        if tap is not None:
            tap.uses += 1
            return tap
        slot = self.bank.open(leg.port) if leg.port is not None else -1
        if slot < 0:
            self.bank_full += 1
            log.error("leg %s cannot be tapped: %s", leg.id, "it has no media" if leg.port is None else
                      f"all {self.bank.slots()} rows of the bank are in use (media.bank_slots)")
            return None
        tap = self._taps[leg] = Tap(slot)
        self._feed(leg, True)
        return tap

    def untap(self, leg: Leg) -> None:
        """Stop listening; the row is free when the last listener has stopped."""
        tap = self._taps.get(leg)
        if tap is None:
            return
        tap.uses -= 1
        if tap.uses == 0:
            del self._taps[leg]
            self._feed(leg, False)
            self.bank.close(tap.slot, leg.port if leg.port is not None else -1)

    @property
    def taps_in_use(self) -> int:
        """Legs that are tapped; any thread."""
        return len(self._taps)

    def media_changed(self, leg: Leg) -> None:
        """The leg's conference port is another one: its tap follows."""
        tap = self._taps.get(leg)
        if tap is not None and leg.port is not None:
            self._feed(leg, True)
            self.connect(leg.port, self.bank.tap_port(tap.slot))
