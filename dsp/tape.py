# SPDX-License-Identifier: GPL-3.0-or-later
"""Tape: the last 100 ms of every leg at 8 kHz, whatever rate the bank has.

Owns decimation and history. Everything behind it knows one rate only, so the rate of the bank costs one product and
nothing else. Imports only numpy. One thread, that of the detector.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

RATE_HZ = 8000  # of everything behind the tape; DTMF needs 1.7 kHz, its harmonics 3.4 kHz
FRAME = 160  # samples, 20 ms
LENGTH = 5 * FRAME  # samples that `last` can give, 100 ms: an onset 75 ms ago and what was before it
REELS = 3  # tape is this many lengths long and is rewound when full, so that rows stay contiguous
CHUNK = 10  # samples at 8 kHz made by one row of the decimation product; 10 to 20 are the quickest
FILTER_SPAN = 7  # length of the decimation filter, samples at 8 kHz
CUT_HZ = 3700.0  # middle of the decimation filter's slope; 6 kHz and above would fold onto the tones

Real = NDArray[np.float32]


def decimation_basis(factor: int) -> Real:
    """Low-pass filter and decimation as a matrix: one chunk of input in, `CHUNK` samples at 8 kHz out.

    returns  (CHUNK * factor + history, CHUNK) float32; history is `FILTER_SPAN * factor` samples of input
    """
    taps = FILTER_SPAN * factor + 1
    time = np.arange(taps) - (taps - 1) / 2.0
    cut = CUT_HZ / (RATE_HZ * factor)
    shape = 2.0 * cut * np.sinc(2.0 * cut * time) * np.kaiser(taps, 5.0)
    shape /= shape.sum()
    basis = np.zeros((CHUNK * factor + taps - 1, CHUNK))
    for column in range(CHUNK):
        basis[column * factor : column * factor + taps, column] = shape
    return basis.astype(np.float32)


def resized(rows: Real, count: int, fill: float) -> Real:
    """The first `count` rows of an array, made up with rows of `fill`."""
    out = np.full((count, *rows.shape[1:]), fill, rows.dtype)
    kept = min(count, len(rows))
    out[:kept] = rows[:kept]
    return out


class Tape:
    """Recent sound of all legs.

    legs     rows
    rate_hz  of the frames written, a multiple of 8000
    raises   ValueError when the rate is none
    """

    def __init__(self, legs: int, rate_hz: int) -> None:
        if rate_hz < RATE_HZ or rate_hz % RATE_HZ:
            raise ValueError(f"rate must be a multiple of {RATE_HZ} Hz, not {rate_hz}")
        self.factor = rate_hz // RATE_HZ
        self.delay = 0.0 if self.factor == 1 else FILTER_SPAN / 2.0  # samples at 8 kHz that sound comes late
        self._sound = np.zeros((legs, REELS * LENGTH), np.float32)
        self._end = LENGTH
        self._basis = decimation_basis(self.factor)
        self._history = FILTER_SPAN * self.factor
        self._input = np.zeros((legs, self._history + FRAME * self.factor), np.float32)

    def write(self, frames: NDArray[np.int16]) -> None:
        """Append 20 ms of every leg.

        frames   (legs, 160 * factor) int16
        """
        if self._end == self._sound.shape[1]:
            self._sound[:, : LENGTH - FRAME] = self._sound[:, FRAME - LENGTH :]
            self._end = LENGTH - FRAME
        now = self._sound[:, self._end : self._end + FRAME]
        self._end += FRAME
        if self.factor == 1:
            now[...] = frames
            return
        self._input[:, : self._history] = self._input[:, -self._history :]
        self._input[:, self._history :] = frames
        chunks = sliding_window_view(self._input, self._basis.shape[0], axis=1)[:, :: CHUNK * self.factor]
        made = chunks.transpose(1, 0, 2) @ self._basis
        now.reshape(len(now), -1, CHUNK)[...] = made.transpose(1, 0, 2)

    def last(self, samples: int) -> Real:
        """The newest samples of all legs, a view.

        returns  (legs, samples) float32, int16 steps, at 8 kHz
        """
        return self._sound[:, self._end - samples : self._end]

    def resize(self, legs: int) -> None:
        """More rows, silent at first, or fewer: the last ones go."""
        self._sound, self._input = resized(self._sound, legs, 0.0), resized(self._input, legs, 0.0)

    def clear(self, leg: int) -> None:
        """Silence in one row, for a leg slot that is reused."""
        self._sound[leg] = 0.0
        self._input[leg] = 0.0
