# SPDX-License-Identifier: GPL-3.0-or-later
"""Tones: the sixteen DTMF digits, telephone levels, and sound made of sines.

Owns the frequencies and the layout of the keypad; everything else in `dsp` numbers digits as this file does.
Imports only numpy. Any thread; keeps no state.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LOW_HZ = (697.0, 770.0, 852.0, 941.0)  # rows of the keypad, ITU-T Q.23 section 6
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)  # columns of the keypad, ITU-T Q.23 section 6
DIGITS = "123A456B789C*0#D"  # index = 4 * row + column
FULL_SCALE_DBM0 = 3.17  # level of a full-scale sine, mu-law theoretical load capacity, ITU-T G.711 section 4
FULL_SCALE = 32768  # int16 steps in amplitude 1.0

Samples = NDArray[np.float32]


def amplitude(level_dbm0: float) -> float:
    """Peak amplitude of a sine of this level, full scale 1.0.

    source   ITU-T G.711 section 4: a full-scale sine is +3.17 dBm0
    """
    return float(10.0 ** ((level_dbm0 - FULL_SCALE_DBM0) / 20.0))


def level_dbm0(peak: float) -> float:
    """Level of a sine of this peak amplitude, full scale 1.0; -inf for silence. The inverse of `amplitude`."""
    return float(20.0 * np.log10(peak) + FULL_SCALE_DBM0) if peak > 0.0 else float("-inf")


def frequencies(digit: str) -> tuple[float, float]:
    """The two frequencies of a digit, low group first, Hz.

    raises   ValueError when it is not exactly one of `DIGITS`
    source   ITU-T Q.23 section 6
    """
    if len(digit) != 1 or digit not in DIGITS:
        raise ValueError(f"not a DTMF digit: {digit!r}")
    row, column = divmod(DIGITS.index(digit), 4)
    return LOW_HZ[row], HIGH_HZ[column]


def chord(
    tones_hz: Sequence[float],
    levels_dbm0: Sequence[float],
    duration_s: float,
    rate_hz: int,
    phases: Sequence[float] | None = None,
) -> Samples:
    """Several sines at once: a DTMF digit, a dial tone, a beep.

    phases   radians at the first sample, 0 when left out
    returns  (samples,) float32, full scale 1.0; the sum may exceed it, `to_int16` clips as a codec does
    raises   ValueError when the sequences differ in length
    """
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    sound = np.zeros(time_s.size)
    for tone_hz, level, phase in zip(tones_hz, levels_dbm0, phases or [0.0] * len(tones_hz), strict=True):
        sound += amplitude(level) * np.sin(2.0 * np.pi * tone_hz * time_s + phase)
    return sound.astype(np.float32)


def press(digit: str, duration_s: float, rate_hz: int = 8000, level: float = -10.0, twist_db: float = 0.0) -> Samples:
    """One DTMF digit as a telephone sends it.

    level    of the low tone, dBm0
    twist_db how much louder the high tone is
    returns  (samples,) float32, full scale 1.0
    raises   ValueError when the digit is unknown
    """
    return chord(frequencies(digit), (level, level + twist_db), duration_s, rate_hz)


def to_int16(sound: NDArray[np.floating]) -> NDArray[np.int16]:
    """Linear PCM of a sound, clipped at full scale.

    sound    any shape, full scale 1.0
    returns  same shape, int16
    """
    steps = np.rint(np.asarray(sound, np.float64) * FULL_SCALE)
    return np.clip(steps, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
