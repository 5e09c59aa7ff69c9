# SPDX-License-Identifier: GPL-3.0-or-later
"""Pitch and length of changed voices, by measured frequency and length."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dsp.tones import chord, to_int16
from dsp.voice import VoiceChanger
from tests.peers.sound import dominant_hz

RATE_HZ = 16000
Sound = NDArray[np.int16]


def changed(sound: Sound, *changes: tuple[float, float], block: int = 320) -> list[Sound]:
    """The same sound through one row per change, frame by frame."""
    changer = VoiceChanger(len(changes), RATE_HZ)
    for row, (pitch, length) in enumerate(changes):
        changer.change(row, pitch, length)
    said: list[list[Sound]] = [[] for _ in changes]
    for at in range(0, len(sound) - block + 1, block):
        for row, piece in enumerate(changer.write(np.tile(sound[at:at + block], (len(changes), 1)))):
            said[row].append(piece)
    return [np.concatenate(pieces) for pieces in said]


def tone(hz: float, seconds: float = 2.0) -> Sound:
    return to_int16(chord([hz], [-10.0], seconds, RATE_HZ))


def test_what_nobody_changed_comes_out_as_it_went_in() -> None:
    sound = to_int16(np.random.default_rng(1).normal(0, 0.1, RATE_HZ).astype(np.float32))
    (said,) = changed(sound, (1.0, 1.0))
    assert len(said) > 0.95 * RATE_HZ
    begin = 160  # the first piece
    late = int(np.argmax(np.correlate(said[:2000].astype(float), sound[begin:1160].astype(float), "valid"))) - begin
    same = sound[begin:len(said) - late]
    assert np.abs(said[begin + late:begin + late + len(same)].astype(int) - same).max() <= 1


@pytest.mark.parametrize("hz", [200, 500, 1300])
@pytest.mark.parametrize("pitch", [0.5, 0.89, 1.5, 2.0])
def test_F79_pitch_changes_the_frequency_and_not_the_length(hz: float, pitch: float) -> None:
    (said,) = changed(tone(hz), (pitch, 1.0))
    assert dominant_hz(said[RATE_HZ // 2:], RATE_HZ) == pytest.approx(hz * pitch, rel=0.01)
    assert len(said) / RATE_HZ == pytest.approx(2.0, abs=0.08)


@pytest.mark.parametrize("tempo", [1.25, 2.0, 3.0])
def test_F79_tempo_changes_the_length_and_not_the_frequency(tempo: float) -> None:
    (said,) = changed(tone(500), (1.0, 1 / tempo))
    assert dominant_hz(said[4000:], RATE_HZ) == pytest.approx(500, rel=0.01)
    assert len(said) / RATE_HZ == pytest.approx(2.0 / tempo, abs=0.06)


def test_F79_rate_changes_both() -> None:
    (said,) = changed(tone(500), (1.5, 1 / 1.5))
    assert dominant_hz(said[4000:], RATE_HZ) == pytest.approx(750, rel=0.01)
    assert len(said) / RATE_HZ == pytest.approx(2.0 / 1.5, abs=0.06)


def test_the_level_stays_and_no_other_tone_comes() -> None:
    (said,) = changed(tone(500), (1.5, 1.0))
    spectrum = np.abs(np.fft.rfft(said[8000:24000] * np.hanning(16000)))
    beside = np.delete(spectrum, np.arange(730, 771))
    assert 20 * np.log10(beside.max() / spectrum.max()) < -25
    rms = float(np.sqrt(np.mean(said[8000:24000].astype(float) ** 2)))
    assert 20 * np.log10(rms / float(np.sqrt(np.mean(tone(500).astype(float) ** 2)))) == pytest.approx(0, abs=1)


def test_rows_do_not_hear_each_other_and_a_cleared_row_begins_anew() -> None:
    together = changed(tone(500), (1.0, 1.0), (1.5, 1.0), (1.0, 0.5), (0.7, 1.2))
    for row, change in enumerate([(1.0, 1.0), (1.5, 1.0), (1.0, 0.5), (0.7, 1.2)]):
        assert np.array_equal(together[row], changed(tone(500), change)[0])
    changer = VoiceChanger(1, RATE_HZ)
    changer.change(0, 1.5, 1.0)
    changer.write(tone(500, 0.02)[None])
    changer.clear(0)
    assert not any(piece.any() for _ in range(9) for piece in changer.write(np.zeros((1, 320), np.int16)))


@pytest.mark.parametrize(("pitch", "length"), [(0.2, 1.0), (5.0, 1.0), (1.0, 0.1), (3.0, 2.0)])
def test_what_cannot_be_done_is_refused(pitch: float, length: float) -> None:
    with pytest.raises(ValueError, match="is not within"):
        VoiceChanger(1, RATE_HZ).change(0, pitch, length)
