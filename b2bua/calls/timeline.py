# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was on which side of a call, and when: one line per change, for recordings and whoever asks later. SIP thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from b2bua.calls.leg import Leg

MAX_MOMENTS = 1000  # a phone that holds and resumes for ever fills no memory: what comes later is not kept

Side = Literal["a", "b"]
What = Literal["joined", "left", "held", "resumed"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One change.

    t_s          seconds since the call began
    what         `joined` the conversation, `left` it, is `held` by the other side, is `resumed`
    side         on which side of the call
    leg_id       SIP Call-ID of the leg
    number       the leg's own user part
    endpoint_id  device or user whose leg it is, or None
    """

    t_s: float
    what: What
    side: Side
    leg_id: str
    number: str
    endpoint_id: str | None


class Timeline:
    """The moments of one call, in order. It is shown who is there now, and notes what has changed.

    clock  seconds since the call began
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.moments: list[Moment] = []
        self._clock = clock
        self._sides: dict[Side, Leg] = {}
        self._held: set[Leg] = set()

    def see(self, sides: Mapping[Side, Leg], held: set[Leg]) -> None:
        """Who talks on each side now, and which of them are on hold (by whatever means)."""
        for side, leg in list(self._sides.items()):
            if sides.get(side) is not leg:
                self._note("left", side, leg)
                del self._sides[side]
                self._held.discard(leg)
        for side, leg in sides.items():
            if side not in self._sides:
                self._sides[side] = leg
                self._note("joined", side, leg)
            if leg in held and leg not in self._held:
                self._held.add(leg)
                self._note("held", side, leg)
            elif leg not in held and leg in self._held:
                self._held.discard(leg)
                self._note("resumed", side, leg)

    def _note(self, what: What, side: Side, leg: Leg) -> None:
        if len(self.moments) < MAX_MOMENTS:
            endpoint_id = leg.endpoint.id if leg.endpoint else None
            self.moments.append(Moment(self._clock(), what, side, leg.id, leg.number, endpoint_id))
