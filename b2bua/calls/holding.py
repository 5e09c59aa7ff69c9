# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair that has been parted for a while: what a call knows of it. SIP thread."""

from __future__ import annotations

from typing import Protocol

from b2bua.calls.digit import Digit
from b2bua.calls.leg import Leg


class Holding(Protocol):
    """One hold. It ends by `Call.join`, whoever calls that and why, or with the call; the call tells it once."""

    may_resume: bool  # by the code `resume`

    @property
    def held(self) -> frozenset[Leg]:
        """Who is on hold; the other one holds."""

    def pressed(self, leg: Leg, digit: Digit) -> bool:
        """A key went down on a leg of the pair: is it a key of this hold, so that nobody else hears of it?"""

    def over(self) -> None:
        """The pair hears each other again, or the call ends: the music stops."""
