# SPDX-License-Identifier: GPL-3.0-or-later
"""How two legs hear each other. SIP thread; the sound itself never passes Python.

A path remembers which conference ports it has connected, so that it can follow a leg whose port changes (re-INVITE),
and so that it never touches the port of a leg that has gone (pjproject #4719: that may cut others).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from b2bua.calls.leg import Leg, LegState


class Mixer(Protocol):
    """The conference bridge."""

    def connect(self, source: int, sink: int) -> None:
        """Let the sink hear the source."""

    def disconnect(self, source: int, sink: int) -> None:
        """Let it hear it no more."""

    def relay(self, one: Leg, other: Leg) -> bool:
        """Let these two hear each other packet by packet; False when they cannot: then they are parted.

        Repeated whenever their media changed. A leg that is relayed to another parts from its former partner.
        """

    def unrelay(self, leg: Leg) -> None:
        """This leg and its partner hear each other no more; harmless when they do not."""


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
    """Two legs, joined or not: by `relay` wherever the two agree, by `mix` through the conference bridge otherwise.

    Whoever wants a leg to hear something else as well (play, hold music, another level) says so by `needs_mix`, and
    gives the path back by `release`: it finds its way to `relay` by itself.
    """

    def __init__(self, mixer: Mixer) -> None:
        self._mixer = mixer
        self._legs: tuple[Leg, Leg] | None = None
        self._joint: _Joint | None = None
        self._relayed: _Joint | None = None
        self._mixed: _Joint | None = None
        self._needs: set[object] = set()

    def join(self, one: Leg, other: Leg) -> None:
        """From now on, and as soon as both have media, these two hear each other (and nobody else)."""
        self._legs = (one, other)
        self.refresh()

    def part(self) -> None:
        """They hear each other no more."""
        self._legs = None
        self.refresh()

    def needs_mix(self, token: object) -> None:
        """Stay with `mix` until `release` with the same token."""
        self._needs.add(token)
        self.refresh()

    def release(self, token: object) -> None:
        """The token's owner needs `mix` no more; harmless when it did not."""
        self._needs.discard(token)
        self.refresh()

    @property
    def joined(self) -> bool:
        """Do they hear each other now?"""
        return self._joint is not None and self._joint.stands

    @property
    def kind(self) -> Literal["relay", "mix"]:
        """How they hear each other, or would."""
        return "relay" if self._relayed is not None else "mix"

    def refresh(self) -> None:
        """Media of a leg changed: connect, reconnect or forget.

        What stood before is connected again as well: after a re-INVITE the same number may be a new port, and what the
        two agreed on may be something else (harmless where it is not).
        """
        self._joint = _Joint.of(*self._legs) if self._legs else None
        self._relay(None if self._needs else self._joint)
        self._mix(self._joint if self._relayed is None else None)

    def _relay(self, wanted: _Joint | None) -> None:
        before, self._relayed = self._relayed, None
        if wanted is not None and self._mixer.relay(wanted.one, wanted.other):
            self._relayed = wanted
        elif before is not None:
            self._mixer.unrelay(before.one)
            self._mixer.unrelay(before.other)

    def _mix(self, wanted: _Joint | None) -> None:
        before, self._mixed = self._mixed, wanted
        if before is not None and before != wanted and before.stands:
            self._mixer.disconnect(*before.ports)
            self._mixer.disconnect(*reversed(before.ports))
        if wanted is not None:
            self._mixer.connect(*wanted.ports)
            self._mixer.connect(*reversed(wanted.ports))
