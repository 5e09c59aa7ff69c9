# SPDX-License-Identifier: GPL-3.0-or-later
"""Digits as tones in the audio: heard where no telephone-event was negotiated, and only there."""

from __future__ import annotations

import pytest

from tests.sipp.conftest import Stage

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
