# SPDX-License-Identifier: GPL-3.0-or-later
"""How two legs hear each other. SIP thread; the sound itself never passes Python.

A path remembers which conference ports it has connected, so that it can follow a leg whose port changes (re-INVITE),
and so that it never touches the port of a leg that has gone (pjproject #4719: that may cut others).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from b2bua.calls.leg import Leg, LegState

Mode = Literal["read", "write"]  # what a leg says; what it hears


class Mixer(Protocol):
    """The conference bridge."""

    def connect(self, source: int, sink: int, level: float = 1.0) -> None:
        """Let the sink hear the source, this many times as loud; one that is connected already stays as it is."""

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


@dataclass(frozen=True, slots=True)
class _Wire:
    """One leg's sound on its way to the other's port.

    source  port that speaks: the leg's own, or another one in its place
    level   factor of the amplitude
    """

    one: Leg
    other: Leg
    ports: tuple[int | None, int | None]  # of the legs
    source: int
    sink: int
    level: float

    @property
    def stands(self) -> bool:
        """Are the ports that it was made of still theirs? A port in a leg's place stays when the leg goes."""
        is_own = self.source == self.ports[0]
        return self.other.port == self.ports[1] and (not is_own or self.one.port == self.ports[0])


class Path:
    """Two legs, joined or not: by `relay` wherever the two agree, by `mix` through the conference bridge otherwise.

    Whoever wants a leg to hear something else as well (play, hold music) says so by `needs_mix`, and gives the path
    back by `release`: it finds its way to `relay` by itself. So it does for levels and voices that are not as they are.
    """

    def __init__(self, mixer: Mixer) -> None:
        self.mixer = mixer
        self._legs: tuple[Leg, Leg] | None = None
        self._joint: _Joint | None = None
        self._relayed: _Joint | None = None
        self._wires: list[_Wire] = []
        self._needs: set[object] = set()
        self._levels: dict[tuple[Leg, Mode], float] = {}
        self._voices: dict[Leg, int] = {}
        self._silent: set[Leg] = set()

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

    def level(self, leg: Leg, mode: Mode, factor: float = 1.0) -> None:
        """How loud a leg is heard by its partner (`read`), or hears it (`write`); a factor, 0.0 is silence.

        It stays with the leg whoever its partner is. What is played to a leg is not changed.
        """
        self._levels.pop((leg, mode), None)
        if factor != 1.0:
            self._levels[leg, mode] = factor
        self.refresh()

    def voice(self, leg: Leg, port: int | None) -> None:
        """Let the partner hear this port in place of the leg's own; None: the leg itself."""
        self._voices.pop(leg, None)
        if port is not None:
            self._voices[leg] = port
        self.refresh()

    def silence(self, leg: Leg, on: bool) -> None:
        """Let the partner not hear this leg, however they are joined; in `relay` the leg's own adapter sees to it."""
        if on != (leg in self._silent):
            self._silent ^= {leg}
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
        self._relay(None if self._is_changed else self._joint)
        self._mix(self._joint if self._relayed is None else None)

    @property
    def _is_changed(self) -> bool:
        """Is there anything that packets as they are cannot bring?"""
        legs = self._legs or ()
        return bool(self._needs or any(leg in legs for leg, _ in self._levels) or any(leg in legs
                                                                                     for leg in self._voices))

    def _relay(self, wanted: _Joint | None) -> None:
        before, self._relayed = self._relayed, None
        if wanted is not None and self.mixer.relay(wanted.one, wanted.other):
            self._relayed = wanted
        elif before is not None:
            self.mixer.unrelay(before.one)
            self.mixer.unrelay(before.other)

    def _mix(self, wanted: _Joint | None) -> None:
        before = self._wires
        self._wires = [] if wanted is None else [self._wire(wanted.one, wanted.other),
                                                 self._wire(wanted.other, wanted.one)]
        for wire in before:
            if wire not in self._wires and wire.stands:  # a wire of another level has to be drawn anew
                self.mixer.disconnect(wire.source, wire.sink)
        for wire in self._wires:
            self.mixer.connect(wire.source, wire.sink, wire.level)

    def _wire(self, one: Leg, other: Leg) -> _Wire:
        assert one.port is not None
        assert other.port is not None
        level = self._levels.get((one, "read"), 1.0) * self._levels.get((other, "write"), 1.0)
        if one in self._silent:
            level = 0.0
        return _Wire(one, other, (one.port, other.port), self._voices.get(one, one.port), other.port, level)
