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
HALF = 0.5  # of the amplitude of the digit: where an edge is
MIDDLE = WINDOW // 2
REFERENCE_HOPS = (22, 26)  # the hop in the middle of the gate's older and of its newest block

Real = NDArray[np.float32]
Complex = NDArray[np.complex64]

BASIS = tone_basis(LOW_HZ + HIGH_HZ, WINDOW, RATE_HZ, hann(WINDOW))


def envelopes(sound: Real, digit: NDArray[np.intp]) -> Complex:
    """Both tones of a digit, every 2.5 ms.

    sound    (legs, samples) float32, full scale 1.0, at 8 kHz
    digit    (legs,) index into `DIGITS`
    returns  (hops, legs, 2) complex64, low tone first; the first hop is 5 ms after the first sample
    """
    tones = sliding_phasors(sound, BASIS, HOP)
    legs = np.arange(len(digit))
    return np.stack((tones[:, legs, digit // 4], tones[:, legs, 4 + digit % 4]), axis=2)


def onsets(sound: Real, digit: NDArray[np.intp], newest: NDArray[np.bool_]) -> tuple[Real, Real]:
    """When each tone of a suspect digit began.

    sound    (legs, 640) float32, the last 80 ms
    digit, newest   (legs,) as the gate says
    returns  (legs, 2) float32, sample at which each tone rose to half, 0 when it is older than the tape;
             (legs, 2) float32, amplitude of each tone, full scale 1.0
    """
    envelope = np.abs(envelopes(sound[:, -LENGTH:], digit))
    centre = np.where(newest, REFERENCE_HOPS[1], REFERENCE_HOPS[0])
    legs = np.arange(len(digit))
    reference = (envelope[centre - 1, legs] + envelope[centre, legs] + envelope[centre + 1, legs]) / np.float32(3.0)
    half = reference * np.float32(HALF)
    hop = np.arange(len(envelope))[:, None, None]
    below = (envelope < half) & (hop < centre[None, :, None])
    last = np.where(below, hop, -1).max(axis=0)
    before = np.take_along_axis(envelope, np.maximum(last, 0)[None], axis=0)[0]
    after = np.take_along_axis(envelope, (np.maximum(last, 0) + 1)[None], axis=0)[0]
    step = (half - before) / np.maximum(after - before, np.float32(1e-9))
    onset = MIDDLE + HOP * (last + np.clip(step, 0.0, 1.0))
    return np.where(last < 0, 0.0, onset).astype(np.float32), reference
