# SPDX-License-Identifier: GPL-3.0-or-later
"""The native sample bank as numpy sees it: no copy until somebody asks for samples. Any thread may read."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.02
EAR_HZ = 8000  # of what `listen` gathers: what tones need, whatever the rate of the bank
EAR_SAMPLES = 160  # of one tick
LATE_TICKS = 15  # what is said comes to its row so much later at most: MOST_DELAY_US of bank.cpp
Samples = NDArray[np.int16]


class NativeBank(Protocol):
    """What the native side offers (b2bua/native/bank.hpp)."""

    def clock_address(self) -> int: ...
    def samples_address(self) -> int: ...
    def heads_address(self) -> int: ...
    def delays_address(self) -> int: ...
    def ears_address(self) -> int: ...
    def ear_columns(self) -> int: ...
    def listen(self, slot: int, row: int) -> None: ...
    def slots(self) -> int: ...
    def ring_frames(self) -> int: ...
    def frame_samples(self) -> int: ...


class BankView:
    """Reads frames by tick, 20 ms each; one tick is the same instant in every row."""

    def __init__(self, bank: NativeBank) -> None:
        self._bank = bank
        self._clock = (ctypes.c_uint64 * 2).from_address(bank.clock_address())  # a native call would give up the GIL
        self.slots, self.ring_frames, self.frame_samples = bank.slots(), bank.ring_frames(), bank.frame_samples()
        self.rate_hz = round(self.frame_samples / FRAME_S)
        size = self.slots * self.ring_frames * self.frame_samples
        block = (ctypes.c_int16 * size).from_address(bank.samples_address())
        heads = (ctypes.c_uint64 * self.slots).from_address(bank.heads_address())
        shape = (self.slots, self.ring_frames, self.frame_samples)
        self._frames: Samples = np.frombuffer(memoryview(block), np.int16).reshape(shape)
        self._heads: NDArray[np.uint64] = np.frombuffer(memoryview(heads), np.uint64)
        self.ear_columns = bank.ear_columns()
        ears = (ctypes.c_int16 * (self.ear_columns * self.slots * EAR_SAMPLES)).from_address(bank.ears_address())
        self._ears: Samples = np.frombuffer(memoryview(ears), np.int16).reshape(-1, self.slots, EAR_SAMPLES)
        delays = (ctypes.c_uint16 * (self.slots * self.ring_frames)).from_address(bank.delays_address())
        self._delays = np.frombuffer(memoryview(delays), np.uint16).reshape(self.slots, self.ring_frames)

    def tick(self) -> int:
        """The tick in progress; frames below it are complete."""
        return self._clock[0]

    def tick_at_s(self) -> float:
        """When the tick in progress began, monotonic."""
        return self._clock[1] / 1e6

    def listen(self, slot: int, row: int) -> None:
        """Gather what this slot's leg says in a row of `ears` too; -1: no more. SIP thread."""
        self._bank.listen(slot, row)

    def is_whole(self, slots: NDArray[np.intp], tick: int) -> bool:
        """Has each of these rows its frame of this tick? One that writes none has it when the next tick begins."""
        return self.tick() > tick or bool((self._heads[slots] > tick).all())

    def ears(self, rows: int, tick: int) -> Samples:
        """One tick of the first rows that are listened to, (rows, EAR_SAMPLES), a view; silence where none was said.

        It is right until `ear_columns` ticks later.
        """
        return self._ears[tick % self.ear_columns, :rows]

    def frame(self, slots: Sequence[int], tick: int) -> Samples:
        """One frame of several rows, (slots, samples); a row that has not written it is silent."""
        rows = np.asarray(slots, np.intp)
        out: Samples = self._frames[rows, tick % self.ring_frames]
        out[self._heads[rows] <= tick] = 0
        return out

    def read(self, slot: int, begin: int, end: int) -> tuple[Samples, int]:
        """Frames [begin, end) of a row as samples, and how many of them were overwritten before we came.

        Frames that the leg never wrote (its media had stopped) are silence; overwritten ones are silence too.
        """
        ticks = np.arange(begin, end)
        out = self._frames[slot, ticks % self.ring_frames]
        head = int(self._heads[slot])
        out[ticks >= head] = 0
        lost = ticks < max(self.tick(), head) - self.ring_frames + 1
        out[lost] = 0
        return out.reshape(-1), int(lost.sum())

    def said(self, slot: int, begin: int, end: int, late: int) -> tuple[Samples, int]:
        """As `read`, but each sample stands where it was said: before its tick by what its packets were delayed.

        late    ticks after `end` that are there already; what was delayed by more is not seen
        """
        heard, lost = self.read(slot, begin, end + late)
        ticks = np.arange(begin, end + late)
        delays = np.where(ticks < int(self._heads[slot]), self._delays[slot, ticks % self.ring_frames], 0).astype(int)
        size = (end - begin) * self.frame_samples
        lost = min(lost, end - begin)
        if not delays.any():
            return heard[:size], lost
        out: Samples = np.zeros(size, np.int16)
        cuts = [0, *(np.flatnonzero(np.diff(delays)) + 1), len(ticks)]
        for first, last in itertools.pairwise(cuts):  # where the delay grows, what was made up for want of packets goes
            part = heard[first * self.frame_samples:last * self.frame_samples]
            at = first * self.frame_samples - int(delays[first])
            part = part[max(0, -at):]
            at = max(0, at)
            out[at:at + len(part)] = part[:max(0, size - at)]
        return out, lost
