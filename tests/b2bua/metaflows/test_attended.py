# SPDX-License-Identifier: GPL-3.0-or-later
"""Attended transfer, row by row of its table: who hears whom, who is released, and what is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import TRANSFERRED, EndReason
from b2bua.metaflows.modules.attended_table import TABLE, Happens
from tests.b2bua.metaflows.attended_scene import (
    CONSULTING,
    GONE,
    JOINED,
    KEPT,
    PARTIAL,
    RESTORED,
    RINGING,
    ROWS,
    TO,
    TYPED,
    Scene,
    node,
)
from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import in_no_time


def test_PB29_every_row_of_the_table_has_its_test() -> None:
    assert [(state, event) for state, event, *_ in ROWS] == list(TABLE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0].name}-{row[1].name}".lower())
def test_PB29_who_hears_whom_after_each_row(row: Any) -> None:
    @in_no_time
    async def walk() -> None:
        state, event, expected, outcome = row
        scene = await Scene().begin()
        await scene.comes(*TO[state], event)
        assert scene.scene() == expected
        assert scene.stage.outcomes() == ([("transfer", outcome)] if outcome else [])
        assert scene.stage.events("call.failed") == []
        if outcome:
            ended, = scene.stage.events("transfer.ended")
            assert (ended["method"], ended["outcome"]) == ("attended", outcome)
            assert len(scene.call.legs) == len([leg for leg in expected.values() if leg != "gone"])

    walk()


@in_no_time
async def test_F90_the_transferee_hears_music_and_the_transferor_ringback_then_the_target() -> None:
    scene = await Scene().begin()
    assert scene.scene() == RINGING
    scene.target.rings()
    await settled()
    assert scene.scene() == RINGING
    await scene.comes(Happens.ANSWERED)
    assert scene.scene() == CONSULTING
    assert [event["target_id"] for event in scene.stage.events("transfer.consulting")] == [scene.target.id]


@in_no_time
async def test_F90_moh_and_ringback_are_what_the_code_says() -> None:
    scene = await Scene(moh="vivaldi", ringback="birds").begin()
    assert (scene.hears(scene.transferee), scene.hears(scene.transferor)) == ({"vivaldi"}, {"birds"})
    await scene.comes(Happens.EARLY_MEDIA)
    assert scene.hears(scene.transferor) == {"birds"}


@in_no_time
async def test_F91_hanging_up_while_talking_joins_the_other_two() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED, Happens.TRANSFEROR_ENDS)
    assert (scene.call.a, scene.call.b) == (scene.transferee, scene.target)
    assert scene.call.state is CallState.TALKING
    assert scene.transferee.hung_up is scene.target.hung_up is None
    scene.target.hangs_up()
    await settled()
    assert (scene.transferee.state, scene.call.state) == (LegState.ENDED, CallState.ENDED)


@in_no_time
async def test_F92_hanging_up_while_it_rings_joins_on_answer_and_releases_on_failure() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.TRANSFEROR_ENDS)
    assert scene.scene() == PARTIAL
    await scene.comes(Happens.ANSWERED)
    assert scene.scene() == JOINED
    scene = await Scene().begin()
    await scene.comes(Happens.TRANSFEROR_ENDS, Happens.TARGET_ENDS)
    assert scene.transferee.hung_up == EndReason.from_code(486, "486 ", 'SIP;cause=486;text="the transfer failed"')


@in_no_time
@pytest.mark.parametrize(("code", "outcome"), [(486, "busy"), (603, "busy"), (480, "noanswer"), (404, "failed")])
async def test_F93_PB36_a_target_that_fails_brings_the_two_together_and_is_told(code: int, outcome: str) -> None:
    scene = await Scene().begin()
    scene.target.hangs_up(code)
    await settled()
    assert scene.scene() == RESTORED
    assert scene.stage.outcomes() == [("transfer", outcome)]
    assert scene.stage.events("transfer.ended")[0]["code"] == code


@in_no_time
@pytest.mark.parametrize(("said", "rings_s"), [(None, 20), (5, 5), (60, 60)])
async def test_B12_the_ring_time_is_obeyed_in_seconds(said: int | None, rings_s: int) -> None:
    scene = await Scene(timeout=said).begin()
    await asyncio.sleep(rings_s - 1)
    assert scene.scene() == RINGING
    await asyncio.sleep(2)
    assert (scene.scene(), scene.stage.outcomes()) == (RESTORED, [("transfer", "noanswer")])


@in_no_time
async def test_B12_the_ring_time_ends_with_the_answer() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED)
    await asyncio.sleep(100)
    assert scene.scene() == CONSULTING


@in_no_time
async def test_F94_F95_whoever_leaves_the_consultation_leaves_two_who_talk() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED, Happens.TARGET_ENDS)
    assert scene.scene() == RESTORED
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED, Happens.TRANSFEREE_ENDS)
    assert (scene.scene(), scene.call.state) == (KEPT, CallState.TALKING)


@in_no_time
async def test_F96_takeback_is_a_suffix_of_what_was_typed_and_heard_before_any_collector() -> None:
    scene = await Scene().begin()
    scene.transferor.press("5*")
    await asyncio.sleep(10)  # there is no time-out between its digits
    scene.transferor.press("1")
    await settled()
    assert (scene.scene(), scene.stage.outcomes()) == (RESTORED, [("transfer", "takeback")])
    assert len(scene.stage.events("collector.matched")) == 1


@in_no_time
async def test_F96_takeback_dtmf_may_be_other_digits_or_none() -> None:
    scene = await Scene(takeback_dtmf="##").begin()
    await scene.comes(Happens.ANSWERED, Happens.TAKEBACK)
    assert scene.scene() == CONSULTING
    scene.transferor.press("##")
    await settled()
    assert scene.scene() == RESTORED
    scene = await Scene(takeback_dtmf="").begin()
    await scene.comes(Happens.ANSWERED, Happens.TAKEBACK)
    assert scene.scene() == CONSULTING


@in_no_time
async def test_what_the_transferor_types_while_consulting_goes_to_the_target_but_no_code_of_the_transfer() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED)
    scene.transferor.press("12*5")
    await settled()
    assert (scene.target.sent, scene.transferee.sent) == ("12*5", "")
    scene.transferor.press("*")
    await asyncio.sleep(3)
    assert scene.target.sent == "12*5*"
    scene.transferor.press("1")  # the end of *1 all the same
    await settled()
    assert (scene.scene(), scene.target.sent) == (RESTORED, "12*5*")


@in_no_time
async def test_the_target_is_heard_with_its_digits_and_its_hold() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED)
    scene.target.press("7")
    scene.target.holds(True)
    await settled()
    assert scene.transferor.sent == "7"
    assert ("hold", True) in scene.transferor.told
    assert ("hold", True) not in scene.transferee.told


@in_no_time
async def test_codes_work_again_when_it_is_over() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED, Happens.TAKEBACK)
    scene.transferor.press("*9")
    await settled()
    assert scene.stage.outcomes() == [("transfer", "takeback"), ("record_call", "started")]
    scene.transferor.press("5")
    await settled()
    assert scene.transferee.sent == "5"


@in_no_time
async def test_F100_PB28_the_target_sees_the_transferor_first_and_then_the_transferee() -> None:
    scene = await Scene().begin()
    assert scene.target.dialed is not None
    assert scene.target.dialed.caller.user == "1001"
    await scene.comes(Happens.ANSWERED, Happens.TRANSFEROR_ENDS)
    assert ("identify", "2000") in scene.target.told
    assert ("identify", "3001") in scene.transferee.told


@in_no_time
async def test_F112_completion_names_transferor_transferee_and_target() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED, Happens.TRANSFEROR_ENDS)
    assert scene.stage.events("transfer.completed") == [
        {"transferor": scene.transferor.id, "transferee": scene.transferee.id, "target": scene.target.id}]
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED, Happens.TAKEBACK)
    assert scene.stage.events("transfer.completed") == []


@in_no_time
async def test_children_are_chosen_by_how_it_went() -> None:
    hangup = {"module": "hangup"}
    document = node()
    document["patterns"][r"^2(\d{4})$"]["children"] = {"busy": hangup}
    scene = Scene()
    scene.stage = Stage(devices={"1001": document}, trunk={"refer": "never"})
    await scene.begin()
    await scene.comes(Happens.TARGET_ENDS)
    assert scene.stage.outcomes() == [("transfer", "busy"), ("hangup", "done")]


@in_no_time
async def test_an_invite_that_cannot_be_sent_leaves_the_two_together() -> None:
    scene = Scene()
    talk = await scene.stage.talk()
    scene.stage.dialer.refusal = EndReason.from_code(503, "no transport")
    talk.b.press(TYPED)
    await settled()
    assert scene.stage.outcomes() == [("transfer", "failed")]
    assert scene.stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_the_end_of_the_call_leaves_nobody_and_no_sound() -> None:
    for way in ([], [Happens.ANSWERED], [Happens.ANSWERED, Happens.MERGE], [Happens.TRANSFEROR_ENDS]):
        scene = await Scene().begin()
        await scene.comes(*way)
        scene.stage.exchange.end_all()
        await settled()
        assert scene.scene() == GONE
        assert (scene.stage.outcomes(), scene.stage.exchange.calls) == ([("transfer", "cancelled")], {})
        assert [one for one in scene.stage.player.made if not one.end.done()] == []


@in_no_time
async def test_a_bug_while_it_is_under_way_ends_that_call_and_leaves_no_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = await Scene().begin()
    monkeypatch.setattr(scene.call.path, "join", lambda *legs: 1 / 0)
    scene.target.answers()
    await settled()
    assert scene.scene() == GONE
    assert len(scene.stage.events("call.failed")) == 1


@in_no_time
async def test_the_transferor_is_released_with_a_reason_after_a_three_way_only_when_it_hangs_up() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED, Happens.MERGE)
    assert scene.call.conference is not None
    await scene.comes(Happens.TRANSFEROR_ENDS)
    assert (scene.call.conference, scene.transferor.hung_up) == (None, None)
    assert scene.transferee.hung_up is not TRANSFERRED
