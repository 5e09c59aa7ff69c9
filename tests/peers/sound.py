# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound for tests: tones, G.711 mu-law, and which frequency is in a piece of audio. Pure numpy, 8 kHz by default.

Levels are dBm0 as ITU-T G.711 defines them for PCM: a full-scale sine has +3.17 dBm0 in mu-law.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
FULL_SCALE_DBM0 = 3.17  # a sine of peak 32635
PEAK = 32635
BIAS = 0x84  # G.711: added before the logarithm
AUDIBLE_DBM0 = -35.0  # a tone above this was meant to be heard; leakage and coding noise lie far below

Samples = NDArray[np.int16]


def tone(hz: float, seconds: float, dbm0: float = -10.0, *, rate_hz: int = RATE_HZ, start: int = 0) -> Samples:
    """A sine; `start` is the number of samples already played, so that pieces join without a click."""
    n = np.arange(start, start + round(seconds * rate_hz))
    peak = PEAK * 10 ** ((dbm0 - FULL_SCALE_DBM0) / 20)
    return np.round(peak * np.sin(2 * np.pi * hz * n / rate_hz)).astype(np.int16)


def encode_pcmu(samples: Samples) -> bytes:
    """Linear to mu-law (ITU-T G.711)."""
    wide = samples.astype(np.int32)
    magnitude = np.minimum(np.abs(wide), PEAK) + BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(wide < 0, 0x80, 0)
    return (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8).tobytes()


def _decode_table() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + BIAS << (code >> 4 & 7)) - BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


_DECODED = _decode_table()


def decode_pcmu(payload: bytes) -> Samples:
    """Mu-law to linear."""
    return _DECODED[np.frombuffer(payload, dtype=np.uint8)]


def dominant_hz(samples: Samples, rate_hz: int = RATE_HZ) -> float:
    """The strongest frequency; 0.0 where there is nothing to be heard."""
    if len(samples) < 160 or not np.any(np.abs(samples.astype(np.int32)) > 50):
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    spectrum[0] = 0
    return float(np.argmax(spectrum) * rate_hz / len(samples))


def tone_dbm0(samples: Samples, hz: float, rate_hz: int = RATE_HZ) -> float:
    """The level of one frequency, averaged over blocks of 100 ms so that gaps and jitter in phase do not hide it."""
    block = rate_hz // 10
    count = len(samples) // block
    if count == 0:
        return -120.0
    window = np.hanning(block)
    wave = np.exp(-2j * np.pi * hz * np.arange(block) / rate_hz) * window
    peaks = 2 * np.abs(samples[:count * block].reshape(count, block) @ wave) / window.sum()
    rms = float(np.sqrt(np.mean(peaks ** 2)))
    return 20 * float(np.log10(max(rms, 1e-3) / PEAK)) + FULL_SCALE_DBM0


def has_tone(samples: Samples, hz: float, rate_hz: int = RATE_HZ, *, above_dbm0: float = AUDIBLE_DBM0) -> bool:
    """Is this frequency audible in it?"""
    return tone_dbm0(samples, hz, rate_hz) > above_dbm0


def read_wav(file: Path) -> tuple[int, list[Samples]]:
    """Rate and channels of a 16-bit WAV file."""
    with wave.open(str(file)) as wav:
        frames = np.frombuffer(wav.readframes(wav.getnframes()), dtype=np.int16)
        return wav.getframerate(), [frames[channel::wav.getnchannels()] for channel in range(wav.getnchannels())]


def is_wav(file: Path) -> bool:
    """Is it a finished WAV file?"""
    try:
        with wave.open(str(file)) as wav:
            return wav.getnframes() > 0
    except (wave.Error, EOFError, OSError):
        return False
