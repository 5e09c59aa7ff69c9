# SPDX-License-Identifier: GPL-3.0-or-later
"""Digits as tones in the audio: heard where no telephone-event was negotiated, and only there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.sipp.conftest import Device, Stage

LOUD = 300  # int16; what is left of a tone is far above it
LEAK_MS = 13.0  # a block of 10 ms that the guard cannot judge, and the samples round a zero crossing
WITHOUT_EVENTS = "pbx-without-events-answers-expect-bye"


def heard(stage: Stage) -> float:
    """Presses heard in audio so far."""
    return stage.sidecar.metric("b2bua_digits_total", source="inband")


def test_tones_of_a_device_without_events_are_codes(stage: Stage) -> None:
    before, digits = stage.recordings(), heard(stage)
    device = stage.device(WITHOUT_EVENTS)
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=4500)
    caller.plays(500, lambda track: track.talk(4.5))
    device.plays(0, lambda track: track.talk(0.6).tones("*9").talk(1.5).tones("*9").talk(1.5))
    caller.finish()
    device.finish()
    assert heard(stage) == digits + 4
    assert len(stage.new_recordings(before)) == 1
    stage.sidecar.wait_quiet()
    assert stage.sidecar.metric("b2bua_legs_listened_to") == 0


def longest_tone_ms(caller: Device) -> float:
    """The longest piece of sound without a gap that the caller heard; the device says nothing but tones."""
    loud = np.abs(caller.rtp.heard().astype(np.int32)) > LOUD
    spread = np.convolve(loud, np.ones(9), "same") > 0  # a tone crosses zero
    return max((len(list(run)) / 8 for is_loud, run in itertools.groupby(spread) if is_loud), default=0.0)


def test_B5_a_code_of_tones_is_taken_out_of_what_the_far_party_hears(stage: Stage) -> None:
    before = stage.recordings()
    device = stage.device(WITHOUT_EVENTS)
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=3500)
    caller.plays(500, lambda track: track.talk(3.5))
    device.plays(0, lambda track: track.talk(0.61).tones("*9", digit_ms=120).talk(1.5))
    caller.finish()
    device.finish()
    assert len(stage.new_recordings(before)) == 1
    assert longest_tone_ms(caller) <= LEAK_MS
    assert not caller.rtp.presses()


def test_B2_tones_that_leave_as_events_do_not_leave_as_tones_too(stage: Stage) -> None:
    device = stage.device(WITHOUT_EVENTS)
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=3000)
    caller.plays(500, lambda track: track.talk(3))
    device.plays(0, lambda track: track.talk(0.6).tones("147", digit_ms=100, gap_ms=100).talk(1))
    caller.finish()
    device.finish()
    assert [press.digit for press in caller.rtp.presses()] == ["1", "4", "7"]
    assert longest_tone_ms(caller) <= LEAK_MS


def test_B4_a_tone_beside_a_hidden_event_is_taken_out_too(stage: Stage) -> None:
    device = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=3000)
    caller.plays(500, lambda track: track.talk(3))
    device.plays(0, lambda track: track.talk(0.6).both("*9", digit_ms=120).talk(1))
    caller.finish()
    device.finish()
    assert not caller.rtp.presses()
    assert longest_tone_ms(caller) <= LEAK_MS


def test_tones_of_a_device_with_events_are_only_sound(stage: Stage) -> None:
    before, digits = stage.recordings(), heard(stage)
    device = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=2500)
    caller.plays(500, lambda track: track.talk(2.5))
    device.plays(0, lambda track: track.talk(0.6).tones("*9").talk(1))
    caller.finish()
    device.finish()
    assert heard(stage) == digits
    assert not stage.new_recordings(before)


def test_tones_that_are_no_code_reach_the_other_leg_as_events_once(stage: Stage) -> None:
    device = stage.device(WITHOUT_EVENTS)
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=3000)
    caller.plays(500, lambda track: track.talk(3))
    device.plays(0, lambda track: track.talk(0.6).tones("123", digit_ms=100, gap_ms=100).talk(1))
    caller.finish()
    device.finish()
    presses = caller.rtp.presses()
    assert [press.digit for press in presses] == ["1", "2", "3"]
    assert [press.duration_ms for press in presses] == pytest.approx([100] * 3, abs=40)
