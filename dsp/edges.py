# SPDX-License-Identifier: GPL-3.0-or-later
"""Edges: when the two tones of a digit came and went, to about a millisecond.

An edge is where the amplitude of a tone, seen through a window of 10 ms, crosses half of what it has in the middle of
the digit: there the window is half full, whatever its shape. An echo of -10 dB stays below half, so it neither
prolongs a digit nor fills a pause. Imports only numpy. Any thread; keeps no state.
"""

import numpy as np
from numpy.typing import NDArray

from dsp.gate import BLOCK, SPAN
from dsp.goertzel import hann, sliding_phasors, tone_basis
from dsp.tape import LENGTH, RATE_HZ
from dsp.tones import HIGH_HZ, LOW_HZ

WINDOW = 80  # samples, 10 ms: its side lobes begin at 200 Hz, less than the 268 Hz between the groups
HOP = 20  # samples, 2.5 ms: two tones of 12 dB SNR and 8 dB twist are then seen to rise within 2 ms
MIDDLE = WINDOW // 2
HALF = 0.5  # of the amplitude of the digit: where an edge is
MIDDLE_HOP = (LENGTH - SPAN + (BLOCK - WINDOW) // 2) // HOP  # this hop and the next lie in the block of the gate
TINY = 1e-6  # keeps a division by silence finite

Real = NDArray[np.float32]
Complex = NDArray[np.complex64]
Index = NDArray[np.intp]
When = NDArray[np.float64]

TONES_HZ = np.array(LOW_HZ + HIGH_HZ)
COLUMNS = np.array([(digit // 4, 4 + digit % 4) for digit in range(16)], np.intp)  # of the bank, by digit
BASIS = tone_basis(LOW_HZ + HIGH_HZ, WINDOW, RATE_HZ, hann(WINDOW))


def tones_of(digit: Index) -> Index:
    """Columns of the bank that a digit sounds in.

    digit    (legs,) index into `DIGITS`
    returns  (legs, 2), low tone first
    """
    return COLUMNS[digit]


def envelopes(sound: Real, tone: Index, hop: int) -> Complex:
    """Both tones of a digit, every `hop` samples.

    sound    (legs, samples) float32, int16 steps, at 8 kHz
    tone     (legs, 2) as `tones_of` says
    returns  (hops, legs, 2) complex64, low tone first; the first hop is 5 ms after the first sample
    """
    tones = sliding_phasors(sound, BASIS, hop)
    return np.asarray(tones[:, np.arange(len(tone))[:, None], tone])


def crossing(strength: Real, before: Index, hop: int) -> When:
    """Sample at which a strength passes `HALF` between two hops.

    strength (hops, columns) float32, 1.0 in the middle of the digit
    before   (columns,) hop of the two that comes first
    returns  (columns,) float64, samples after the first sample the hops were made from
    """
    columns = np.arange(before.size)
    first = strength[before, columns]
    change = strength[before + 1, columns] - first
    change[np.abs(change) < TINY] = TINY
    part = np.minimum(np.maximum((HALF - first) / change, 0.0), 1.0)
    return np.asarray(MIDDLE + hop * (before + part), np.float64)


def onsets(sound: Real, digit: Index) -> tuple[When, When]:
    """When each tone of a suspect digit began, and when the digit was over.

    sound    (legs, LENGTH) float32, the whole tape
    digit    (legs,) as the gate says
    returns  (legs, 2) float64, sample at which each tone rose to half, 0 when it is older than the tape;
             (legs,) float64, sample at which the first of them fell to half, inf when neither did
    """
    envelope = np.abs(envelopes(sound, tones_of(digit), HOP)).reshape(-1, 2 * digit.size)
    strength = envelope * (2.0 / np.maximum(envelope[MIDDLE_HOP] + envelope[MIDDLE_HOP + 1], TINY))
    is_low = strength < HALF
    last = MIDDLE_HOP - is_low[MIDDLE_HOP::-1].argmax(axis=0)
    is_old = ~is_low[: MIDDLE_HOP + 1].any(axis=0)
    onset = np.where(is_old, 0.0, crossing(strength, last, HOP))
    after = MIDDLE_HOP + 1 + is_low[MIDDLE_HOP + 1 :].argmax(axis=0)
    is_sounding = ~is_low[MIDDLE_HOP + 1 :].any(axis=0)
    fall = np.where(is_sounding, np.inf, crossing(strength, after - 1, HOP))
    return onset.reshape(-1, 2), fall.reshape(-1, 2).min(axis=1)
