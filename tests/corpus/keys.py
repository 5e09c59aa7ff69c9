# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: presses on a telephone, and what a line does to them on the way. Every random choice comes from the caller."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsp.tones import amplitude, frequencies

Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Key:
    """One press. Levels are of each tone, detuning is a fraction of the frequency."""

    digit: str
    start_s: float
    on_s: float
    low_dbm0: float = -10.0
    high_dbm0: float = -10.0
    low_detuning: float = 0.0
    high_detuning: float = 0.0
    phases: tuple[float, float] = (0.0, 0.0)


def play(keys: Sequence[Key], length_s: float, rate_hz: int) -> Sound:
    """The sound of some presses, edges between samples rounded to the nearest one.

    returns  (samples,) float64, full scale 1.0
    """
    sound = np.zeros(round(length_s * rate_hz))
    for key in keys:
        first, count = round(key.start_s * rate_hz), round(key.on_s * rate_hz)
        time_s = np.arange(count) / rate_hz
        low_hz, high_hz = frequencies(key.digit)
        tone = amplitude(key.low_dbm0) * np.sin(
            2 * np.pi * low_hz * (1 + key.low_detuning) * time_s + key.phases[0]
        ) + amplitude(key.high_dbm0) * np.sin(2 * np.pi * high_hz * (1 + key.high_detuning) * time_s + key.phases[1])
        room = sound[first : first + count]
        room += tone[: room.size]
    return sound


def noise(rng: np.random.Generator, samples: int, power: float, rate_hz: int, band_hz: float = 4000.0) -> Sound:
    """White noise below `band_hz`, of this mean-square power."""
    white = rng.standard_normal(samples)
    if rate_hz > 2 * band_hz:
        spectrum = np.fft.rfft(white)
        spectrum[np.fft.rfftfreq(samples, 1 / rate_hz) > band_hz] = 0.0
        white = np.fft.irfft(spectrum, samples)
    return np.asarray(white * np.sqrt(power / np.mean(white**2)))


def noise_below(rng: np.random.Generator, sound: Sound, key: Key, snr_db: float, rate_hz: int) -> Sound:
    """Noise so far below both tones of a key together."""
    power = (amplitude(key.low_dbm0) ** 2 + amplitude(key.high_dbm0) ** 2) / 2
    return sound + noise(rng, sound.size, power / 10 ** (snr_db / 10), rate_hz)


def echo(sound: Sound, delay_s: float, gain_db: float, rate_hz: int) -> Sound:
    """The sound and its echo."""
    late = round(delay_s * rate_hz)
    heard = sound.copy()
    heard[late:] += sound[: sound.size - late] * 10 ** (gain_db / 20)
    return heard


def lose(sound: Sound, at_s: float, for_s: float, rate_hz: int, is_repeated: bool = False) -> Sound:
    """A packet that never came: silence in its place, or the packet before it once more."""
    first, count = round(at_s * rate_hz), round(for_s * rate_hz)
    heard = sound.copy()
    heard[first : first + count] = sound[first - count : first] if is_repeated else 0.0
    return heard
