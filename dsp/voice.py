# SPDX-License-Identifier: GPL-3.0-or-later
"""Voices changed while they are spoken: pitch and length, each on its own, of many legs at once.

Length is changed by WSOLA (Verhelst and Roelands, ICASSP 1993): pieces of the sound are laid one after the other where
they fit best; pitch by that and a resampler. Imports only numpy. One thread; keeps the last 100 ms of every leg.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsp.tones import FULL_SCALE

HOP_S = 0.010  # of sound made by one step; a piece is twice as long: two periods of a low voice
SEARCH_S = 0.008  # how far a piece may be moved to fit: a whole period of 125 Hz
LIMITS = (0.25, 4.0)  # of pitch, length, and the two together
TAPS = 16  # of the resampler, at each place
PHASES = 256  # places between two samples
SLOPE = 0.9  # middle of its slope, parts of the smaller Nyquist frequency
_CALM = 1e-3  # added to energies: silence fits everywhere alike

Real = NDArray[np.float32]
Ints = NDArray[np.intp]


def check(pitch: float, length: float) -> None:
    """Can a voice be changed so? raises ValueError outside LIMITS"""
    for name, value in (("pitch", pitch), ("length", length), ("pitch times length", pitch * length)):
        if not LIMITS[0] <= value <= LIMITS[1]:
            raise ValueError(f"{name} {value:g} is not within {LIMITS[0]:g} and {LIMITS[1]:g}")


class VoiceChanger:
    """Changes the sound of every row as `change` said; a row that nobody changed comes out as it went in.

    rows     legs
    rate_hz  of everything
    """

    def __init__(self, rows: int, rate_hz: int) -> None:
        self._hop, self._search = round(HOP_S * rate_hz), round(SEARCH_S * rate_hz)
        room = 10 * self._hop + 4 * self._search + rate_hz // 10
        self._in, self._have = np.zeros((rows, room), np.float32), np.zeros(rows, np.intp)
        self._at = np.zeros(rows)  # where the next piece ought to come from
        self._go_on = np.zeros(rows, np.intp)  # where the last piece goes on by itself
        self._out, self._made = np.zeros((rows, 5 * room), np.float32), np.zeros(rows, np.intp)
        self._read = np.zeros(rows)
        self._pitch, self._length = np.ones(rows), np.ones(rows)
        self._kernels = np.zeros((rows, PHASES, TAPS), np.float32)
        fade = np.sin(np.pi / 2 * (np.arange(self._hop) + 0.5) / self._hop) ** 2
        self._fade_in, self._fade_out = fade.astype(np.float32), (1 - fade).astype(np.float32)
        for row in range(rows):
            self.clear(row)

    def change(self, row: int, pitch: float, length: float) -> None:
        """From now on: pitch 2.0 is an octave up, length 0.5 is twice as fast.

        raises   ValueError outside LIMITS
        """
        check(pitch, length)
        self._pitch[row], self._length[row] = pitch, length
        self._kernels[row] = kernel(pitch)

    def clear(self, row: int) -> None:
        """Forget what a row said, for a row that is used again; its change is none."""
        self._in[row] = self._out[row] = 0.0
        self._have[row] = self._go_on[row] = self._search
        self._at[row] = self._search
        self._made[row] = self._read[row] = TAPS // 2
        self.change(row, 1.0, 1.0)

    def write(self, sound: NDArray[np.int16], rows: Sequence[int] | None = None) -> list[NDArray[np.int16]]:
        """Take what these rows (all) said, the same time of each; give what each says now, of various lengths.

        sound    (rows, samples) int16, at most 100 ms
        returns  one (samples,) int16 a row, maybe empty
        """
        which = np.arange(len(self._have)) if rows is None else np.asarray(rows, np.intp)
        count = sound.shape[1]
        self._in[which[:, None], self._have[which, None] + np.arange(count)] = sound.astype(np.float32) / FULL_SCALE
        self._have[which] += count
        while (ready := which[self._needs(which) <= self._have[which]]).size:
            self._step(ready)
        for row in which:
            self._rewind(row)
        return self._resample(which) if which.size else []

    def _needs(self, rows: Ints) -> Ints:
        """How many samples the next piece of each row wants to be there."""
        return np.maximum(np.rint(self._at[rows]).astype(np.intp) + self._search, self._go_on[rows]) + self._hop

    def _step(self, rows: Ints) -> None:
        """Lay one piece: fade from where the last one goes on to the best one near where it ought to be."""
        hop = np.arange(self._hop)
        expected = self._in[rows[:, None], self._go_on[rows, None] + hop]
        first = np.rint(self._at[rows]).astype(np.intp) - self._search
        span = self._in[rows[:, None], first[:, None] + np.arange(2 * self._search + self._hop)]
        near = np.lib.stride_tricks.sliding_window_view(span, self._hop, axis=1)
        fits = np.einsum("rch,rh->rc", near, expected) / np.sqrt(np.einsum("rch,rch->rc", near, near) + _CALM)
        best = first + np.argmax(fits, axis=1)
        piece = expected * self._fade_out + self._in[rows[:, None], best[:, None] + hop] * self._fade_in
        self._out[rows[:, None], self._made[rows, None] + hop] = piece
        self._made[rows] += self._hop
        self._go_on[rows] = best + self._hop
        self._at[rows] += self._hop / (self._pitch[rows] * self._length[rows])

    def _rewind(self, row: int) -> None:
        """Let go what no piece can come from any more."""
        gone = int(np.clip(min(np.floor(self._at[row]) - self._search, self._go_on[row]), 0, self._have[row]))
        _shift(self._in[row], gone, self._have[row])
        self._have[row] -= gone
        self._go_on[row] -= gone
        self._at[row] -= gone

    def _resample(self, rows: Ints) -> list[NDArray[np.int16]]:
        """What has been laid, at the speed of each row's pitch."""
        half, pitch = TAPS // 2, self._pitch[rows]
        counts = np.maximum(0, np.ceil((self._made[rows] - half - self._read[rows]) / pitch)).astype(np.intp)
        places = self._read[rows, None] + pitch[:, None] * np.arange(counts.max())
        steps = np.rint(places * PHASES).astype(np.intp)
        columns = np.minimum(steps[..., None] // PHASES + _TAPS, self._out.shape[1] - 1)
        near = self._out[rows[:, None, None], columns]
        sound = np.einsum("rnt,rnt->rn", near, self._kernels[rows[:, None], steps % PHASES]) * FULL_SCALE
        sound = np.clip(np.rint(sound), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        self._read[rows] += counts * pitch
        for row in rows:
            gone = min(max(int(self._read[row]) - half, 0), int(self._made[row]))
            _shift(self._out[row], gone, self._made[row])
            self._made[row] -= gone
            self._read[row] -= gone
        return [row[:count] for row, count in zip(sound, counts, strict=True)]


_TAPS = np.arange(1 - TAPS // 2, TAPS // 2 + 1)


def kernel(pitch: float) -> Real:
    """The low-pass filter of the resampler at every place between two samples.

    returns  (PHASES, TAPS) float32, each place sums up to 1
    """
    off = _TAPS - np.arange(PHASES)[:, None] / PHASES
    cut = SLOPE / pitch if pitch > 1.0 else 1.0
    weights = np.sinc(cut * off) * (0.5 + 0.5 * np.cos(np.pi * off / (TAPS // 2 + 1)))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _shift(sound: Real, by: int, valid: int) -> None:
    """Move a row to the left; silence comes after."""
    if by > 0:
        sound[:valid - by] = sound[by:valid].copy()
        sound[valid - by:valid] = 0.0
