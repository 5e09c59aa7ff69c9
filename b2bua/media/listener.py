# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens for tones on the legs that have no other way to send digits: the DSP thread.

Every 20 ms frame of all these legs goes to the detector at once. What it hears is handed to the SIP thread; nothing
here touches a leg. Legs are attached and detached on the SIP thread.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from b2bua.calls.leg import Leg
from b2bua.media.bank import FRAME_S, BankView
from b2bua.media.recorder import Taps
from dsp.dtmf import Detector, Event

log = logging.getLogger(__name__)

MAX_BEHIND = 50  # frames; after a longer stall older ones are skipped (and counted)
BLOCK = 64  # legs that one detector hears; detectors without legs cost nothing


class Tonal(Protocol):
    """A leg whose audio may carry digits."""

    def tone_heard(self, digit: str, duration_ms: int | None) -> None:
        """A tone began (None) or ended. SIP thread."""


@dataclass(frozen=True, slots=True)
class _Ear:
    """One leg that is listened to: its row in the bank, and whom to tell."""

    slot: int
    leg: Tonal


class Listener:
    """The ears for in-band digits. `follow` and `forget` on the SIP thread."""

    def __init__(self, bank: BankView, taps: Taps, loop: asyncio.AbstractEventLoop) -> None:
        self._bank = bank
        self._taps = taps
        self._loop = loop
        self._rows: dict[Leg, int] = {}  # SIP thread only
        self._ears: dict[int, _Ear] = {}  # by detector row; replaced whole by the SIP thread, read by both
        self._known: dict[int, _Ear] = {}  # DSP thread: whom each row was for at the last step
        self._detectors: dict[int, Detector] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dsp", daemon=True)
        self.skipped = 0

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
        self._ears = {**self._ears, row: _Ear(tap.slot, ear)}

    def forget(self, leg: Leg) -> None:
        """The leg has gone, or sends events now."""
        row = self._rows.pop(leg, None)
        if row is not None:
            self._ears = {known: ear for known, ear in self._ears.items() if known != row}
            self._taps.untap(leg)

    # -- the DSP thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        tick = self._bank.tick()
        while not self._stop.wait(FRAME_S / 2):
            now = self._bank.tick()
            if now - tick > MAX_BEHIND:
                self.skipped += (now - tick) * len(self._ears)
                tick = now
            try:
                while tick < now:
                    self._step(tick)
                    tick += 1
            except Exception:  # the barrier of this thread
                log.exception("the DTMF detector failed; it starts anew")
                self._detectors.clear()
                tick = now

    def _step(self, tick: int) -> None:
        """One frame of all legs."""
        ears = self._ears
        for block in {row // BLOCK for row in ears}:
            detector = self._detectors.setdefault(block, Detector(BLOCK, self._bank.rate_hz))
            rows = [row for row in ears if row // BLOCK == block]
            for row in rows:
                if self._known.get(row) is not ears[row]:
                    detector.reset(row % BLOCK)
            frames = np.zeros((BLOCK, self._bank.frame_samples), np.int16)
            frames[[row % BLOCK for row in rows]] = self._bank.frame([ears[row].slot for row in rows], tick)
            for event in detector.step(frames):
                self._tell(ears.get(block * BLOCK + event.leg), event)
        self._known = ears

    def _tell(self, ear: _Ear | None, event: Event) -> None:
        if ear is not None:
            duration_ms = None if event.duration_s is None else round(event.duration_s * 1000)
            self._loop.call_soon_threadsafe(ear.leg.tone_heard, event.digit, duration_ms)
