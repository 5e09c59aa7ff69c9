# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a leg's presses, tones and sound passes the relay by itself. SIP thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from b2bua.sip import relay

if TYPE_CHECKING:
    from b2bua.sip.leg import SipLeg


class Screen:
    """Remembers what the native adapter was told: it is told again when the leg's media changed."""

    def __init__(self, leg: SipLeg, loop: asyncio.AbstractEventLoop) -> None:
        self._leg = leg
        self._loop = loop
        self._withheld = self._muted = self._echoes = ""
        self._masked = (False, False)  # is it, with its sound

    def tell(self) -> None:
        """All of it, to the adapter that the leg has now."""
        relay.withhold(self._leg, self._withheld + self._echoes)
        relay.mute(self._leg, self._muted)
        self.mask(*self._masked)

    def withhold(self, digits: str) -> None:
        """As of Leg."""
        if digits != self._withheld:
            self._withheld = digits
            relay.withhold(self._leg, digits + self._echoes)

    def mute(self, digits: str) -> None:
        """As of Leg.mute_tones."""
        if digits != self._muted:
            self._muted = digits
            relay.mute(self._leg, digits)

    def mask(self, on: bool, sound: bool) -> None:
        """As of Leg; who sends tones is silenced."""
        self._masked = (on, sound)
        relay.conceal(self._leg, on, sound or self._leg.sends_tones)

    def expect_echo(self, digit: str, seconds: float) -> None:
        """A press came by INFO: for so long its event, if there is one as well, must not reach the other leg too."""
        self._echoes += digit
        relay.withhold(self._leg, self._withheld + self._echoes)
        self._loop.call_later(seconds, self._forget_echo, digit)

    def _forget_echo(self, digit: str) -> None:
        self._echoes = self._echoes.replace(digit, "", 1)
        relay.withhold(self._leg, self._withheld + self._echoes)
