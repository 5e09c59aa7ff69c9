# SPDX-License-Identifier: GPL-3.0-or-later
"""Noises: what is on telephone lines and is neither speech nor a key: call progress, fax, modems, noise, music."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from dsp.tones import amplitude, to_int16

Sound = NDArray[np.float64]
RATE_HZ = 8000
# Frequencies Hz, then on and off in turn, seconds: ITU-T E.180 supplement 2, and the special information tones
CADENCES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "dial tone, North America": ((350, 440), (10.0, 0.0)),
    "dial tone, Europe": ((425,), (10.0, 0.0)),
    "dial tone, Britain": ((350, 450), (10.0, 0.0)),
    "dial tone, Japan": ((400,), (10.0, 0.0)),
    "stutter dial tone": ((350, 440), (0.1, 0.1)),
    "ringback, North America": ((440, 480), (2.0, 4.0)),
    "ringback, Britain": ((400, 450), (0.4, 0.2)),
    "busy, North America": ((480, 620), (0.5, 0.5)),
    "congestion, North America": ((480, 620), (0.25, 0.25)),
    "busy, Europe": ((425,), (0.24, 0.24)),
    "call waiting": ((440,), (0.3, 4.7)),
    "howler": ((1400, 2060, 2450, 2600), (0.1, 0.1)),
    "fax calling": ((1100,), (0.5, 3.0)),
    "answer tone": ((2100,), (2.6, 0.4)),
    "bell 103": ((1270,), (1.0, 0.2)),
    "recording beep": ((1400,), (0.4, 2.0)),
    "precise dial, old": ((600, 133), (3.0, 0.5)),
    "conference chime": ((523.25, 659.25, 783.99), (0.2, 0.3)),
}
SPECIAL_INFORMATION = ((913.8, 0.274), (1370.6, 0.274), (1776.7, 0.38), (985.2, 0.38), (1428.5, 0.274))


def cadence(
    rng: np.random.Generator, tones_hz: tuple[float, ...], times_s: tuple[float, ...], length_s: float
) -> Sound:
    """Tones that go on and off, each off by up to 1 % and of random phase."""
    time_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    sound = sum(np.sin(2 * np.pi * tone * rng.uniform(0.99, 1.01) * time_s + rng.uniform(0, 6)) for tone in tones_hz)
    return np.asarray(sound * ((time_s + rng.uniform(0, 1)) % sum(times_s) < times_s[0]))


def special_information(rng: np.random.Generator, length_s: float) -> Sound:
    """Triads of single tones."""
    parts: list[Sound] = []
    while sum(part.size for part in parts) < length_s * RATE_HZ:
        tone, on_s = SPECIAL_INFORMATION[rng.integers(len(SPECIAL_INFORMATION))]
        parts.append(np.sin(2 * np.pi * tone * rng.uniform(0.985, 1.015) * np.arange(int(on_s * RATE_HZ)) / RATE_HZ))
        parts.append(np.zeros(int(rng.choice([0.0, 1.0]) * RATE_HZ)))
    return np.concatenate(parts)[: int(length_s * RATE_HZ)]


def shift_keyed(rng: np.random.Generator, marks_hz: tuple[float, float], baud: float, length_s: float) -> Sound:
    """FSK with continuous phase: V.21, V.23, Bell 202, caller identity."""
    samples = np.arange(int(length_s * RATE_HZ))
    bits = rng.integers(0, 2, int(length_s * baud) + 1)[(samples * baud / RATE_HZ).astype(int)]
    return np.asarray(np.sin(2 * np.pi * np.cumsum(np.where(bits, *marks_hz)) / RATE_HZ))


def modulated(rng: np.random.Generator, carrier_hz: float, baud: float, length_s: float) -> Sound:
    """QAM of random symbols: V.22, V.29, V.34 in kind."""
    samples = np.arange(int(length_s * RATE_HZ))
    at = (samples * baud / RATE_HZ).astype(int)
    points = rng.choice([-3, -1, 1, 3], (2, int(length_s * baud) + 1))
    turn = 2 * np.pi * carrier_hz * samples / RATE_HZ
    wide = np.fft.rfft(points[0][at] * np.cos(turn) + points[1][at] * np.sin(turn))
    wide[np.abs(np.fft.rfftfreq(samples.size, 1 / RATE_HZ) - carrier_hz) > baud * 0.75] = 0.0
    return np.asarray(np.fft.irfft(wide, samples.size))


def coloured(rng: np.random.Generator, slope: float, length_s: float) -> Sound:
    """Noise whose power falls with frequency to the power `slope`: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(int(length_s * RATE_HZ)))
    spectrum /= np.maximum(np.fft.rfftfreq(int(length_s * RATE_HZ), 1 / RATE_HZ), 20.0) ** (slope / 2)
    return np.asarray(np.fft.irfft(spectrum))


def music(rng: np.random.Generator, length_s: float) -> Sound:
    """Chords of a few partials each, struck and fading, in equal temper."""
    sound = np.zeros(int(length_s * RATE_HZ))
    for start in range(0, sound.size, int(RATE_HZ * rng.uniform(0.12, 0.4))):
        time_s = np.arange(min(int(0.6 * RATE_HZ), sound.size - start)) / RATE_HZ
        for note in rng.integers(45, 88, rng.integers(1, 4)):
            for partial in range(1, int(rng.integers(2, 7))):
                tone_hz = 440.0 * 2 ** ((note - 69) / 12) * partial
                if tone_hz < 3600:
                    sound[start : start + time_s.size] += (
                        np.exp(-time_s * rng.uniform(1, 8)) * np.sin(2 * np.pi * tone_hz * time_s) / partial
                    )
    return sound


def noises(rng: np.random.Generator, length_s: float) -> Iterator[tuple[str, NDArray[np.int16]]]:
    """One recording of each kind, at a random level between -5 and -25 dBm0."""
    makers: dict[str, Callable[[], Sound]] = {
        name: lambda tones=tones, times=times: cadence(rng, tones, times, length_s)
        for name, (tones, times) in CADENCES.items()
    }
    makers["special information"] = lambda: special_information(rng, length_s)
    for name, marks, baud in (
        ("V.21 low", (980.0, 1180.0), 300.0),
        ("V.21 high, fax", (1650.0, 1850.0), 300.0),
        ("V.23", (1300.0, 2100.0), 1200.0),
        ("caller identity", (1200.0, 2200.0), 1200.0),
    ):
        makers[name] = lambda marks=marks, baud=baud: shift_keyed(rng, marks, baud, length_s)
    for name, carrier, baud in (("V.22 low", 1200.0, 600.0), ("V.29, fax", 1700.0, 2400.0), ("V.17", 1800.0, 2400.0)):
        makers[name] = lambda carrier=carrier, baud=baud: modulated(rng, carrier, baud, length_s)
    for name, slope in (("white noise", 0.0), ("pink noise", 1.0), ("brown noise", 2.0)):
        makers[name] = lambda slope=slope: coloured(rng, slope, length_s)
    makers["music"] = lambda: music(rng, length_s)
    for name, make in makers.items():
        sound = make()
        peak = amplitude(rng.uniform(-25, -5))
        yield name, to_int16(sound * peak / max(float(np.sqrt(2 * np.mean(sound**2))), 1e-9))
