# SPDX-License-Identifier: GPL-3.0-or-later
"""Edges: when the two tones of a digit came and went, to about a millisecond.

An edge is where the amplitude of a tone, seen through a window of 10 ms, crosses half of what it has in the middle of
the digit: there the window is half full, whatever its shape. An echo of -10 dB stays below half, so it neither
prolongs a digit nor fills a pause. Imports only numpy. Any thread; keeps no state.
"""

import numpy as np
from numpy.typing import NDArray

from dsp.goertzel import hann, sliding_phasors, tone_basis
from dsp.tape import LENGTH, RATE_HZ
from dsp.tones import HIGH_HZ, LOW_HZ

WINDOW = 80  # samples, 10 ms: its side lobes begin at 200 Hz, less than the 268 Hz between the groups
HOP = 20  # samples, 2.5 ms
MIDDLE = WINDOW // 2
HALF = 0.5  # of the amplitude of the digit: where an edge is
NEWEST_HOP = (LENGTH - WINDOW) // HOP
REFERENCE_HOPS = (NEWEST_HOP - 6, NEWEST_HOP - 2)  # the middle of the gate's older and of its newest block
LEAST_RISE = 1e-9  # amplitude; keeps a division by nothing finite

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
    """Both tones of a digit, every 2.5 ms.

    sound    (legs, samples) float32, full scale 1.0, at 8 kHz
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
    part = (HALF - first) / np.where(np.abs(change) < LEAST_RISE, LEAST_RISE, change)
    return np.asarray(MIDDLE + HOP * (before + np.clip(part, 0.0, 1.0)), np.float64)


def onsets(sound: Real, digit: Index, is_newest: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each tone of a suspect digit began, and when the digit was over.

    sound    (legs, LENGTH) float32, the whole tape
    digit, is_newest   (legs,) as the gate says
    returns  (legs, 2) float64, sample at which each tone rose to half, 0 when it is older than the tape;
             (legs,) float64, sample at which the first of them fell to half, inf when neither did
    """
    envelope = np.abs(envelopes(sound, digit))
    centre = np.where(is_newest, REFERENCE_HOPS[1], REFERENCE_HOPS[0])
    legs = np.arange(len(digit))
    reference = (envelope[centre - 1, legs] + envelope[centre, legs] + envelope[centre + 1, legs]) / 3.0
    strength = envelope / np.maximum(reference, np.float32(LEAST_RISE))
    hop = np.arange(len(strength))[:, None, None]
    is_low = strength < HALF
    last = np.where(is_low & (hop < centre[:, None]), hop, -1).max(axis=0)
    onset = np.where(last < 0, 0.0, crossing(strength, np.maximum(last, 0)))
    after = np.where(is_low & (hop > centre[:, None]), hop, len(strength)).min(axis=0)
    fall = np.where(after == len(strength), np.inf, crossing(strength, np.minimum(after, len(strength) - 1) - 1))
    return onset, fall.min(axis=1)
