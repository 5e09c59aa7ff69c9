# SPDX-License-Identifier: GPL-3.0-or-later
"""Goertzel: one product against the textbook's loop."""

import math

import numpy as np
import pytest

from dsp.goertzel import block_power, hann, phasors, sliding_phasors, tone_basis
from dsp.tones import HIGH_HZ, LOW_HZ

TONES_HZ = LOW_HZ + HIGH_HZ


def textbook(block: np.ndarray, tone_hz: float, rate_hz: int) -> float:
    """Mean-square power of a tone by the recursion of G. Goertzel, 1958, one sample at a time."""
    step = 2.0 * math.cos(2.0 * math.pi * tone_hz / rate_hz)
    newer = older = 0.0
    for sample in block.tolist():
        newer, older = sample + step * newer - older, newer
    return 2.0 * (newer * newer + older * older - step * newer * older) / block.size**2


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
@pytest.mark.parametrize("samples", [102, 160, 205])
def test_power_is_that_of_the_textbook(rate_hz: int, samples: int) -> None:
    blocks = np.random.default_rng(samples).standard_normal((5, samples)).astype(np.float32)
    found = block_power(blocks, tone_basis(TONES_HZ, samples, rate_hz))
    expected = [[textbook(block, tone_hz, rate_hz) for tone_hz in TONES_HZ] for block in blocks]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("window", [None, hann(400)])
def test_a_sine_gives_its_power_and_amplitude(window: np.ndarray | None) -> None:
    time_s = np.arange(400) / 8000
    sine = (0.3 * np.cos(2 * np.pi * 1000 * time_s + 1.0)).astype(np.float32)
    basis = tone_basis([1000.0], 400, 8000, window)
    assert block_power(sine, basis)[0] == pytest.approx(0.045, rel=1e-3)
    assert abs(phasors(sine, basis)[0]) == pytest.approx(0.3, rel=1e-3)


def test_a_batch_is_its_blocks_one_by_one() -> None:
    blocks = np.random.default_rng(1).standard_normal((50, 160)).astype(np.float32)
    basis = tone_basis(TONES_HZ, 160, 8000)
    alone = np.stack([block_power(block, basis) for block in blocks])
    np.testing.assert_allclose(block_power(blocks, basis), alone, rtol=1e-4, atol=1e-7)


def test_sliding_phasors_are_those_of_each_block() -> None:
    sound = np.random.default_rng(2).standard_normal((3, 240)).astype(np.float32)
    basis = tone_basis(TONES_HZ, 80, 8000, hann(80))
    found = sliding_phasors(sound, basis, 20)
    assert found.shape == (9, 3, 8)
    assert found.dtype == np.complex64
    for hop in range(9):
        np.testing.assert_allclose(found[hop], phasors(sound[:, 20 * hop : 20 * hop + 80].copy(), basis), atol=1e-5)


def test_overlapping_hann_windows_add_up_to_a_constant() -> None:
    assert np.ptp(hann(80)[:40] + hann(80)[40:]) < 1e-12


@pytest.mark.parametrize("measure", [block_power, phasors])
def test_a_block_of_another_length_is_refused(measure: object) -> None:
    with pytest.raises(ValueError, match="basis of 160"):
        measure(np.zeros((2, 161), np.float32), tone_basis(TONES_HZ, 160, 8000))  # type: ignore[operator]


def test_less_sound_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="basis of 160"):
        sliding_phasors(np.zeros((2, 159), np.float32), tone_basis(TONES_HZ, 160, 8000), 20)
