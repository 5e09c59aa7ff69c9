# SPDX-License-Identifier: GPL-3.0-or-later
"""Trial: what becomes of a suspect. When it began, whether enough of it was heard, and whether it is a digit.

A fresh suspect is tried on its first 30 ms, as soon as they are there. One that fails, because a packet was lost in
it or a voice was over it, is tried again on its newest 30 ms in every frame, and then has to be clear of anything else:
every trial is a chance for a voice too. Imports only numpy. Any thread; keeps no state.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp import edges, proof
from dsp.tape import FRAME, LENGTH

GUARD = 8  # samples, 1 ms: an onset is not known better, so the span starts that much after it
AWAY = 24  # samples, 3 ms: what came before ends that much before the onset, where its tones are not yet half up
MOST_SKEW = 24  # samples, 3 ms between the onsets of the two tones: 2 ms at 12 dB SNR and 8 dB twist
SLACK = 16  # samples, 2 ms: an onset may look that much older one frame later, and must not miss its first trial so
RIPE = proof.SPAN + GUARD  # samples since the onset that a trial needs, 31 ms: the latency, but for the packet grid

Real = NDArray[np.float32]
Index = NDArray[np.intp]
When = NDArray[np.float64]
Truth = NDArray[np.bool_]


class Verdict(NamedTuple):
    """Digits found, one row each. Times are samples after the start of the tape.

    row         (digits,) of the suspects
    onset       (digits,) when it began
    fall        (digits,) when its tone fell, inf while it sounds
    peak        (digits, 2) amplitude of low and high tone, int16 steps
    detuning_hz (digits, 2) off the nominal frequencies
    """

    row: Index
    onset: When
    fall: When
    peak: Real
    detuning_hz: Real


NOTHING = Verdict(
    np.zeros(0, np.intp), np.zeros(0), np.zeros(0), np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
)


def cut(sound: Real, first: When, samples: int) -> Real:
    """A piece of each row, from its own first sample on, kept within the row.

    sound    (rows, samples)
    first    (rows,)
    returns  (rows, samples)
    """
    start = np.minimum(np.maximum(np.rint(first).astype(np.intp), 0), sound.shape[1] - samples)
    return np.asarray(sound[np.arange(len(sound))[:, None], start[:, None] + np.arange(samples)])


def _begins(rises: When) -> tuple[When, Truth]:
    """Onset of both tones together, and whether it is sharp: a key switches both at once, a voice hardly ever.

    rises    (rows, 2)
    """
    low, high = rises[:, 0], rises[:, 1]
    onset = (low + high) / 2
    is_sharp = (np.abs(high - low) < MOST_SKEW) & (onset >= proof.SPAN + AWAY)
    return np.where(is_sharp, onset, np.maximum(low, high)), is_sharp


def judge(tape: Real, digit: Index) -> Verdict:
    """Try suspects.

    tape     (rows, LENGTH) float32, int16 steps, at 8 kHz
    digit    (rows,) as the gate says
    """
    rises, fall = edges.onsets(tape, digit)
    onset, is_sharp = _begins(rises)
    age = LENGTH - onset
    row = np.flatnonzero(age >= RIPE)
    if not row.size:
        return NOTHING
    is_first = age < RIPE + FRAME + SLACK
    span = cut(tape[row], np.where(is_first, onset + GUARD, LENGTH - proof.SPAN)[row], proof.SPAN)
    steady = proof.steadiness(span, digit[row])
    kept = np.flatnonzero(steady.holds())
    row = row[kept]
    if not row.size:
        return NOTHING
    before = cut(tape[row], onset[row] - AWAY - proof.SPAN, proof.SPAN)
    found = proof.measure(span[kept], before, steady.peak[kept])
    is_digit = found.is_pair() & np.where((is_sharp & is_first)[row], found.is_added(), found.is_clear())
    row = row[is_digit]
    return Verdict(row, onset[row], fall[row], found.peak[is_digit], steady.detuning_hz[kept[is_digit]])
