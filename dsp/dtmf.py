# SPDX-License-Identifier: GPL-3.0-or-later
"""DTMF: the in-band digits of many legs at once.

    frames -> Tape ─┬─> Gate (loud legs) -> trial: edges, proof (suspects) ─┬─> begin
                    └─> Held (legs with a key down) ────────────────────────┴─> end

Identity, edges and proof are separate measurements, each with the window that suits it, where a classic receiver has
one block of 102 samples for all. Imports only numpy. One thread; detectors share nothing.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp import gate, held, proof, trial
from dsp.tape import FRAME, LENGTH, RATE_HZ, Tape
from dsp.tones import DIGITS

QUIET = round(2.0 * proof.LEAST_PEAK)  # int16 steps peak to peak: below it there is no digit
FRAME_RATE_HZ = 50  # frames are 20 ms
FLUSH_FRAMES = 4  # of silence: end a digit that lasts to the end of a recording

Pcm = NDArray[np.int16]
Index = NDArray[np.intp]


class Event(NamedTuple):
    """A digit began, or ended.

    leg        row of the bank
    digit      one of `DIGITS`
    onset_s    when the tone began, seconds since the first frame of the bank, the same at begin and end
    duration_s None at the begin
    """

    leg: int
    digit: str
    onset_s: float
    duration_s: float | None


class Detector:
    """The ears: in-band DTMF of a bank of legs.

    legs     rows of the bank
    rate_hz  8000, or a multiple of it
    raises   ValueError when there is no leg, or the rate is no multiple
    thread   one
    source   ITU-T Q.23 (frequencies), Q.24 table 1 (what to accept and refuse)
    """

    def __init__(self, legs: int, rate_hz: int = RATE_HZ) -> None:
        if legs < 1:
            raise ValueError(f"a bank needs a leg, not {legs}")
        self._tape = Tape(legs, rate_hz)
        self._shape = (legs, rate_hz // FRAME_RATE_HZ)
        self._gate = gate.Gate()
        self._held = held.Held(legs)
        self._now = 0

    @property
    def legs(self) -> int:
        """Rows of the bank."""
        return self._shape[0]

    def resize(self, legs: int) -> None:
        """More rows, that have heard silence, or fewer; what the others are in the middle of goes on.

        raises   ValueError when there is no leg
        """
        if legs < 1:
            raise ValueError(f"a bank needs a leg, not {legs}")
        self._tape.resize(legs)
        self._held.resize(legs)
        self._shape = (legs, self._shape[1])

    @property
    def now_s(self) -> float:
        """The end of the last frame, on the clock of `Event.onset_s`."""
        return (self._now - self._tape.delay) / RATE_HZ

    def reset(self, leg: int) -> None:
        """Forget what a leg has said, and a key that is down without an event: the slot has a new owner.

        raises   IndexError when there is no such leg
        """
        if not 0 <= leg < self._shape[0]:
            raise IndexError(f"leg {leg} of {self._shape[0]}")
        self._tape.clear(leg)
        self._held.forget(np.array([leg]))

    def step(self, frames: Pcm) -> list[Event]:
        """Hear 20 ms of every leg.

        frames   (legs, rate_hz / 50) int16
        returns  what began and ended, in order of time for each leg
        raises   TypeError for another dtype, ValueError for another shape
        """
        if frames.dtype != np.int16:
            raise TypeError(f"frames must be int16, not {frames.dtype}")
        if frames.shape != self._shape:
            raise ValueError(f"frames must be {self._shape}, not {frames.shape}")
        self._tape.write(frames)
        self._now += FRAME
        swing = frames.max(axis=1).astype(np.int32) - frames.min(axis=1)
        return self._releases() + self._presses(np.flatnonzero(swing > QUIET))

    def _releases(self) -> list[Event]:
        """Keys that came up."""
        legs = np.flatnonzero(self._held.digit != held.IDLE)
        if not legs.size:
            return []
        return self._end(self._held.released(legs, self._tape.last(held.SPAN)[legs], self._now))

    def _presses(self, loud: Index) -> list[Event]:
        """Keys that went down on one of these legs; a new key ends the one before it."""
        sound = self._tape.last(gate.SPAN)[:, : gate.BLOCK]
        row, digit = self._gate.look(sound if loud.size == len(sound) else sound[loud])
        legs = loud[row]
        is_new = digit != self._held.digit[legs]
        if not is_new.any():
            return []
        legs, digit = legs[is_new], digit[is_new]
        verdict = trial.judge(self._tape.last(LENGTH)[legs], digit)
        if not verdict.row.size:
            return []
        legs, start = legs[verdict.row], self._now - LENGTH
        onset, fall = start + verdict.onset, start + verdict.fall
        is_held = self._held.digit[legs] != held.IDLE
        self._held.fall[legs] = np.minimum(self._held.fall[legs], onset)
        events = self._end(legs[is_held])
        self._held.press(legs, digit[verdict.row], onset, fall, verdict.peak, verdict.detuning_hz)
        return events + self._events(legs, None)

    def _end(self, legs: Index) -> list[Event]:
        """Tell and forget keys that are no longer down."""
        length = np.maximum(self._held.fall[legs] - self._held.onset[legs], 0.0) / RATE_HZ
        events = self._events(legs, length)
        self._held.forget(legs)
        return events

    def _events(self, legs: Index, duration_s: NDArray[np.float64] | None) -> list[Event]:
        """What happens to the keys that are down on some legs."""
        onset_s = (self._held.onset[legs] - self._tape.delay) / RATE_HZ
        digits = [DIGITS[digit] for digit in self._held.digit[legs].tolist()]
        durations_s = [None] * len(digits) if duration_s is None else duration_s.tolist()
        return list(map(Event, legs.tolist(), digits, onset_s.tolist(), durations_s))


def detect(samples: ArrayLike, rate_hz: int = RATE_HZ) -> list[Event]:
    """The digits of one recording, each with its duration.

    samples  (samples,) int16
    returns  one event for each digit, `leg` 0, in order of time
    raises   TypeError for another dtype, ValueError for more than one axis or a rate that is no multiple of 8000
    """
    recording = np.asarray(samples)
    if recording.ndim != 1:
        raise ValueError(f"a recording has one axis, not {recording.ndim}")
    if recording.size and recording.dtype != np.int16:
        raise TypeError(f"samples must be int16, not {recording.dtype}")
    detector = Detector(1, rate_hz)
    frame = rate_hz // FRAME_RATE_HZ
    padded = np.zeros((-(-recording.size // frame) + FLUSH_FRAMES, frame), np.int16)
    padded.reshape(-1)[: recording.size] = recording
    events = [event for row in padded for event in detector.step(row[None])]
    return [event for event in events if event.duration_s is not None]
