# SPDX-License-Identifier: GPL-3.0-or-later
"""The detector as a part: batches, slots that are reused, wrong arguments, any input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dsp.dtmf import Detector, Event, detect
from dsp.tones import press, to_int16
from tests.corpus.limits import LIMITS

KEY = to_int16(np.concatenate((np.zeros(160), press("7", 0.1), np.zeros(380))))  # 155 ms and 20 ms lead


def frames(pcm: np.ndarray) -> list[np.ndarray]:
    """Steps of a bank of one leg."""
    return [pcm[first : first + 160][None] for first in range(0, pcm.size - 159, 160)]


def test_a_batch_hears_what_each_leg_alone_hears() -> None:
    rng = np.random.default_rng(0)
    makers = list(LIMITS.values())
    pcms = [makers[n % len(makers)](rng, 8000).pcm for n in range(2 * len(makers))]
    steps = max(pcm.size for pcm in pcms) // 160 + 3
    bank = np.zeros((len(pcms), steps * 160), np.int16)
    for row, pcm in zip(bank, pcms, strict=True):
        row[: pcm.size] = pcm
    detector = Detector(len(pcms))
    events = [event for n in range(steps) for event in detector.step(bank[:, 160 * n : 160 * n + 160])]
    for leg, row in enumerate(bank):
        alone = detect(row)
        ours = [event for event in events if event.leg == leg and event.duration_s is not None]
        assert [event.digit for event in ours] == [event.digit for event in alone]
        np.testing.assert_allclose([e.onset_s for e in ours], [e.onset_s for e in alone], atol=1e-4)


def test_silent_legs_do_not_disturb_the_others() -> None:
    detector = Detector(3)
    heard = []
    for frame in frames(KEY):
        heard += detector.step(np.vstack((np.zeros_like(frame), frame, np.zeros_like(frame))))
    assert [(event.leg, event.digit) for event in heard] == [(1, "7"), (1, "7")]


def test_reset_drops_a_key_that_is_down_and_what_was_heard() -> None:
    detector = Detector(2)
    steps = frames(KEY)
    begun = [event for frame in steps[:4] for event in detector.step(np.repeat(frame, 2, axis=0))]
    assert [event.leg for event in begun] == [0, 1]
    detector.reset(0)
    ended = [event for _ in range(4) for event in detector.step(np.zeros((2, 160), np.int16))]
    assert [event.leg for event in ended] == [1]


def test_a_reused_slot_hears_its_new_owner() -> None:
    detector = Detector(1, 16000)
    sound = to_int16(np.concatenate((np.zeros(320), press("3", 0.1, 16000), np.zeros(1600))))
    for frame in sound[: 4 * 320].reshape(-1, 1, 320):
        detector.step(frame)
    detector.reset(0)
    events = [event for frame in sound[: sound.size // 320 * 320].reshape(-1, 1, 320) for event in detector.step(frame)]
    assert [event.digit for event in events] == ["3", "3"]
    assert events[0].onset_s == pytest.approx(0.08 + 0.02, abs=0.002)


def test_a_key_at_the_ends_of_a_recording_is_heard() -> None:
    (event,) = detect(to_int16(press("9", 0.08)))
    assert event.digit == "9"
    assert event.onset_s == pytest.approx(0.0, abs=0.006)
    assert event.duration_s == pytest.approx(0.08, abs=0.008)


def test_a_recording_of_nothing_has_no_digits() -> None:
    assert detect([]) == []
    assert detect(np.zeros(0, np.int16), 48000) == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint16, np.int8])
def test_another_dtype_is_refused(dtype: type) -> None:
    with pytest.raises(TypeError, match="int16"):
        Detector(1).step(np.zeros((1, 160), dtype))
    with pytest.raises(TypeError, match="int16"):
        detect(np.zeros(160, dtype))


@pytest.mark.parametrize("shape", [(160,), (2, 160), (1, 161), (1, 320), (1, 0), (1, 160, 1)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(1, 160\)"):
        Detector(1).step(np.zeros(shape, np.int16))


def test_a_recording_of_two_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="one axis"):
        detect(np.zeros((2, 160), np.int16))


@pytest.mark.parametrize("legs", [0, -1])
def test_a_bank_without_legs_is_refused(legs: int) -> None:
    with pytest.raises(ValueError, match="needs a leg"):
        Detector(legs)


@pytest.mark.parametrize("rate_hz", [44100, 11025, 0, -8000])
def test_a_rate_that_is_no_multiple_is_refused(rate_hz: int) -> None:
    with pytest.raises(ValueError, match="multiple of 8000"):
        Detector(1, rate_hz)


@pytest.mark.parametrize("leg", [-1, 2])
def test_a_leg_that_is_not_there_cannot_be_reset(leg: int) -> None:
    with pytest.raises(IndexError, match=f"leg {leg} of 2"):
        Detector(2).reset(leg)


@settings(max_examples=60, deadline=None)
@given(arrays(np.int16, (3, 1600), elements=st.integers(-32768, 32767), fill=st.sampled_from([0, -32768, 32767, 1])))
def test_fuzz_any_input_gives_sound_events_or_none(bank: np.ndarray) -> None:
    detector = Detector(3)
    for first in range(0, 1600, 160):
        for event in detector.step(bank[:, first : first + 160]):
            assert isinstance(event, Event)
            assert np.isfinite(event.onset_s)
            assert event.duration_s is None or 0.0 <= event.duration_s < 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1.0, 32767.0), st.sampled_from([8000, 16000, 48000]))
def test_fuzz_no_digit_in_noise(seed: int, deviation: float, rate_hz: int) -> None:
    noise = np.random.default_rng(seed).normal(0.0, deviation, (4, rate_hz // 2))
    detector = Detector(4, rate_hz)
    for frame in np.clip(noise, -32768, 32767).astype(np.int16).reshape(4, 25, -1).transpose(1, 0, 2):
        assert detector.step(frame) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0, 1, -1, 32767, -32768]), min_size=1, max_size=12), st.integers(1, 200))
def test_fuzz_square_waves_and_steps_never_crash(levels: list[int], repeat: int) -> None:
    pcm = np.resize(np.repeat(np.array(levels, np.int16), repeat), 3200)
    assert all(np.isfinite(event.onset_s) for event in detect(pcm))


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_bank_that_grows_or_shrinks_goes_on_with_the_keys_that_are_down(rate_hz: int) -> None:
    detector, told = Detector(1, rate_hz), []
    sound = to_int16(np.concatenate((np.zeros(rate_hz // 50), press("7", 0.2, rate_hz), np.zeros(rate_hz // 10))))
    for index, frame in enumerate(sound[: sound.size // (rate_hz // 50) * (rate_hz // 50)].reshape(-1, rate_hz // 50)):
        detector.resize(3 if 4 <= index < 8 else 1)
        bank = np.zeros((detector.legs, rate_hz // 50), np.int16)
        bank[0] = frame
        told += detector.step(bank)
    assert [(event.leg, event.digit) for event in told] == [(0, "7"), (0, "7")]
    assert told[1].duration_s == pytest.approx(0.2, abs=0.01)
    with pytest.raises(ValueError, match="needs a leg"):
        detector.resize(0)
