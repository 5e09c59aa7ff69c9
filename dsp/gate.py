# SPDX-License-Identifier: GPL-3.0-or-later
"""Gate: which legs could be sending a digit just now, and which digit it would be.

It sees every loud leg in every frame, so it is one product, and generous: it may let speech through, it must not lose
a digit. What it lets through is judged by `proof`. Imports only numpy. Any thread; keeps no state.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.goertzel import hann, tone_basis
from dsp.tape import RATE_HZ
from dsp.tones import FULL_SCALE, HIGH_HZ, LOW_HZ, amplitude

BLOCK = 160  # samples, 20 ms
LAG = 88  # samples, 11 ms: a block that ends this long ago lies whole in a 40 ms digit whose onset is 31 to 51 ms old
SPAN = BLOCK + LAG  # samples looked back, 31 ms
LOWEST_DBM0 = -38.0  # of one tone; Q.24 asks for -25, less 8 dB of twist, less what a tone at 1.5 % loses in the block
LEAST_SHARE = 0.55  # of the power above 500 Hz in the two tones: 0.70 is left at 12 dB SNR and 1.5 % on both tones
MOST_TWIST = 10.0**0.8  # power of high over low: 8 dB, where Q.24 has 4 and `proof` measures exactly
LEAST_TWIST = 10.0**-1.3  # power of high over low: -13 dB, where Q.24 has -8 and a high tone off by 1.5 % loses 1.5
HUM_BINS = 11  # of the DFT, 50 Hz wide, that count as hum and dial tone: 0 to 500 Hz
LOWEST_POWER = 0.5 * (amplitude(LOWEST_DBM0) * FULL_SCALE) ** 2

Real = NDArray[np.float32]


class Suspects(NamedTuple):
    """What the gate lets through.

    row      (suspects,) of the legs looked at
    digit    (suspects,) index into `DIGITS`
    """

    row: NDArray[np.intp]
    digit: NDArray[np.intp]


class Gate:
    """One Goertzel block of 20 ms, where it lies in the middle of a digit that is due, and the power around it."""

    def __init__(self) -> None:
        window = hann(BLOCK)
        weights = window / np.sqrt((window * window).sum())
        tones = tone_basis(LOW_HZ + HIGH_HZ, BLOCK, RATE_HZ, window)
        hum = tone_basis([RATE_HZ / BLOCK * bin for bin in range(HUM_BINS)], BLOCK, RATE_HZ, window)
        # Neighbouring bins of a Hann window overlap: 2/3 makes their sum the energy (Parseval), half that at 0 Hz
        hum *= np.sqrt(2.0 / 3.0)
        hum[:, ::HUM_BINS] *= np.sqrt(0.5)
        self._weights = weights.astype(np.float32)
        basis = np.hstack((tones, hum)) * np.sqrt(0.5) / weights[:, None]
        self._basis = np.ascontiguousarray(basis.T, np.float32)

    def look(self, sound: Real) -> Suspects:
        """Judge one block of some legs.

        sound    (legs, BLOCK) float32, int16 steps, at 8 kHz
        """
        block = sound * self._weights
        power = np.einsum("ij,ij->i", block, block)
        # Tones in rows: a maximum over a short last axis costs more than the product
        parts = self._basis @ block.T
        parts *= parts
        tones = parts[:8] + parts[8:16]
        low, high = tones[:4].max(axis=0), tones[4:].max(axis=0)
        is_open = low + high > LEAST_SHARE * (power - parts[16:].sum(axis=0))
        is_open &= np.minimum(low, high) > LOWEST_POWER
        is_open &= (high < low * MOST_TWIST) & (high > low * LEAST_TWIST)
        row = np.flatnonzero(is_open)
        return Suspects(row, 4 * tones[:4, row].argmax(axis=0) + tones[4:, row].argmax(axis=0))
