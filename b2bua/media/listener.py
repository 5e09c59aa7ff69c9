# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens for tones on the legs that have no other way to send digits: the DSP thread.

Every 20 ms the bank gathers what they said, a row each, and the detector takes it at once. What it hears is handed
to the SIP thread; nothing here touches a leg. Legs are attached and detached on the SIP thread.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from b2bua.calls.leg import Leg
from b2bua.media.bank import EAR_HZ, FRAME_S, BankView
from b2bua.media.recorder import Taps
from dsp.dtmf import Detector, Event

log = logging.getLogger(__name__)

MAX_BEHIND = 25  # frames; after a longer stall older ones are skipped (and counted): the bank keeps no more of them
STEP = 32  # the detector has rows for a multiple of so many legs
WRITTEN_S = 0.002  # from the begin of a tick until all rows have their frame


class Tonal(Protocol):
    """A leg whose audio may carry digits."""

    def tone_heard(self, digit: str, onset_s: float, duration_ms: int | None) -> None:
        """A tone began (None) or ended; `onset_s` monotonic, the same for both. SIP thread."""


@dataclass(frozen=True, slots=True)
class _Ear:
    """One leg that is listened to: its slot in the bank, and whom to tell."""

    slot: int
    leg: Tonal


class _Ears(dict[int, _Ear]):
    """Who is listened to, by row of the ears. Never changed."""

    def __init__(self, ears: Iterable[tuple[int, _Ear]] = ()) -> None:
        super().__init__(ears)
        self.slots: NDArray[np.intp] = np.array([ear.slot for ear in self.values()], np.intp)
        self.rows = max(self, default=-1) + 1


class Listener:
    """The ears for in-band digits. `follow` and `forget` on the SIP thread."""

    def __init__(self, bank: BankView, taps: Taps, loop: asyncio.AbstractEventLoop) -> None:
        self._bank = bank
        self._taps = taps
        self._loop = loop
        self._rows: dict[Leg, int] = {}  # SIP thread only
        self._ears = _Ears()  # replaced whole by the SIP thread, read by both
        self._known = _Ears()  # DSP thread: whom each row was for at the last step
        self._detector: Detector | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dsp", daemon=True)
        self.skipped = 0
        self.cpu_s = 0.0  # processor time of the thread

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=2)

    @property
    def listening(self) -> int:
        """How many legs are listened to."""
        return len(self._rows)

    def follow(self, leg: Leg, ear: Tonal) -> None:
        """Listen to this leg from now on; harmless if we do already."""
        if leg in self._rows:
            return
        tap = self._taps.tap(leg)
        if tap is None:
            return
        row = next(free for free in itertools.count() if free not in self._ears)
        self._rows[leg] = row
        self._bank.listen(tap.slot, row)
        self._ears = _Ears([*self._ears.items(), (row, _Ear(tap.slot, ear))])

    def forget(self, leg: Leg) -> None:
        """The leg has gone, or sends events now."""
        row = self._rows.pop(leg, None)
        if row is not None:
            self._bank.listen(self._ears[row].slot, -1)
            self._ears = _Ears((known, ear) for known, ear in self._ears.items() if known != row)
            self._taps.untap(leg)

    # -- the DSP thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        tick = self._bank.tick()
        while not self._stop.wait(self._until_next()):
            now = self._bank.tick()
            if now - tick > MAX_BEHIND:
                self.skipped += (now - tick) * len(self._ears)
                tick = now
            try:
                while tick < now or (tick == now and self._is_whole(tick)):
                    self._step(tick)
                    tick += 1
                self.cpu_s = time.thread_time()
            except Exception:  # the barrier of this thread
                log.exception("the DTMF detector failed; it starts anew")
                self._detector = None
                tick = now

    def _until_next(self) -> float:
        """Seconds until the next tick has been written, so that nothing waits for us."""
        if not self._ears:
            return FRAME_S  # nothing is written for us, and the bank's clock may stand still
        due_s = self._bank.tick_at_s() + FRAME_S + WRITTEN_S - time.monotonic()
        return min(max(due_s, WRITTEN_S), FRAME_S / 2)

    def _is_whole(self, tick: int) -> bool:
        return bool(self._ears) and self._bank.is_whole(self._ears.slots, tick)

    def _step(self, tick: int) -> None:
        """One frame of all legs."""
        ears = self._ears
        detector = self._fitted(ears.rows)
        if detector is None:
            self._known = ears
            return
        for row in ears if self._known is not ears else ():
            if self._known.get(row) is not ears[row]:
                detector.reset(row)
        end_s = self._bank.tick_at_s() + FRAME_S * (tick + 1 - self._bank.tick())
        for event in detector.step(self._bank.ears(detector.legs, tick)):
            self._tell(ears.get(event.leg), event, end_s - detector.now_s + event.onset_s)
        self._known = ears

    def _fitted(self, legs: int) -> Detector | None:
        """The detector, with rows for so many legs; None where nobody is listened to."""
        wanted = min(-(-legs // STEP) * STEP, self._bank.slots)
        if wanted == 0:
            self._detector = None
        elif self._detector is None:
            self._detector = Detector(wanted, EAR_HZ)
        elif self._detector.legs != wanted:
            self._detector.resize(wanted)
        return self._detector

    def _tell(self, ear: _Ear | None, event: Event, onset_s: float) -> None:
        if ear is not None:
            duration_ms = None if event.duration_s is None else round(event.duration_s * 1000)
            self._loop.call_soon_threadsafe(ear.leg.tone_heard, event.digit, onset_s, duration_ms)
