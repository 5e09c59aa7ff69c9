# SPDX-License-Identifier: GPL-3.0-or-later
"""Three or more legs that hear each other. SIP thread; the sound itself never passes Python."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Literal

from b2bua.calls.leg import Leg, LegState
from b2bua.calls.path import Mixer

Relationship = Literal["deaf", "mute", "clear"]


class Conference:
    """Everybody hears everybody else, but for those who were made deaf to or mute for somebody.

    A path that joins two of them must have been parted before.
    """

    def __init__(self, mixer: Mixer, legs: Sequence[Leg]) -> None:
        self.legs = tuple(legs)
        self._mixer = mixer
        self._silent: set[tuple[Leg, Leg]] = set()  # (who speaks, who does not hear it)
        self._connected: dict[tuple[Leg, Leg], tuple[int, int]] = {}  # with the ports they had then
        self._is_open = True
        self.refresh()

    def relate(self, one: Leg, other: Leg, relationship: Relationship) -> None:
        """deaf: `one` does not hear `other`; mute: `other` does not hear `one`; clear: both hear each other."""
        if relationship == "clear":
            self._silent -= {(one, other), (other, one)}
        else:
            self._silent.add((other, one) if relationship == "deaf" else (one, other))
        self.refresh()

    def hears(self, listener: Leg, speaker: Leg) -> bool:
        """Is it meant so?"""
        return (speaker, listener) not in self._silent

    def refresh(self) -> None:
        """Media of a leg changed, somebody has gone, or a relationship is another one."""
        wanted = {} if not self._is_open else {
            (speaker, listener): (speaker.port, listener.port) for speaker, listener in permutations(self.legs, 2)
            if speaker.port is not None and listener.port is not None and self.hears(listener, speaker)
            and LegState.ENDED not in (speaker.state, listener.state)}
        for pair, ports in self._connected.items():
            if wanted.get(pair) != ports and (pair[0].port, pair[1].port) == ports:
                self._mixer.disconnect(*ports)
        for ports in wanted.values():  # again where it stands: the same number may be a new port (harmless if not)
            self._mixer.connect(*ports)
        self._connected = wanted

    def close(self) -> None:
        """They part."""
        self._is_open = False
        self.refresh()
