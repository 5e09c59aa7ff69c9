# SPDX-License-Identifier: GPL-3.0-or-later
"""A bank like the native one, made of numpy: the test is the conference clock and says what every leg says."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from b2bua.calls.leg import Leg


class FakeBank:
    """Rows of int16 frames; `speak` is one tick of the clock."""

    def __init__(self, slots: int = 4, ring_frames: int = 8, frame_samples: int = 4) -> None:
        self.samples = np.zeros((slots, ring_frames, frame_samples), np.int16)
        self.head_of = np.zeros(slots, np.uint64)
        self.delays = np.zeros((slots, ring_frames), np.uint16)
        self.ears = np.zeros((2, slots, 160), np.int16)
        self.ear_of: dict[int, int] = {}
        self.clock = np.zeros(2, np.uint64)

    @property
    def now(self) -> int:
        """The tick in progress."""
        return int(self.clock[0])

    @now.setter
    def now(self, tick: int) -> None:
        self.clock[0] = tick

    def speak(self, *values: int | None) -> None:
        """One tick: row i says values[i] in all samples of the frame, nothing at all where it is None."""
        for slot, value in enumerate(values):
            if value is not None:
                self.samples[slot, self.now % self.samples.shape[1]] = value
                self.head_of[slot] = self.now + 1
        self.now += 1

    def tick(self) -> int:
        return self.now

    def clock_address(self) -> int:
        return self.clock.ctypes.data

    def samples_address(self) -> int:
        return self.samples.ctypes.data

    def heads_address(self) -> int:
        return self.head_of.ctypes.data

    def delays_address(self) -> int:
        return self.delays.ctypes.data

    def ears_address(self) -> int:
        return self.ears.ctypes.data

    def ear_columns(self) -> int:
        return len(self.ears)

    def listen(self, slot: int, row: int) -> None:
        self.ear_of[slot] = row

    def slots(self) -> int:
        return self.samples.shape[0]

    def ring_frames(self) -> int:
        return self.samples.shape[1]

    def frame_samples(self) -> int:
        return self.samples.shape[2]


@dataclass
class Tap:
    """A row in use."""

    slot: int
    uses: int = 1


@dataclass
class FakeTaps:
    """Taps legs that have media, counting uses as the bridge does; `slots` rows there are.

    closed   rows that were given back, in order
    """

    slots: int = 4
    held: dict[Leg, Tap] = field(default_factory=dict)
    closed: list[int] = field(default_factory=list)

    def tap(self, leg: Leg) -> Tap | None:
        if leg in self.held:
            self.held[leg].uses += 1
            return self.held[leg]
        free = set(range(self.slots)) - {tap.slot for tap in self.held.values()}
        if leg.port is None or not free:
            return None
        self.held[leg] = Tap(min(free))
        return self.held[leg]

    def untap(self, leg: Leg) -> None:
        tap = self.held.get(leg)
        if tap is not None:
            tap.uses -= 1
            if tap.uses == 0:
                self.closed.append(self.held.pop(leg).slot)
