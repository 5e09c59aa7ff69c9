# SPDX-License-Identifier: GPL-3.0-or-later
"""Held: the keys that are down, one row for each leg, and the watch for their release.

A gap shorter than a pause belongs to the key: a lost packet, an interruption. So a release is told when the pause is
long enough, and dated back to where the tone fell. Imports only numpy. One thread, that of the detector.
"""

import numpy as np
from numpy.typing import NDArray

from dsp import edges
from dsp.edges import HALF, MIDDLE, TONES_HZ, crossing, envelopes, tones_of
from dsp.tape import FRAME, RATE_HZ

SHORTEST_PAUSE = 200  # samples, 25 ms: between the 20 ms of a lost packet and the 30 ms that separate digits
HOP = 40  # samples, 5 ms: half the window, so that a pause always shows
MOST_DRIFT = np.array([36.0, 60.0]) * (HOP / RATE_HZ)  # turns; half the way to the next low or high tone: another key
SPAN = FRAME + edges.WINDOW  # samples needed to see the hops of one frame, and the last hop of the frame before
IDLE = -1

Real = NDArray[np.float32]
Index = NDArray[np.intp]
When = NDArray[np.float64]


class Held:
    """Keys that are down. Times are samples at 8 kHz on the clock of the bank.

    digit    (legs,) index into `DIGITS`, IDLE when no key is down
    onset    (legs,) when it was pressed
    fall     (legs,) when its tone fell, inf while it sounds
    """

    def __init__(self, legs: int) -> None:
        self.digit: Index = np.full(legs, IDLE, np.intp)
        self.onset: When = np.zeros(legs)
        self.fall: When = np.full(legs, np.inf)
        self._tone = np.zeros((legs, 2), np.intp)
        self._peak = np.ones((legs, 2), np.float32)
        self._turns = np.zeros((legs, 2))  # of each tone from hop to hop

    def resize(self, legs: int) -> None:
        """More legs, with no key down, or fewer: the last ones go."""
        fresh, kept = Held(legs), min(legs, len(self.digit))
        for name, rows in vars(fresh).items():
            rows[:kept] = getattr(self, name)[:kept]
        self.__dict__.update(vars(fresh))

    def press(self, legs: Index, digit: Index, onset: When, fall: When, peak: Real, detuning_hz: Real) -> None:
        """Note keys that went down; arrays have one row for each of `legs`."""
        self.digit[legs], self.onset[legs], self.fall[legs] = digit, onset, fall
        tone = tones_of(digit)
        self._tone[legs], self._peak[legs] = tone, peak
        self._turns[legs] = (TONES_HZ[tone] + detuning_hz) * (HOP / RATE_HZ)

    def released(self, legs: Index, sound: Real, now: int) -> Index:
        """Which keys have come up; they stay noted until `forget`.

        legs     with a key down
        sound    (legs, SPAN) float32, the newest samples of these legs
        now      clock at the end of `sound`
        returns  those of `legs` whose pause is long enough
        """
        strength, present = self._presence(legs, sound)
        fall = self.fall[legs]
        if present[1:].all() and np.isinf(fall).all():  # as nearly always: every key sounds on
            return legs[:0]
        hops, start = len(strength) - 1, now - SPAN
        is_heard = present[1:].any(axis=0)
        first = 1 + present[1:].argmax(axis=0)
        last = hops - present[:0:-1].argmax(axis=0)
        # A tone that sounded when the last frame ended, and is gone in the first hop of this one, fell between them
        is_between = np.isinf(fall) & ~present[1]
        fall = np.where(is_between, start + crossing(strength, 0 * first, HOP), fall)
        rise = np.where(present[first - 1, np.arange(len(legs))], -np.inf, start + crossing(strength, first - 1, HOP))
        until = np.where(is_heard, rise, start + MIDDLE + HOP * hops)
        is_over = until - fall >= SHORTEST_PAUSE
        new_fall = np.where(last == hops, np.inf, start + crossing(strength, np.minimum(last, hops - 1), HOP))
        self.fall[legs] = np.where(is_heard & ~is_over, new_fall, fall)
        return np.asarray(legs[is_over])

    def _presence(self, legs: Index, sound: Real) -> tuple[Real, NDArray[np.bool_]]:
        """Strength of the weaker tone, 1.0 as when pressed, and whether it is this key's; both (hops, legs)."""
        envelope = envelopes(sound, self._tone[legs], HOP)
        strength = (np.abs(envelope) / self._peak[legs]).min(axis=2)
        advance = np.angle((envelope[1:] * envelope[:-1].conj()).sum(axis=0))
        off = advance * (0.5 / np.pi) - self._turns[legs]
        is_near = (np.abs(off - np.rint(off)) < MOST_DRIFT).all(axis=1)
        return strength, (strength >= HALF) & is_near

    def forget(self, legs: Index) -> None:
        """No key is down on these legs."""
        self.digit[legs] = IDLE
