# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof: whether 30 ms of sound are a DTMF digit by the letter of ITU-T Q.24.

Speech can look like a digit for a moment to any filter bank. It cannot hold two frequencies to a few hertz, with
nothing beside them, at even amplitude, for 30 ms. All of that is measured here, exactly, on the few legs whose turn it
is. Imports only numpy. Any thread; keeps no state.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.goertzel import hann, sliding_phasors, tone_basis
from dsp.tape import RATE_HZ
from dsp.tones import HIGH_HZ, LOW_HZ, amplitude

SPAN = 240  # samples, 30 ms: more than the 23 ms Q.24 refuses, less than the 40 ms it accepts
TAPER = 40  # samples, 5 ms: keeps dial tone out of the band above it
WINDOW = 80  # samples, 10 ms
HOP = 40  # samples, 5 ms
WINDOWS = (SPAN - WINDOW) // HOP + 1
BAND_HZ = (530.0, 3800.0)  # where nothing but the digit may be: above dial tone, below the edge of the channel
MOST_DETUNING = 0.025  # of the frequency; half way between the 1.5 % to be accepted and the 3.5 % to be refused
MOST_TWIST_DB = 6.5  # high over low; Q.24 asks for 4
LEAST_TWIST_DB = -10.5  # high over low; Q.24 asks for -8
LOWEST_DBM0 = -37.0  # of one tone; Q.24 asks for -25, 8 dB of twist below
LEAST_SHARE = 0.80  # of the power in the band: 0.94 at 12 dB SNR, less what an echo and clipping at 0 dBm0 take
LEAST_EVENNESS = 0.5  # weakest against mean amplitude of the 10 ms windows: an echo of -10 dB leaves 0.7
MOST_BEND = 0.5  # radians rms off a straight line of phase

Real = NDArray[np.float32]
Complex = NDArray[np.complex64]

TONES_HZ = np.array(LOW_HZ + HIGH_HZ)
BASIS = tone_basis(LOW_HZ + HIGH_HZ, WINDOW, RATE_HZ, hann(WINDOW))


def _flat_top() -> NDArray[np.float64]:
    """Window of the whole span: flat, with cosine tapers."""
    window = np.ones(SPAN)
    window[:TAPER] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(TAPER) + 0.5) / TAPER)
    window[-TAPER:] = window[TAPER - 1 :: -1]
    return window


TOP = _flat_top()
TIME_S = (np.arange(SPAN) - (SPAN - 1) / 2) / RATE_HZ
PROBES = (np.exp(-2j * np.pi * np.outer(TONES_HZ, TIME_S)) * TOP * TOP * (2.0 / (TOP * TOP).sum())).astype(np.complex64)
BINS = slice(int(np.ceil(BAND_HZ[0] * SPAN / RATE_HZ)), int(BAND_HZ[1] * SPAN / RATE_HZ) + 1)
COARSE = 16  # samples; a slow rotation over the span is the outer product of a coarse and a fine one


class Evidence(NamedTuple):
    """What was measured; pairs are low tone, high tone.

    detuning   (legs, 2) fraction of the nominal frequency
    peak       (legs, 2) amplitude, full scale 1.0
    share      (legs,) of the power in the band that the two tones have
    evenness   (legs,) weakest against mean amplitude, the worse tone
    bend       (legs,) radians rms, the worse tone
    """

    detuning: Real
    peak: Real
    share: Real
    evenness: Real
    bend: Real

    @property
    def twist_db(self) -> Real:
        """(legs,) level of the high tone over the low."""
        return np.asarray(20.0 * np.log10((self.peak[:, 1] + 1e-9) / (self.peak[:, 0] + 1e-9)))

    def holds(self) -> NDArray[np.bool_]:
        """Whether it is a digit, (legs,) bool."""
        twist = self.twist_db
        return np.asarray(
            (np.abs(self.detuning).max(axis=1) < MOST_DETUNING)
            & (twist < MOST_TWIST_DB)
            & (twist > LEAST_TWIST_DB)
            & (self.peak.min(axis=1) > amplitude(LOWEST_DBM0))
            & (self.share > LEAST_SHARE)
            & (self.evenness > LEAST_EVENNESS)
            & (self.bend < MOST_BEND)
        )


def _rotations(detuning_hz: Real) -> Complex:
    """exp(-j 2 pi f t) over the span, t = 0 in its middle.

    detuning_hz  (legs, 2)
    returns      (legs, 2, SPAN) complex64
    """
    turn = (-2j * np.pi) * detuning_hz[..., None]
    coarse = np.exp(turn * TIME_S[::COARSE]).astype(np.complex64)
    fine = np.exp(turn * (np.arange(COARSE) / RATE_HZ)).astype(np.complex64)
    return (coarse[..., :, None] * fine[..., None, :]).reshape(*detuning_hz.shape, SPAN)


def measure(sound: Real, digit: NDArray[np.intp]) -> Evidence:
    """Measure one span of each leg against the digit it is suspected to be.

    sound    (legs, 240) float32, full scale 1.0, at 8 kHz
    digit    (legs,) index into `DIGITS`
    """
    legs = np.arange(len(digit))
    tone = np.stack((digit // 4, 4 + digit % 4), axis=1)
    nominal = TONES_HZ[tone]
    pieces = sliding_phasors(sound, BASIS, HOP)[:, legs[:, None], tone]
    step = HOP / RATE_HZ
    order = (np.arange(WINDOWS) - (WINDOWS - 1) / 2)[:, None, None]
    pieces = pieces * np.exp((-2j * np.pi * step) * order * nominal)
    advance = np.angle((pieces[1:] * pieces[:-1].conj()).sum(axis=0))
    pieces = pieces * np.exp(-1j * order * advance)
    phase = np.angle(pieces * pieces.sum(axis=0).conj())
    slope = (order * phase).sum(axis=0) / (order * order).sum()
    bend = np.sqrt(((phase - order * slope) ** 2).mean(axis=0)).max(axis=1)
    detuning_hz = (advance + slope) / (2.0 * np.pi * step)
    strength = np.abs(pieces)
    evenness = (strength.min(axis=0) / (strength.mean(axis=0) + 1e-9)).min(axis=1)
    peak = np.abs(np.einsum("lts,ls->lt", PROBES[tone] * _rotations(detuning_hz), sound))
    spectrum = np.fft.rfft(sound * TOP.astype(np.float32))[:, BINS]
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1) * (2.0 / SPAN / (TOP * TOP).sum())
    share = 0.5 * (peak**2).sum(axis=1) / (power + 1e-12)
    return Evidence(detuning_hz / nominal, peak, share, evenness, bend)
