# SPDX-License-Identifier: GPL-3.0-or-later
"""Tones: levels, the keypad, and sound made of sines."""

import numpy as np
import pytest

from dsp import tones


def test_a_full_scale_sine_is_3_17_dbm0() -> None:
    assert tones.amplitude(3.17) == pytest.approx(1.0)
    assert tones.level_dbm0(1.0) == pytest.approx(3.17)


def test_level_is_the_inverse_of_amplitude() -> None:
    for level in (0.0, -10.0, -55.0):
        assert tones.level_dbm0(tones.amplitude(level)) == pytest.approx(level)


def test_silence_has_no_level() -> None:
    assert tones.level_dbm0(0.0) == float("-inf")


def test_Q23_every_digit_has_a_row_and_a_column() -> None:
    assert tones.frequencies("1") == (697.0, 1209.0)
    assert tones.frequencies("0") == (941.0, 1336.0)
    assert tones.frequencies("D") == (941.0, 1633.0)
    assert len({tones.frequencies(digit) for digit in tones.DIGITS}) == 16


@pytest.mark.parametrize("text", ["", "12", "a", "x", "٣"])
def test_an_unknown_digit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a DTMF digit"):
        tones.frequencies(text)


def test_a_press_has_its_length_and_its_level() -> None:
    sound = tones.press("5", 0.1, 16000, level=-10.0, twist_db=-6.0)
    assert sound.dtype == np.float32
    assert sound.shape == (1600,)
    power = (tones.amplitude(-10.0) ** 2 + tones.amplitude(-16.0) ** 2) / 2
    assert np.mean(sound.astype(float) ** 2) == pytest.approx(power, rel=0.02)


def test_a_chord_starts_at_its_phases() -> None:
    sound = tones.chord((400.0,), (3.17,), 0.01, 8000, phases=(np.pi / 2,))
    assert sound[0] == pytest.approx(1.0)


def test_a_chord_needs_a_level_for_every_tone() -> None:
    with pytest.raises(ValueError, match="zip"):
        tones.chord((400.0, 450.0), (-10.0,), 0.01, 8000)


def test_linear_pcm_clips() -> None:
    assert tones.to_int16(np.array([2.0, -2.0, 0.5, 0.0])).tolist() == [32767, -32768, 16384, 0]
