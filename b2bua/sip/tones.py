# SPDX-License-Identifier: GPL-3.0-or-later
"""Tones that one leg's far end hears: digits in-band, and the short signs that a code was taken or not. SIP thread.

The samples are made by PJSIP's tone generator in the conference; a relayed leg hears it in place of its partner for as
long as it lasts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import pjsua2 as pj

from b2bua.calls.digit import FLASH
from b2bua.calls.leg import Leg
from b2bua.sip import relay
from b2bua.sip.leg import SipLeg

log = logging.getLogger(__name__)

ACCEPTED = ((1000, 120),)  # Hz, ms
REJECTED = ((400, 120), (400, 120))
RECORDED = ((1400, 200),)
PAUSE_MS = 60  # after each tone, and after each digit (ITU-T Q.24: at least 40)


class Tones:
    """One generator per leg that ever needed one; it goes with the leg."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._generators: dict[SipLeg, pj.ToneGenerator] = {}

    def accepted(self, leg: Leg) -> None:
        """That was a code."""
        self._beep(leg, ACCEPTED)

    def rejected(self, leg: Leg) -> None:
        """That was none, or it could not be done."""
        self._beep(leg, REJECTED)

    def recorded(self, leg: Leg) -> None:
        """Somebody is recording what you say."""
        self._beep(leg, RECORDED)

    def digit(self, leg: SipLeg, digit: str, duration_ms: int) -> None:
        """One press as a tone."""
        generator = self._ready(leg, duration_ms)
        if generator is None or digit == FLASH:
            return
        tone = pj.ToneDigit()
        tone.digit, tone.on_msec = digit, duration_ms
        tone.off_msec = PAUSE_MS
        digits = pj.ToneDigitVector()
        digits.append(tone)
        self._play(leg, lambda: generator.playDigits(digits))

    def close(self) -> None:
        """Before the library goes."""
        self._generators.clear()

    def _play(self, leg: Leg, verb: Callable[[], None]) -> bool:
        """PJSIP's refusal (a full queue, a full conference) costs this tone only."""
        try:
            verb()
        except pj.Error as error:
            log.warning("leg %s: a tone could not be played: %s", leg.id, error.reason)
            return False
        return True

    def forget(self, leg: SipLeg) -> None:
        """The leg has gone."""
        self._generators.pop(leg, None)

    def _beep(self, leg: Leg, beeps: tuple[tuple[int, int], ...]) -> None:
        assert isinstance(leg, SipLeg)
        generator = self._ready(leg, sum(ms + PAUSE_MS for _, ms in beeps))
        if generator is None:
            return
        tones = pj.ToneDescVector()
        for hz, ms in beeps:
            tone = pj.ToneDesc()
            tone.freq1, tone.on_msec, tone.off_msec = hz, ms, PAUSE_MS
            tones.append(tone)
        self._play(leg, lambda: generator.play(tones))

    def _ready(self, leg: SipLeg, ms: int) -> pj.ToneGenerator | None:
        if leg.port is None:
            return None
        generator = self._generators.get(leg)
        if generator is None:
            generator = pj.ToneGenerator()
            if not self._play(leg, lambda: generator.createToneGenerator(self._rate_hz, 1)):
                return None
            self._generators[leg] = generator
        pj.conf_connect(generator.getPortId(), leg.port)  # again: the leg's port may be another one
        relay.inserting(leg, ms)
        return generator
