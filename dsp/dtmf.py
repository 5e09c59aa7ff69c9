# SPDX-License-Identifier: GPL-3.0-or-later
"""DTMF: the in-band digits of many legs at once.

    frames -> Tape -> Gate (every loud leg) -> edges, proof (suspects) -> Press table -> events

Imports only numpy. One thread.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp import edges, proof
from dsp.gate import SPAN as GATE_SPAN
from dsp.gate import Gate
from dsp.tape import FRAME, LENGTH, RATE_HZ, Tape
from dsp.tones import DIGITS, FULL_SCALE, HIGH_HZ, LOW_HZ, amplitude

GUARD = 8  # samples, 1 ms: an onset is not known better
SHORTEST_PAUSE = 200  # samples, 25 ms: between the 20 ms of a lost packet and the 30 ms that separate digits
MOST_SKEW = 64  # samples, 8 ms between the onsets of the two tones
QUIET = 2.0 * amplitude(-37.0) * FULL_SCALE  # int16 steps peak to peak: a frame below has no digit in it
MOST_DRIFT_HZ = np.array([36.0, 60.0])  # a held key that changes by more is another key: half the way to it
FRAME_S = FRAME / RATE_HZ
IDLE = -1

DEBUG: list = []


class Event(NamedTuple):
    """A digit began, or ended."""

    leg: int
    digit: str
    onset_s: float
    duration_s: float | None


class Detector:
    def __init__(self, legs: int, rate_hz: int = 8000) -> None:
        self._tape = Tape(legs, rate_hz)
        self._gate = Gate()
        self._legs = legs
        self._frame = FRAME * self._tape.factor
        self._now = 0
        self._digit = np.full(legs, IDLE, np.intp)
        self._onset = np.zeros(legs)
        self._fall = np.full(legs, np.inf)
        self._peak = np.ones((legs, 2), np.float32)
        self._detuning_hz = np.zeros((legs, 2), np.float32)

    def reset(self, leg: int) -> None:
        self._tape.clear(leg)
        self._digit[leg] = IDLE

    def step(self, frames: NDArray[np.int16]) -> list[Event]:
        if frames.dtype != np.int16:
            raise TypeError(f"frames must be int16, not {frames.dtype}")
        if frames.shape != (self._legs, self._frame):
            raise ValueError(f"frames must be {(self._legs, self._frame)}, not {frames.shape}")
        self._tape.write(frames)
        self._now += FRAME
        events = self._follow(np.flatnonzero(self._digit != IDLE))
        swing = frames.max(axis=1).astype(np.int32) - frames.min(axis=1)
        events += self._hear(np.flatnonzero(swing > QUIET))
        return events

    def _follow(self, legs: NDArray[np.intp]) -> list[Event]:
        if not legs.size:
            return []
        sound = self._tape.last(FRAME + edges.WINDOW)[legs]
        digit = self._digit[legs]
        envelope = edges.envelopes(sound, digit)
        advance = np.angle((envelope[1:] * envelope[:-1].conj()).sum(axis=0))
        nominal = np.array(LOW_HZ + HIGH_HZ)[np.stack((digit // 4, 4 + digit % 4), axis=1)]
        step = edges.HOP / RATE_HZ
        turn = (advance / (2 * np.pi) - (nominal + self._detuning_hz[legs]) * step)
        drift = np.abs(turn - np.rint(turn)) / step
        strength = (np.abs(envelope) / self._peak[legs]).min(axis=2)
        present = (strength >= edges.HALF) & (drift < MOST_DRIFT_HZ).all(axis=1)
        rows = np.arange(len(legs))
        first = 1 + present[1:].argmax(axis=0)
        last = len(strength) - 1 - present[1:][::-1].argmax(axis=0)
        heard = present[1:].any(axis=0)
        start = self._now - (FRAME + edges.WINDOW) + edges.MIDDLE

        def crossing(a, b):
            d = strength[b, rows] - strength[a, rows]
            d = np.where(np.abs(d) < 1e-9, 1e-9, d)
            return start + edges.HOP * (a + np.clip((edges.HALF - strength[a, rows]) / d, 0, 1))

        rise = np.where(present[first - 1, rows], start + edges.HOP * first, crossing(first - 1, first))
        fall = self._fall[legs]
        # unknown fall: the tone ended exactly between the frames
        prev = np.isinf(fall)
        gone0 = prev & ~present[1]
        fall = np.where(gone0, crossing(np.zeros_like(first), np.ones_like(first)), fall)
        fall = np.where(prev & ~gone0, np.inf, fall)
        until = np.where(heard, rise, start + edges.HOP * (len(strength) - 1))
        ended = until - fall >= SHORTEST_PAUSE
        after = np.minimum(last + 1, len(strength) - 1)
        newfall = np.where(last == len(strength) - 1, np.inf, crossing(last, after))
        self._fall[legs] = np.where(heard, newfall, fall)
        out = []
        for i in np.flatnonzero(ended):
            out.append(self._end(int(legs[i]), float(fall[i])))
        return out

    def _end(self, leg: int, when: float) -> Event:
        digit = DIGITS[self._digit[leg]]
        self._digit[leg] = IDLE
        return Event(leg, digit, self._seconds(self._onset[leg]), max(0.0, (when - self._onset[leg]) / RATE_HZ))

    def _seconds(self, s):
        return float((s - self._tape.delay) / RATE_HZ)

    def _hear(self, legs: NDArray[np.intp]) -> list[Event]:
        if not legs.size:
            return []
        sound = self._tape.last(GATE_SPAN)
        s = self._gate.look(sound if len(legs) == self._legs else sound[legs])
        pick = s.is_open & (s.digit != self._digit[legs])
        if not pick.any():
            return []
        legs, digit, newest = legs[pick], s.digit[pick], s.newest[pick]
        sound = self._tape.last(LENGTH)[legs]
        onset, _ = edges.onsets(sound, digit, newest)
        begun = onset.mean(axis=1)
        age = LENGTH - begun
        ripe = age >= proof.SPAN + GUARD
        ripe &= np.abs(onset[:, 0] - onset[:, 1]) < MOST_SKEW
        if not ripe.any():
            return []
        legs, digit, sound, begun, age, skew = legs[ripe], digit[ripe], sound[ripe], begun[ripe], age[ripe], (onset[:, 0] - onset[:, 1])[ripe]
        first = np.where(age < proof.SPAN + GUARD + FRAME, np.rint(begun) + GUARD, LENGTH - proof.SPAN).astype(np.intp)
        spans = np.take_along_axis(sound, first[:, None] + np.arange(proof.SPAN), axis=1)
        ev = proof.measure(spans, digit)
        ok = ev.holds()
        if DEBUG is not None:
            for i in range(len(legs)):
                DEBUG.append((self._now, int(legs[i]), DIGITS[digit[i]], ok[i], float(age[i]), float(skew[i]), *map(float, ev.detuning[i]), *map(float, ev.peak[i]), float(ev.share[i]), float(ev.evenness[i]), float(ev.bend[i])))
        out = []
        for i in np.flatnonzero(ok):
            leg = int(legs[i])
            at = self._now - LENGTH + float(begun[i])
            if self._digit[leg] != IDLE:
                out.append(self._end(leg, min(self._fall[leg], at)))
            self._digit[leg] = digit[i]
            self._onset[leg] = at
            self._fall[leg] = np.inf
            self._peak[leg] = ev.peak[i]
            nominal = np.array(LOW_HZ + HIGH_HZ)[[digit[i] // 4, 4 + digit[i] % 4]]
            self._detuning_hz[leg] = ev.detuning[i] * nominal
            out.append(Event(leg, DIGITS[digit[i]], self._seconds(at), None))
        return out


def detect(samples: ArrayLike, rate_hz: int = 8000) -> list[Event]:
    sound = np.asarray(samples)
    det = Detector(1, rate_hz)
    frame = rate_hz // 50
    n = -(-len(sound) // frame) + 5
    padded = np.zeros(n * frame, np.int16)
    padded[: len(sound)] = sound
    out = []
    for k in range(n):
        out += [e for e in det.step(padded[None, k * frame : (k + 1) * frame]) if e.duration_s is not None]
    return out
