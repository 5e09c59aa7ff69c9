# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate: which legs could be sending a digit just now, and which digit it would be.

It sees every loud leg in every frame, so it is one product, and generous: it may let speech through, it must not lose
a digit. What it lets through is judged by `proof`. Imports only numpy. Any thread; keeps no state.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dsp.goertzel import hann, tone_basis
from dsp.tape import RATE_HZ
from dsp.tones import HIGH_HZ, LOW_HZ, amplitude

BLOCK = 160  # samples, 20 ms: the longest that lies whole in a 40 ms digit at every phase of a 10 ms grid
HOP = 80  # samples, 10 ms
SPAN = BLOCK + HOP  # samples looked at, 30 ms
LOWEST_DBM0 = -38.0  # of one tone; Q.24 asks for -25, less 8 dB of twist, less what a tone at 1.5 % loses in the block
LEAST_SHARE = 0.45  # of the power above 500 Hz in the two tones: 0.65 is left at 12 dB SNR and 1.5 % on both tones
MOST_TWIST_DB = 9.0  # high over low; Q.24 has 4, more is left for the grid: `proof` measures exactly
LEAST_TWIST_DB = -14.0  # high over low; Q.24 has -8
HUM_BINS = 11  # DFT bins of 50 Hz that count as hum and dial tone: 0 to 500 Hz
LOWEST_POWER = 0.5 * amplitude(LOWEST_DBM0) ** 2

Real = NDArray[np.float32]


class Suspects(NamedTuple):
    """What the gate lets through, one entry for each leg looked at.

    is_open  (legs,) bool
    digit    (legs,) intp, index into `DIGITS`
    is_newest (legs,) bool, whether it was heard in the newest block and not in the one 10 ms before
    """

    is_open: NDArray[np.bool_]
    digit: NDArray[np.intp]
    is_newest: NDArray[np.bool_]


class Gate:
    """Two overlapping Goertzel blocks of 20 ms, and the power around their tones."""

    def __init__(self) -> None:
        window = hann(BLOCK)
        self._weights = (window / np.sqrt((window * window).sum())).astype(np.float32)
        tones = tone_basis(LOW_HZ + HIGH_HZ, BLOCK, RATE_HZ, window)
        hum = tone_basis([RATE_HZ / BLOCK * bin for bin in range(HUM_BINS)], BLOCK, RATE_HZ, window)
        # Neighbouring bins of a Hann window overlap: 2/3 makes their sum the energy (Parseval), half that at 0 Hz
        hum *= np.sqrt(2.0 / 3.0)
        hum[:, :: HUM_BINS] *= np.sqrt(0.5)
        to_weighted = (1.0 / self._weights)[:, None]
        self._basis = (np.hstack((tones, hum)) * to_weighted * np.sqrt(0.5)).astype(np.float32)

    def look(self, sound: Real) -> Suspects:
        """Judge the last 30 ms of some legs.

        sound    (legs, 240) float32, full scale 1.0, at 8 kHz
        """
        blocks = sliding_window_view(sound, BLOCK, axis=1)[:, ::HOP] * self._weights
        flat = blocks.reshape(-1, BLOCK)
        energy = np.einsum("ij,ij->i", flat, flat).reshape(-1, 2)
        parts = flat @ self._basis
        parts *= parts
        tones = (parts[:, :8] + parts[:, 8:16]).reshape(-1, 2, 8)
        around = energy - parts[:, 16:].sum(axis=1).reshape(-1, 2)
        low, high = tones[:, :, :4].max(axis=2), tones[:, :, 4:].max(axis=2)
        is_open = (low + high > LEAST_SHARE * around) & (np.minimum(low, high) > LOWEST_POWER)
        is_open &= (high < low * 10 ** (MOST_TWIST_DB / 10)) & (high > low * 10 ** (LEAST_TWIST_DB / 10))
        newest = np.where(is_open, low + high, np.float32(0.0)).argmax(axis=1)
        chosen = tones[np.arange(len(tones)), newest]
        digit = 4 * chosen[:, :4].argmax(axis=1) + chosen[:, 4:].argmax(axis=1)
        return Suspects(is_open.any(axis=1), digit, newest.astype(bool))
