# SPDX-License-Identifier: GPL-3.0-or-later
"""Tape: the last 100 ms at 8 kHz, from frames of any rate."""

import numpy as np
import pytest

from dsp.tape import FRAME, LENGTH, Tape


def test_the_newest_samples_come_last_and_survive_every_rewind() -> None:
    tape = Tape(2, 8000)
    count = np.arange(40 * FRAME).reshape(40, FRAME).astype(np.int16)
    for number, frame in enumerate(count):
        tape.write(np.stack((frame, -frame)))
        if number >= 5:
            expected = count.reshape(-1)[(number + 1) * FRAME - LENGTH : (number + 1) * FRAME]
            np.testing.assert_array_equal(tape.last(LENGTH)[0], expected)
            np.testing.assert_array_equal(tape.last(LENGTH)[1], -expected)


@pytest.mark.parametrize("rate_hz", [16000, 24000, 32000, 48000])
@pytest.mark.parametrize("tone_hz", [697.0, 1633.0])
def test_decimation_keeps_a_tone_and_says_how_late_it_is(rate_hz: int, tone_hz: float) -> None:
    tape = Tape(1, rate_hz)
    sound = 10000 * np.sin(2 * np.pi * tone_hz * np.arange(rate_hz // 5) / rate_hz)
    for frame in sound.astype(np.int16).reshape(10, 1, -1):
        tape.write(frame)
    at_s = (np.arange(10 * FRAME - LENGTH, 10 * FRAME) - tape.delay) / 8000
    expected = 10000 * np.sin(2 * np.pi * tone_hz * at_s)
    assert np.abs(tape.last(LENGTH)[0] - expected).max() < 150


@pytest.mark.parametrize("alias_hz", [6500.0, 7200.0])
def test_decimation_does_not_fold_onto_the_tones(alias_hz: float) -> None:
    tape = Tape(1, 16000)
    sound = 10000 * np.sin(2 * np.pi * alias_hz * np.arange(3200) / 16000)
    for frame in sound.astype(np.int16).reshape(10, 1, -1):
        tape.write(frame)
    assert np.abs(tape.last(FRAME)).max() < 10000 * 10 ** (-30 / 20)


def test_a_cleared_row_is_silent_and_the_others_are_not() -> None:
    tape = Tape(2, 16000)
    for _ in range(6):
        tape.write(np.full((2, 320), 1000, np.int16))
    tape.clear(0)
    assert not tape.last(LENGTH)[0].any()
    assert tape.last(LENGTH)[1].all()


@pytest.mark.parametrize("rate_hz", [0, 4000, 11025, 44100, -8000])
def test_a_rate_that_is_no_multiple_of_8000_is_refused(rate_hz: int) -> None:
    with pytest.raises(ValueError, match="multiple of 8000"):
        Tape(1, rate_hz)
