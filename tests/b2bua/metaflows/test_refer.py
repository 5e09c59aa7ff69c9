# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder of a blind transfer: REFER first, and what makes it climb down to our own INVITE."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.reason import TRANSFERRED
from tests.b2bua.metaflows.stage import Stage, Talk, run_node, settled
from tests.fakes import in_no_time

BLIND = {"patterns": {r"^2([0-9*#]{4})$": {"module": "transfer"}}}


async def referred(digits: str = "*23001", **trunk: Any) -> tuple[Stage, Talk]:
    """1001 at the PBX transfers the caller, whose side (the carrier) gets a REFER."""
    stage = Stage(devices={"1001": BLIND}, trunk=trunk)
    talk = await stage.talk()
    talk.b.press(digits)
    await settled()
    assert len(talk.a.refers()) == 1
    return stage, talk


@in_no_time
async def test_a_stranger_is_sent_to_us_and_so_to_the_target() -> None:
    _, talk = await referred("*23*0#")
    assert talk.a.refers() == [("sip:3*0%23@198.51.100.9:5060", {})]
    assert talk.b.refers() == []


@in_no_time
async def test_a_transferee_on_the_targets_own_side_is_sent_to_the_target() -> None:
    stage = Stage(devices={"1001": BLIND})
    talk = await stage.talk(caller="1001", number="1002", peer="pbx")
    talk.a.press("*23001")
    await settled()
    assert talk.b.refers() == [("sip:3001@192.0.2.2:5070", {})]


@in_no_time
async def test_only_the_final_notify_is_success_never_the_202() -> None:
    stage, talk = await referred()
    talk.a.accepts_refer()
    talk.a.notifies(100, final=False)
    talk.a.notifies(180, final=False)
    await settled()
    assert (stage.outcomes(), talk.b.hung_up) == ([], None)
    assert stage.mixer.hears(talk.a, talk.b)
    talk.a.notifies(200)
    await settled()
    assert stage.outcomes() == [("transfer", "answered")]
    assert (talk.a.hung_up, talk.b.hung_up) == (TRANSFERRED, TRANSFERRED)
    assert talk.call.state is CallState.ENDED
    assert stage.parts.ways.worked == {"trunk": "refer"}
    assert stage.events("transfer.ended")[0]["method"] == "refer"


@in_no_time
async def test_a_transferee_that_hangs_up_after_accepting_has_gone_to_the_target() -> None:
    stage, talk = await referred()
    talk.a.accepts_refer()
    talk.a.hangs_up()
    await settled()
    assert (stage.outcomes(), talk.b.hung_up) == ([("transfer", "answered")], TRANSFERRED)
    assert talk.call.state is CallState.ENDED


@in_no_time
async def test_a_transferee_that_hangs_up_before_accepting_has_just_gone() -> None:
    stage, talk = await referred()
    talk.a.hangs_up()
    await settled()
    assert stage.outcomes() == [("transfer", "failed")]
    assert (len(stage.dialer.legs), talk.call.state) == (1, CallState.ENDED)


@in_no_time
@pytest.mark.parametrize("code", [403, 405, 420, 501, 603])
async def test_a_refused_refer_is_followed_by_our_own_invite(code: int) -> None:
    stage, talk = await referred()
    talk.a.refuses_refer(code)
    await settled()
    target = stage.dialer.legs[-1]
    target.answers()
    await settled()
    assert stage.mixer.hears(talk.a, target)
    assert [(event["method"], event["outcome"], event["code"]) for event in stage.events("transfer.ended")] == [
        ("refer", "failed", code), ("invite", "answered", 200)]
    assert stage.outcomes() == [("transfer", "answered")]


@in_no_time
async def test_what_worked_is_remembered_per_peer() -> None:
    stage, talk = await referred()
    talk.a.refuses_refer(405)
    await settled()
    stage.dialer.legs[-1].answers()
    await settled()
    again = await stage.talk()
    again.b.press("*23001")
    await settled()
    assert again.a.refers() == []
    assert stage.dialer.legs[-1].dialed.number == "3001"  # type: ignore[union-attr]


@in_no_time
async def test_a_recorded_call_moved_by_our_invite_says_nothing_about_refer() -> None:
    stage = Stage(devices={"1001": BLIND})
    recorded = await stage.talk()
    await run_node(recorded.call, recorded.b, {"module": "record_call", "data": {"action": "start"}}, stage.parts)
    recorded.b.press("*23001")
    await settled()
    stage.dialer.legs[-1].answers()
    await settled()
    assert recorded.a.refers() == []
    again = await stage.talk()
    again.b.press("*23001")
    await settled()
    assert len(again.a.refers()) == 1


@in_no_time
async def test_429_is_retried_once_with_referred_by() -> None:
    stage, talk = await referred()
    talk.a.refuses_refer(429)
    await settled()
    assert talk.a.refers()[1] == ("sip:3001@198.51.100.9:5060", {"Referred-By": "<sip:1001@198.51.100.9:5060>"})
    talk.a.refuses_refer(429)
    await settled()
    assert len(talk.a.refers()) == 2
    assert len(stage.dialer.legs) == 2


@in_no_time
async def test_no_final_notify_in_time_is_followed_by_our_own_invite() -> None:
    stage, talk = await referred(refer_timeout_s=5)
    talk.a.accepts_refer()
    await asyncio.sleep(4.9)
    assert len(stage.dialer.legs) == 1
    await asyncio.sleep(0.2)
    assert len(stage.dialer.legs) == 2
    target = stage.dialer.legs[-1]
    talk.a.notifies(200)  # it did it after all, late
    await settled()
    assert target.hung_up is not None
    assert (stage.outcomes(), talk.call.state) == ([("transfer", "answered")], CallState.ENDED)


@in_no_time
@pytest.mark.parametrize("code", [100, 404, 500])
async def test_a_final_notify_that_fails_or_says_nothing_is_followed_by_our_own_invite(code: int) -> None:
    stage, talk = await referred()
    talk.a.accepts_refer()
    talk.a.notifies(code)
    await settled()
    assert len(stage.dialer.legs) == 2


@in_no_time
@pytest.mark.parametrize(("code", "outcome"), [(486, "busy"), (600, "busy"), (603, "busy"), (480, "noanswer"),
                                               (408, "noanswer")])
async def test_a_target_that_is_busy_is_not_called_a_second_time(code: int, outcome: str) -> None:
    stage, talk = await referred()
    talk.a.accepts_refer()
    talk.a.notifies(code)
    await settled()
    assert (stage.outcomes(), len(stage.dialer.legs)) == ([("transfer", outcome)], 1)
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_always_means_refer_or_nothing() -> None:
    stage, talk = await referred(refer="always")
    talk.a.refuses_refer(405)
    await settled()
    assert (stage.outcomes(), len(stage.dialer.legs)) == ([("transfer", "failed")], 1)
    assert stage.events("metaflow.ended")[0]["reason"] == "the REFER was refused with 405"
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_F92_the_transferor_may_hang_up_while_the_refer_is_under_way() -> None:
    stage, talk = await referred()
    talk.a.accepts_refer()
    talk.b.hangs_up()
    await settled()
    assert talk.a.hung_up is None
    talk.a.notifies(404)
    await settled()
    target = stage.dialer.legs[-1]
    target.answers()
    await settled()
    assert stage.mixer.hears(talk.a, target)


@in_no_time
async def test_F92_and_the_transferee_is_released_when_nothing_works() -> None:
    _, talk = await referred(refer="always")
    talk.b.hangs_up()
    talk.a.refuses_refer(403)
    await settled()
    assert talk.a.hung_up is not None
    assert talk.call.state is CallState.ENDED


@in_no_time
async def test_hold_passes_while_the_refer_is_under_way() -> None:
    _, talk = await referred()
    talk.a.holds(True)
    assert ("hold", True) in talk.b.told


@in_no_time
async def test_two_transfers_at_once_are_refused() -> None:
    stage, talk = await referred()
    outcome = await run_node(talk.call, talk.b, {"module": "transfer", "data": {"target": "3002"}}, stage.parts)
    assert outcome == "failed"
    assert stage.events("metaflow.ended")[0]["reason"] == "another transfer is going on"


@in_no_time
async def test_what_did_not_work_is_not_remembered() -> None:
    stage, talk = await referred()
    talk.a.refuses_refer(405)
    await settled()
    stage.dialer.legs[-1].hangs_up(486)
    await settled()
    assert stage.parts.ways.worked == {}


@in_no_time
async def test_nobody_is_called_for_a_transferee_that_refused_and_left() -> None:
    stage, talk = await referred()
    talk.a.refuses_refer(405)
    talk.a.hangs_up()
    await settled()
    assert (len(stage.dialer.legs), stage.outcomes()) == (1, [("transfer", "failed")])


@in_no_time
async def test_no_child_runs_on_a_call_that_a_refer_has_ended() -> None:
    tree = {"module": "transfer", "data": {"target": "3001"}, "children": {"_": {"module": "record_call"}}}
    stage = Stage(devices={"1001": {"numbers": {"1": tree}}})
    talk = await stage.talk()
    talk.b.press("*1")
    await settled()
    talk.a.notifies(200)
    await settled()
    assert stage.outcomes() == [("transfer", "answered")]
