# SPDX-License-Identifier: GPL-3.0-or-later
"""record_call: one recording per call, whoever starts and stops it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from b2bua.metaflows.context import Outcome, RecordingOptions
from tests.b2bua.metaflows.stage import Stage, Talk, run_node, settled
from tests.fakes import FakeLeg, in_no_time


async def record(stage: Stage, talk: Talk, leg: FakeLeg, **data: Any) -> Outcome:
    return await run_node(talk.call, leg, {"module": "record_call", "data": data}, stage.parts)


@in_no_time
async def test_F82_B13_toggle_alternates() -> None:
    stage = Stage()
    talk = await stage.talk()
    assert [await record(stage, talk, talk.b) for _ in range(4)] == ["started", "stopped", "started", "stopped"]
    assert (len(stage.recorder.made), stage.recorder.live) == (2, {})


@in_no_time
async def test_F81_stop_from_either_leg() -> None:
    stage = Stage()
    talk = await stage.talk()
    for starter, stopper in ((talk.a, talk.b), (talk.b, talk.a)):
        assert await record(stage, talk, starter, action="start") == "started"
        assert await record(stage, talk, stopper, action="stop") == "stopped"
        assert stage.recorder.live == {}


@in_no_time
async def test_a_second_start_makes_no_second_recording() -> None:
    stage = Stage()
    talk = await stage.talk()
    assert [await record(stage, talk, talk.b, action="start") for _ in range(2)] == ["started", "started"]
    assert len(stage.recorder.made) == 1


@in_no_time
async def test_stop_without_a_recording_and_a_full_disk_fail_visibly() -> None:
    stage = Stage()
    talk = await stage.talk()
    assert await record(stage, talk, talk.b, action="stop") == "failed"
    stage.recorder.failure = "the disk is full"
    assert await record(stage, talk, talk.b, action="start") == "failed"
    assert stage.events("metaflow.ended")[-1]["reason"] == "the disk is full"


@in_no_time
async def test_recordings_of_two_calls_are_independent() -> None:
    stage = Stage()
    one, other = await stage.talk(), await stage.talk()
    await record(stage, one, one.b)
    await record(stage, other, other.b)
    assert set(stage.recorder.live) == {one.call, other.call}
    await record(stage, one, one.a)
    assert set(stage.recorder.live) == {other.call}


@in_no_time
@pytest.mark.parametrize(("data", "expected"), [
    ({}, {"format": None, "time_limit_s": 10800, "min_s": 0, "sample_rate_hz": None, "url": None, "method": "put"}),
    ({"format": "wav", "time_limit": 60, "record_min_sec": 5, "record_sample_rate": 8000, "media_name": "n",
      "label": "l", "origin": "o", "url": "https://x.example/", "method": "post"},
     {"format": "wav", "time_limit_s": 60, "min_s": 5, "sample_rate_hz": 8000, "media_name": "n", "label": "l",
      "origin": "o", "url": "https://x.example/", "method": "post"}),
    ({"time_limit": 99999}, {"time_limit_s": 10800}),
    ({"time_limit": 0, "record_min_sec": -1}, {"time_limit_s": 10800, "min_s": 0}),
])
async def test_F84_F85_options(data: dict[str, Any], expected: dict[str, Any]) -> None:
    stage = Stage()
    talk = await stage.talk()
    await record(stage, talk, talk.b, **data)
    options = stage.recorder.made[0].options
    assert options == RecordingOptions(left=talk.b, by=options.by, **expected)
    assert options.by == {"by": "api", "code": None, "leg_id": talk.b.id, "endpoint_id": "d1001"}


@in_no_time
async def test_F86_record_on_answer_waits_for_the_answer() -> None:
    stage = Stage(devices={"1001": {"numbers": {"9": {"module": "record_call", "data": {"record_on_answer": True}}}}})
    talk = await stage.rings(caller="1001", number="3000", peer="pbx")
    talk.a.press("*9")
    await settled()
    assert stage.recorder.made == []
    assert stage.outcomes() == [("record_call", "started")]  # other codes need not wait for it
    talk.b.answers()
    await settled()
    (made,) = stage.recorder.made
    assert made.options.by["code"] == "9"


@in_no_time
async def test_a_recording_goes_on_through_a_transfer_and_the_new_party_may_stop_it() -> None:
    stage = Stage(trunk={"refer": "never"})
    talk = await stage.talk()
    await record(stage, talk, talk.b)
    transfer = {"module": "transfer", "data": {"target": "1002"}}
    talk.call.task(_ignore(run_node(talk.call, talk.b, transfer, stage.parts)), "test")
    await settled()
    target = stage.dialer.legs[-1]
    target.answers()
    await settled()
    assert talk.call in stage.recorder.live
    assert await record(stage, talk, target) == "stopped"


async def _ignore(work: Any) -> None:
    await work


@in_no_time
async def test_F86_before_any_audio_it_waits_for_the_answer_by_itself() -> None:
    stage = Stage(devices={"1001": {"numbers": {"9": {"module": "record_call", "data": {"action": "start"}}}}})
    talk = await stage.rings(caller="1001", number="3000", peer="pbx")
    talk.a.press("*9")
    await settled()
    assert stage.recorder.made == []
    stage.recorder.failure = "the disk is full"
    talk.b.answers()
    await settled()
    assert stage.events("recording.failed")[-1]["error"] == "the disk is full"


CODES = {"1002": {"numbers": {"5": {"module": "record_call", "data": {"action": "mask"}},
                              "6": {"module": "record_call", "data": {"action": "unmask"}}}, "hide_codes": False}}


@in_no_time
async def test_F83_mask_by_code_keeps_digits_from_everybody_and_unmask_ends_it() -> None:
    stage = Stage(devices=CODES, log_digits=True)
    talk = await stage.talk(number="1002")
    talk.b.press("*5")
    await settled()
    assert talk.call.mask.is_on
    assert (masks(talk.a), masks(talk.b)) == ([(True, False)], [(True, False)])
    assert set("0123456789*#") <= set(talk.a.muted_tones) & set(talk.b.muted_tones)  # nor as tones in the sound
    sent = talk.b.sent
    talk.a.press("4111111111111111")
    await settled()
    assert talk.b.sent == sent
    assert [event.get("digit") for event in stage.events("digit.heard")][-16:] == [None] * 16
    talk.b.press("*6")
    await settled()
    (masked,), (unmasked,) = stage.events("call.masked"), stage.events("call.unmasked")
    assert masked["by"] == {"by": "code", "code": "5", "leg_id": talk.b.id, "endpoint_id": "d1002"}
    assert (unmasked["digits"], unmasked["by"]["code"]) == (18, "6")  # *6 was pressed while it was masked
    assert "4111" not in repr([vars_of(event) for event in stage.told])
    talk.a.press("7")
    await settled()
    assert talk.b.sent == sent + "7"
    assert masks(talk.a)[-1] == (False, False)


def masks(leg: FakeLeg) -> list[Any]:
    return [tuple(said) for verb, *said in leg.told if verb == "mask"]


def vars_of(event: Any) -> Any:
    return (event.name, dict(event.fields))


@in_no_time
async def test_a_mask_is_lifted_by_time_and_by_the_number_of_digits() -> None:
    stage = Stage()
    talk = await stage.talk()
    assert await record(stage, talk, talk.b, action="unmask") == "failed"
    assert await record(stage, talk, talk.b, action="mask", mask_time=5, mask_sound=True) == "started"
    assert masks(talk.a) == [(True, True)]
    await asyncio.sleep(6)
    assert not talk.call.mask.is_on
    await record(stage, talk, talk.b, action="mask", mask_digits=3)
    talk.a.press("123")
    await settled()
    assert not talk.call.mask.is_on
    talk.a.press("4")
    await settled()
    assert talk.b.sent == "4"
    assert [event["by"]["by"] for event in stage.events("call.unmasked")] == ["time", "digits"]
    assert [event["digits"] for event in stage.events("call.unmasked")] == [0, 3]


@in_no_time
async def test_a_mask_that_is_put_on_again_counts_its_digits_anew() -> None:
    stage = Stage()
    talk = await stage.talk()
    await record(stage, talk, talk.b, action="mask")
    talk.a.press("411")
    await settled()
    await record(stage, talk, talk.b, action="mask", mask_digits=3)
    for digits, is_on in (("41", True), ("1", False)):
        talk.a.press(digits)
        await settled()
        assert talk.call.mask.is_on is is_on
    assert talk.b.sent == ""
    assert stage.events("call.unmasked")[0]["digits"] == 6


@in_no_time
async def test_who_comes_into_a_masked_call_is_masked_too() -> None:
    stage = Stage(trunk={"refer": "never"})
    talk = await stage.talk()
    await record(stage, talk, talk.b, action="mask")
    transfer = {"module": "transfer", "data": {"target": "1002", "transfer_type": "blind"}}
    talk.call.task(_ignore(run_node(talk.call, talk.b, transfer, stage.parts)), "test")
    await settled()
    target = stage.dialer.legs[-1]
    target.answers()
    await settled()
    assert masks(target)[-1] == (True, False)
    talk.a.press("1")
    await settled()
    assert target.sent == ""


@in_no_time
async def test_both_parties_are_told_and_no_key_cuts_it_short() -> None:
    stage = Stage()
    talk = await stage.talk()
    await record(stage, talk, talk.b, action="start", notice="you-are-recorded")
    await settled()
    talk.a.press("1")
    await settled()
    assert stage.hears(talk.a) == stage.hears(talk.b) == ["you-are-recorded"]
    for leg in (talk.a, talk.b):
        for playing in stage.player.playing(leg):
            playing.stop()
    await settled()
    assert len(stage.events("recording.announced")) == 1


@in_no_time
async def test_a_notice_that_is_missing_is_told_and_the_recording_runs() -> None:
    stage = Stage()
    stage.library.missing = {"gone"}
    talk = await stage.talk()
    assert await record(stage, talk, talk.b, action="start", notice="gone") == "started"
    await settled()
    assert "gone" in stage.events("recording.unannounced")[0]["reason"]
    assert talk.call in stage.recorder.live
