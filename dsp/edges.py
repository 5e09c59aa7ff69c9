# SPDX-License-Identifier: GPL-3.0-or-later
"""Edges: when the two tones of a digit came and went, to about a millisecond.

An edge is where the amplitude of a tone, seen through a window of 10 ms, crosses half of what it has in the middle of
the digit: there the window is half full, whatever its shape. An echo of -10 dB stays below half, so it neither
prolongs a digit nor fills a pause. Imports only numpy. Any thread; keeps no state.
"""

import numpy as np
from numpy.typing import NDArray

from dsp.gate import LAG, SPAN
from dsp.goertzel import hann, sliding_phasors, tone_basis
from dsp.tape import LENGTH, RATE_HZ
from dsp.tones import HIGH_HZ, LOW_HZ

WINDOW = 80  # samples, 10 ms: its side lobes begin at 200 Hz, less than the 268 Hz between the groups
HOP = 40  # samples, 5 ms: half the window, so that an edge always shows between two hops
MIDDLE = WINDOW // 2
HALF = 0.5  # of the amplitude of the digit: where an edge is
REFERENCE_HOPS = slice((LENGTH - SPAN) // HOP + 1, (LENGTH - LAG - WINDOW) // HOP + 1)  # within the block of the gate
TINY = 1e-6  # keeps a division by silence finite

Real = NDArray[np.float32]
Complex = NDArray[np.complex64]
Index = NDArray[np.intp]

TONES_HZ = np.array(LOW_HZ + HIGH_HZ)
BASIS = tone_basis(LOW_HZ + HIGH_HZ, WINDOW, RATE_HZ, hann(WINDOW))


def tones_of(digit: Index) -> Index:
    """Columns of the bank that a digit sounds in.

    digit    (legs,) index into `DIGITS`
    returns  (legs, 2), low tone first
    """
    return np.stack((digit // 4, 4 + digit % 4), axis=1)


def envelopes(sound: Real, digit: Index) -> Complex:
    """Both tones of a digit, every 5 ms.

    sound    (legs, samples) float32, int16 steps, at 8 kHz
    digit    (legs,) index into `DIGITS`
    returns  (hops, legs, 2) complex64, low tone first; the first hop is 5 ms after the first sample
    """
    tones = sliding_phasors(sound, BASIS, HOP)
    return np.asarray(tones[:, np.arange(len(digit))[:, None], tones_of(digit)])


def crossing(strength: Real, before: Index) -> NDArray[np.float64]:
    """Sample at which a strength passes `HALF` between two hops.

    strength (hops, ...) float32, 1.0 in the middle of the digit
    before   (...) hop of the two that comes first
    returns  (...) float64, samples after the first sample the hops were made from
    """
    first = np.take_along_axis(strength, before[None], axis=0)[0]
    second = np.take_along_axis(strength, before[None] + 1, axis=0)[0]
    change = second - first
    part = (HALF - first) / np.where(np.abs(change) < TINY, TINY, change)
    return np.asarray(MIDDLE + HOP * (before + np.clip(part, 0.0, 1.0)), np.float64)


def onsets(sound: Real, digit: Index) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each tone of a suspect digit began, and when the digit was over.

    sound    (legs, LENGTH) float32, the whole tape
    digit    (legs,) as the gate says
    returns  (legs, 2) float64, sample at which each tone rose to half, 0 when it is older than the tape;
             (legs,) float64, sample at which the first of them fell to half, inf when neither did
    """
    envelope = np.abs(envelopes(sound, digit))
    reference = envelope[REFERENCE_HOPS].mean(axis=0)
    strength = envelope / np.maximum(reference, np.float32(TINY))
    hop = np.arange(len(strength))[:, None, None]
    is_low = strength < HALF
    last = np.where(is_low & (hop < REFERENCE_HOPS.stop - 1), hop, -1).max(axis=0)
    onset = np.where(last < 0, 0.0, crossing(strength, np.maximum(last, 0)))
    after = np.where(is_low & (hop > REFERENCE_HOPS.start), hop, len(strength)).min(axis=0)
    fall = np.where(after == len(strength), np.inf, crossing(strength, np.minimum(after, len(strength) - 1) - 1))
    return onset, fall.min(axis=1)
