# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof: whether 30 ms of sound are a DTMF digit by the letter of ITU-T Q.24.

Speech can look like a digit for a moment to any filter bank. It cannot hold two frequencies to a few hertz, evenly, for
30 ms, and add nothing else to what was on the line before. All of that is measured here, exactly, on the few legs whose
turn it is. Imports only numpy. Any thread; keeps no state.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.edges import BASIS, TONES_HZ, WINDOW, tones_of
from dsp.goertzel import hann, sliding_phasors
from dsp.tape import RATE_HZ
from dsp.tones import FULL_SCALE, amplitude

SPAN = 240  # samples, 30 ms: more than the 23 ms Q.24 refuses, less than the 40 ms it accepts
HOP = 40  # samples, 5 ms: five windows in the span
WEIGHTS = np.array([0.5, 1.0, 1.0, 1.0, 0.5], np.float32)  # of the windows: tapers keep dial tone out of the band
HUM_HZ = 33.0  # hum and dial tone are measured from here
BAND_HZ = (566.0, 3800.0)  # where a clear line has nothing but the digit: above dial tone, below the channel's edge

MOST_DETUNING = 0.0205  # of the frequency: 1.5 % + 2 Hz (Q.24 table 1), and 2 Hz for noise; 3.5 % is to be refused
MOST_TWIST = 10.0 ** (5.5 / 20)  # amplitude of high over low: 4 dB (Q.24), and 1.5 for noise
LEAST_TWIST = 10.0 ** (-10.2 / 20)  # likewise: -8 dB (Q.24), 1.5 for noise, 0.7 that clipping takes from the weaker
LEAST_PEAK = amplitude(-36.0) * FULL_SCALE  # int16 steps, of one tone: -25 dBm0 (Q.24), 8 dB of twist, 3 for noise
MOST_BESIDE = 0.125  # in the band beside the tones against them: 0.07 at 12 dB SNR, 0.11 at 10 dB
LEAST_EVENNESS = 0.6  # weakest against mean amplitude of the windows: an echo of -10 dB leaves 0.77, noise 0.68
MOST_BEND = 0.21  # radians rms off a straight line of phase: 0.18 at 12 dB SNR and 8 dB twist
MOST_REST = 0.08  # beside the tones against them, if it was not there before: noise at 11 dB
LOUDEST_HUM = 20.0  # below the band against the tones, even if it was there before: +13 dB, dial tone 12 dB over each
MOST_HUM = 0.10  # below the band against the tones, if it was not there before: -10 dB
STEADY = 1.8  # noise that was there before may seem to have grown so much, in 30 ms at 12 dB SNR
STEADY_HUM = 1.4  # likewise hum and dial tone, which stay within 1.05
SILENT = 1e-3  # before the tones against them: -30 dB, a line that is not open yet, or the start of a recording
CLEAR_REST = 0.04  # beside the tones against them, where no onset tells key from voice: noise at 14 dB
CLEAR_HUM = 0.05  # below the band against the tones, where no onset tells key from voice: -13 dB
TINY = 1e-6  # int16 steps, or their square; keeps a division by silence finite

Real = NDArray[np.float32]
Complex = NDArray[np.complex64]
Index = NDArray[np.intp]
Truth = NDArray[np.bool_]


def _top() -> NDArray[np.float64]:
    """Window of the whole span whose square is the weighted sum of the windows in it.

    So the power of the span less that of the pair is exactly what a fit of two tones leaves over.
    """
    square = np.zeros(SPAN)
    for number, weight in enumerate(WEIGHTS):
        square[number * HOP : number * HOP + WINDOW] += weight * hann(WINDOW)
    return np.sqrt(square)


WINDOWS = WEIGHTS.size
TOP = _top().astype(np.float32)
SCALE = np.float32(2.0 / SPAN / (TOP * TOP).sum())  # from bins of the windowed span to mean square (Parseval)
LOWEST_BIN, LOW_BIN, HIGH_BIN = (round(edge_hz * SPAN / RATE_HZ) for edge_hz in (HUM_HZ, *BAND_HZ))
BAND, HUM = slice(LOW_BIN, HIGH_BIN + 1), slice(LOWEST_BIN, LOW_BIN - 1)
NOMINAL_TURNS = np.exp(  # (WINDOWS, 8): undo what an exact tone turns from window to window
    np.outer(np.arange(WINDOWS), -2j * np.pi * HOP / RATE_HZ * TONES_HZ)
).astype(np.complex64)


class Steadiness(NamedTuple):
    """How the two tones go through the span.

    detuning_hz (legs, 2) off the nominal frequency, low tone first
    detuning    (legs,) fraction of the nominal frequency, the worse tone
    peak        (legs, 2) amplitude, int16 steps, low tone first
    bend        (legs,) radians rms off a straight line of phase, the worse tone
    evenness    (legs,) weakest against mean amplitude, the worse tone
    """

    detuning_hz: Real
    detuning: Real
    peak: Real
    bend: Real
    evenness: Real

    def holds(self) -> Truth:
        """Whether the tones are those of a digit, and steady, (legs,) bool."""
        return np.asarray(
            (self.detuning < MOST_DETUNING) & (self.bend < MOST_BEND) & (self.evenness > LEAST_EVENNESS)
        )


class Evidence(NamedTuple):
    """What is on the line. Powers are fractions of the power of both tones.

    peak        (legs, 2) as in `Steadiness`
    rest        (legs,) in the band beside the tones
    hum         (legs,) below the band
    rest_before (legs,) in the band before the onset
    hum_before  (legs,) below the band before the onset
    """

    peak: Real
    rest: Real
    hum: Real
    rest_before: Real
    hum_before: Real

    def is_pair(self) -> Truth:
        """Whether it is two tones within their limits and little else, (legs,) bool."""
        twist = self.peak[:, 1] / np.maximum(self.peak[:, 0], TINY)
        return np.asarray(
            (twist < MOST_TWIST)
            & (twist > LEAST_TWIST)
            & (self.peak.min(axis=1) > LEAST_PEAK)
            & (self.rest < MOST_BESIDE)
            & (self.hum < LOUDEST_HUM)
        )

    def is_added(self) -> Truth:
        """Whether the onset added the tones to the line and nothing else, as a key does and a voice does not.

        Where there was nothing before, hum and noise may have come with the tones, as when the line opens.
        """
        is_same = self.rest < np.maximum(MOST_REST, STEADY * self.rest_before)
        is_same &= self.hum < np.maximum(MOST_HUM, STEADY_HUM * self.hum_before)
        return np.asarray(is_same | (self.rest_before + self.hum_before < SILENT))

    def is_clear(self) -> Truth:
        """Whether there is so little beside the tones that it needs no onset, (legs,) bool."""
        return np.asarray((self.rest < CLEAR_REST) & (self.hum < CLEAR_HUM))


def steadiness(sound: Real, digit: Index) -> Steadiness:
    """Follow the phase of each tone over five windows: its slope is the frequency.

    sound    (legs, SPAN) float32, int16 steps, at 8 kHz
    digit    (legs,) index into `DIGITS`
    """
    tone = tones_of(digit)
    step_s = HOP / RATE_HZ
    order = (np.arange(WINDOWS) - (WINDOWS - 1) / 2).astype(np.float32)[:, None, None]
    pieces = sliding_phasors(sound, BASIS, HOP)[:, np.arange(len(tone))[:, None], tone]
    pieces = pieces * NOMINAL_TURNS[:, tone]
    advance = np.angle((pieces[1:] * pieces[:-1].conj()).sum(axis=0))
    pieces = pieces * np.exp(-1j * order * advance)
    phase = np.angle(pieces * pieces.sum(axis=0).conj())
    slope = (order * phase).sum(axis=0) / (order * order).sum()
    bend = np.sqrt(((phase - order * slope) ** 2).sum(axis=0) / WINDOWS).max(axis=1)
    strength = np.abs(pieces)
    evenness = (strength.min(axis=0) / np.maximum(strength.sum(axis=0) / WINDOWS, TINY)).min(axis=1)
    detuning_hz = (advance + slope) / np.float32(2.0 * np.pi * step_s)
    # What a Hann window takes from a tone this many bins off its middle
    bins = detuning_hz * np.float32(WINDOW / RATE_HZ)
    whole = (WEIGHTS[:, None, None] * pieces * np.exp(-1j * order * slope)).sum(axis=0) / WEIGHTS.sum()
    peak = np.abs(whole) * (1.0 - bins * bins) / np.sinc(bins)
    return Steadiness(detuning_hz, np.abs(detuning_hz / TONES_HZ[tone]).max(axis=1), peak, bend, evenness)


def powers(sound: Real) -> tuple[Real, Real]:
    """Mean-square power in the band, and below it, each (legs,).

    sound    (legs, SPAN) float32, int16 steps, at 8 kHz
    """
    spectrum = np.fft.rfft(sound * TOP)
    power = (spectrum.real**2 + spectrum.imag**2) * SCALE
    return power[:, BAND].sum(axis=1), power[:, HUM].sum(axis=1)


def measure(sound: Real, before: Real, peak: Real) -> Evidence:
    """Weigh the two tones against everything else on the line.

    sound    (legs, SPAN) float32, int16 steps, at 8 kHz
    before   (legs, SPAN) float32, what came before the onset
    peak     (legs, 2) from `steadiness`
    """
    pair = np.maximum(0.5 * (peak * peak).sum(axis=1), TINY)
    band, hum = powers(sound)
    band_before, hum_before = powers(before)
    return Evidence(peak, (band - pair) / pair, hum / pair, band_before / pair, hum_before / pair)
