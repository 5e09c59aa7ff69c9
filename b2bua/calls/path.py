# SPDX-License-Identifier: GPL-3.0-or-later
"""How two legs hear each other. SIP thread; the sound itself never passes Python.

A path remembers which conference ports it has connected, so that it can follow a leg whose port changes (re-INVITE),
and so that it never touches the port of a leg that has gone (pjproject #4719: that may cut others).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from b2bua.calls.leg import Leg, LegState


class Mixer(Protocol):
    """The conference bridge."""

    def connect(self, source: int, sink: int) -> None:
        """Let the sink hear the source."""

    def disconnect(self, source: int, sink: int) -> None:
        """Let it hear it no more."""


@dataclass(frozen=True, slots=True)
class _Joint:
    """Two ports that are connected, and whose they were when that was done."""

    one: Leg
    other: Leg
    ports: tuple[int, int]

    @classmethod
    def of(cls, one: Leg, other: Leg) -> _Joint | None:
        if one.port is None or other.port is None or LegState.ENDED in (one.state, other.state):
            return None
        return cls(one, other, (one.port, other.port))

    @property
    def stands(self) -> bool:
        return (self.one.port, self.other.port) == self.ports


class Path:
    """Two legs, joined or not; `mix` through the conference bridge."""

    kind = "mix"

    def __init__(self, mixer: Mixer) -> None:
        self._mixer = mixer
        self._legs: tuple[Leg, Leg] | None = None
        self._joint: _Joint | None = None

    def join(self, one: Leg, other: Leg) -> None:
        """From now on, and as soon as both have media, these two hear each other (and nobody else)."""
        self._legs = (one, other)
        self.refresh()

    def part(self) -> None:
        """They hear each other no more."""
        self._legs = None
        self.refresh()

    @property
    def joined(self) -> bool:
        """Do they hear each other now?"""
        return self._joint is not None and self._joint.stands

    def refresh(self) -> None:
        """Media of a leg changed: connect, reconnect or forget.

        What stood before is connected again as well: after a re-INVITE the same number may be a new port (harmless
        where it is not).
        """
        wanted = _Joint.of(*self._legs) if self._legs else None
        before, self._joint = self._joint, wanted
        if before is not None and before != wanted and before.stands:
            self._mixer.disconnect(*before.ports)
            self._mixer.disconnect(*reversed(before.ports))
        if wanted is not None:
            self._mixer.connect(*wanted.ports)
            self._mixer.connect(*reversed(wanted.ports))
