# SPDX-License-Identifier: GPL-3.0-or-later
"""What ITU-T Q.24 and the issue ask of the ears: each limit with random digits, phases, places on the packet grid."""

from dataclasses import replace

import numpy as np
import pytest

from dsp.dtmf import detect
from dsp.tones import DIGITS, to_int16
from tests.corpus.keys import echo, noise_below, play
from tests.corpus.limits import LIMITS, case, some_key, twice, twisted
from tests.corpus.noises import noises
from tests.dsp.conftest import Listen

CORNER = "all limits at once"
EXACT = [name for name in LIMITS if name != CORNER]


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("limit", EXACT)
def test_Q24_limit(limit: str, rate_hz: int, listen: Listen) -> None:
    rng = np.random.default_rng(EXACT.index(limit))
    cases = [LIMITS[limit](rng, rate_hz) for _ in range(60)]
    heard = listen([one.pcm for one in cases], rate_hz)
    assert [leg.digits for leg in heard] == [one.expected for one in cases]


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_Q24_corners_of_all_limits_at_once_98_percent(rate_hz: int, listen: Listen) -> None:
    rng = np.random.default_rng(rate_hz)
    cases = [LIMITS[CORNER](rng, rate_hz) for _ in range(200)]
    heard = listen([one.pcm for one in cases], rate_hz)
    assert sum(leg.digits == one.expected for leg, one in zip(heard, cases, strict=True)) >= 196


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_all_sixteen_digits_each_once(rate_hz: int) -> None:
    rng = np.random.default_rng(3)
    keys = [some_key(rng, digit=digit, start_s=0.05 + 0.1 * n, on_s=0.05) for n, digit in enumerate(DIGITS)]
    events = detect(to_int16(play(keys, 1.7, rate_hz)), rate_hz)
    assert "".join(event.digit for event in events) == DIGITS
    assert all(abs(event.onset_s - key.start_s) < 0.002 for event, key in zip(events, keys, strict=True))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_a_held_key_is_one_digit_with_its_onset_duration_and_latency(rate_hz: int, listen: Listen) -> None:
    rng = np.random.default_rng(rate_hz)
    cases = []
    for n in range(80):
        key = twisted(rng.uniform(-8, 4))(rng, some_key(rng, start_s=0.1 + 0.02 * n / 80, on_s=rng.uniform(0.05, 1.5)))
        key = replace(key, low_detuning=rng.uniform(-0.015, 0.015))
        cases.append(case([key], key.digit, rate_hz, lambda s, key=key: noise_below(rng, s, key, 12.0, rate_hz)))
    heard = listen([one.pcm for one in cases], rate_hz)
    assert [leg.digits for leg in heard] == [one.expected for one in cases]
    keys = [one.keys[0] for one in cases]
    length = np.abs([leg.ends[0].duration_s - key.on_s for leg, key in zip(heard, keys, strict=True)])
    onset = np.abs([leg.ends[0].onset_s - key.start_s for leg, key in zip(heard, keys, strict=True)])
    latency = [leg.begins[0][1] - key.start_s for leg, key in zip(heard, keys, strict=True)]
    assert np.median(length) <= 0.002
    assert np.percentile(length, 95) <= 0.005
    assert np.percentile(onset, 95) <= 0.003
    assert np.median(latency) <= 0.045
    assert np.percentile(latency, 95) <= 0.055


def test_begin_and_end_say_the_same_onset_once_each(listen: Listen) -> None:
    rng = np.random.default_rng(5)
    cases = [LIMITS["93 ms a digit"](rng, 8000) for _ in range(20)]
    for leg, one in zip(listen([one.pcm for one in cases], 8000), cases, strict=True):
        assert [event._replace(duration_s=None) for event in leg.ends] == [event for event, _ in leg.begins]
        assert leg.digits == one.expected


@pytest.mark.parametrize("pause_s", [0.03, 0.04, 0.06])
def test_a_pause_separates_at_12_dB_SNR(pause_s: float, listen: Listen) -> None:
    rng = np.random.default_rng(6)
    cases = [twice(0.045, pause_s)(rng, 8000) for _ in range(60)]
    noisy = [to_int16(noise_below(rng, one.pcm / 32768, one.keys[0], 12.0, 8000)) for one in cases]
    assert [leg.digits for leg in listen(noisy, 8000)] == [one.expected for one in cases]


def test_an_echo_neither_fills_a_pause_nor_prolongs_a_digit(listen: Listen) -> None:
    rng = np.random.default_rng(7)
    cases = [twice(0.06, 0.04)(rng, 8000) for _ in range(60)]
    late = [to_int16(echo(one.pcm / 32768, 0.02, -10.0, 8000)) for one in cases]
    heard = listen(late, 8000)
    assert [leg.digits for leg in heard] == [one.expected for one in cases]
    assert max(abs(event.duration_s - 0.06) for leg in heard for event in leg.ends) < 0.008


def test_another_key_without_a_pause_ends_the_one_before(listen: Listen) -> None:
    keys = [some_key(np.random.default_rng(8), digit=digit, on_s=0.1) for digit in "15"]
    keys[1] = replace(keys[0], digit="5", start_s=keys[0].start_s + 0.1)
    (leg,) = listen([to_int16(play(keys, 0.5, 8000))], 8000)
    assert leg.digits == "15"
    assert abs(leg.ends[0].duration_s - 0.1) < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_no_digit_in_call_progress_fax_modem_music_and_noise(seed: int, listen: Listen) -> None:
    made = list(noises(np.random.default_rng(seed), 20.0))
    heard = listen([pcm for _, pcm in made], 8000)
    assert {name: leg.digits for (name, _), leg in zip(made, heard, strict=True) if leg.digits} == {}
