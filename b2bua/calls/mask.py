# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch for card data: while it is on, recordings are silent and digits reach nobody.

That is: not the other party, no log, event or webhook. Codes are still heard, for one of them ends it. The sound to the
other party goes on, but for a leg whose digits are tones in its sound, and where `sound` says that it shall not. Turned
on and off it tells the world, by whom and how many digits came. SIP thread, where nothing else is said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from b2bua.calls.digit import Digit
from b2bua.calls.leg import Leg, LegState

if TYPE_CHECKING:
    from b2bua.calls.call import Call

By = Mapping[str, str | None]  # who did it: by (code, api, ...), leg_id, endpoint_id, code


class Mask:
    """The switch of one call; off at first."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.is_on = False
        self.by: By = {}
        self._sound = False
        self._left: int | None = None
        self._digits = 0
        self._since_s = 0.0
        self._silent: set[Leg] = set()  # by us, where the conference mixes
        self._hidden: set[tuple[Leg, str]] = set()
        self._timer: asyncio.Task[None] | None = None

    def put_on(self, by: By, *, time_s: float | None = None, digits: int | None = None, sound: bool = False) -> None:
        """From now on. Put on again it takes the new limits.

        time_s  it is lifted by itself after so long, and
        digits  after so many presses from now on
        sound   neither hears the other meanwhile
        """
        self._left, self._sound = digits, sound
        self._end_timer()
        if time_s is not None:
            self._timer = self._call.task(self._lift_later(time_s), "mask")
        if not self.is_on:
            self.is_on, self.by, self._digits, self._since_s = True, by, 0, time.monotonic()
            self._call.publish("call.masked", leg_id=by.get("leg_id"), by=dict(by))
        self.apply()

    def lift(self, by: By) -> bool:
        """Off again; was it on?"""
        if not self.is_on:
            return False
        self.is_on = False
        self._end_timer()
        self.apply()
        self._call.publish("call.unmasked", leg_id=by.get("leg_id"), by=dict(by), digits=self._digits,
                           duration_s=round(time.monotonic() - self._since_s, 3))
        return True

    def apply(self) -> None:
        """Tell the legs, also those who have just come."""
        silent = set()
        for leg in self._call.legs:
            if leg.state is not LegState.ENDED:
                leg.mask(self.is_on, self._sound)
                if self.is_on and (self._sound or leg.sends_tones):
                    silent.add(leg)
        for leg in silent ^ self._silent:
            self._call.path.silence(leg, leg in silent)
        self._silent = silent
        self._call.ears.changed()

    def silences(self, leg: Leg) -> bool:
        """Does nobody hear this leg at present? Any thread."""
        return leg in self._silent

    def pressed(self, leg: Leg, digit: Digit) -> Digit:
        """A key went down: it passes for one that the other party has got already, so nobody sends it on."""
        if not self.is_on:
            return digit
        self._digits += 1
        if self._left is not None:
            self._left -= 1
        self._hidden.add((leg, digit.digit))
        return replace(digit, passed=True)

    def released(self, leg: Leg, digit: Digit) -> Digit:
        """It came up; it stays what it was when it went down."""
        if (leg, digit.digit) not in self._hidden:
            return digit
        self._hidden.discard((leg, digit.digit))
        if self.is_on and self._left is not None and self._left <= 0 and not self._hidden:
            self.lift({"by": "digits"})
        return replace(digit, passed=True)

    async def _lift_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._timer = None
        self.lift({"by": "time"})

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
