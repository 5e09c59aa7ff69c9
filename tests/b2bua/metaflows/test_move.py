# SPDX-License-Identifier: GPL-3.0-or-later
"""move and intercept: who is rung, who has whom afterwards, and that nobody is left over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import ELSEWHERE, RING_TIMEOUT, TRANSFERRED
from b2bua.metaflows.executor import report_node
from tests.b2bua.metaflows.stage import Stage, Talk, settled
from tests.fakes import FakeLeg, in_no_time


def stage_of(data: dict[str, Any] | None = None, module: str = "move", **more: Any) -> Stage:
    """1001 of user u1 moves (or intercepts) by *4 and records by *9; u1 has the devices 1003 and 1005 besides."""
    return Stage(users={"u1": {"numbers": {"4": {"module": module, "data": data or {}},
                                           "9": {"module": "record_call"}}}}, **more)


async def moving(stage: Stage) -> tuple[Talk, list[FakeLeg]]:
    """1001 has typed *4: the legs that are rung for it."""
    talk = await stage.talk()
    talk.b.press("*4")
    await settled()
    return talk, stage.dialer.legs[1:]


def numbers(legs: list[FakeLeg]) -> list[str]:
    """Whom they reach."""
    return [leg.number for leg in legs]


@in_no_time
async def test_F101_B19_all_other_devices_ring_at_once_and_the_first_answer_wins() -> None:
    stage = stage_of()
    talk, (desk, mobile) = await moving(stage)
    assert numbers([desk, mobile]) == ["1003", "1005"]
    assert stage.mixer.hears(talk.a, talk.b)
    desk.rings()
    mobile.answers()
    await settled()
    assert stage.mixer.hears(talk.a, mobile)
    assert desk.hung_up == ELSEWHERE
    assert talk.b.hung_up == TRANSFERRED
    assert stage.outcomes() == [("move", "answered")]
    assert talk.call.legs == {talk.a, mobile}


@in_no_time
async def test_the_losers_are_told_that_somebody_else_has_answered() -> None:
    assert ELSEWHERE.header == 'SIP;cause=200;text="Call completed elsewhere"'


@in_no_time
async def test_the_device_sees_whom_it_will_talk_to() -> None:
    _, (desk, _) = await moving(stage_of())
    assert desk.dialed is not None
    assert desk.dialed.caller.user == "2000"
    assert ("Max-Forwards", "69") in list(desk.dialed.headers)


@in_no_time
async def test_in_turn_the_next_rings_when_the_first_has_had_its_share() -> None:
    stage = stage_of({"dial_strategy": "single"})
    talk, _ = await moving(stage)
    assert numbers(stage.dialer.legs[1:]) == ["1003"]
    await asyncio.sleep(10.1)
    desk, mobile = stage.dialer.legs[1:]
    assert (desk.state, mobile.number) == (LegState.ENDED, "1005")
    mobile.hangs_up(486, "Busy Here")
    await settled()
    assert stage.outcomes() == [("move", "failed")]
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_F102_nobody_answers_in_20_s_and_all_is_as_it_was() -> None:
    stage = stage_of()
    talk, legs = await moving(stage)
    await asyncio.sleep(19.9)
    assert not any(leg.hung_up for leg in legs)
    await asyncio.sleep(0.2)
    await settled()
    assert all(leg.hung_up == RING_TIMEOUT for leg in legs)
    assert stage.mixer.hears(talk.a, talk.b)
    assert stage.outcomes() == [("move", "failed")]
    assert talk.call.legs == {talk.a, talk.b}


@in_no_time
async def test_F56_B6_codes_go_on_at_the_device_that_answered() -> None:
    stage = stage_of()
    _, (desk, _) = await moving(stage)
    desk.answers()
    await settled()
    desk.press("*9")
    await settled()
    assert stage.outcomes()[-1] == ("record_call", "started")


@in_no_time
async def test_without_another_device_nothing_happens() -> None:
    stage = stage_of({"owner_id": "u2", "device_id": "d1001"})
    talk, legs = await moving(stage)
    assert legs == []
    assert stage.outcomes() == [("move", "failed")]
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_a_named_device_of_anybody_in_the_account_may_be_rung() -> None:
    _, legs = await moving(stage_of({"device_id": "d1002", "auto_answer": True}))
    assert numbers(legs) == ["1002"]
    assert legs[0].dialed is not None
    assert "answer-after=0" in dict(legs[0].dialed.headers)["Call-Info"]


@in_no_time
async def test_devices_that_are_disabled_or_want_no_calls_do_not_ring() -> None:
    stage = stage_of()
    account = dict(stage.exchange.directory.accounts["a" * 32])
    account["devices"] = [{**device, **{"d1003": {"enabled": False}, "d1005": {"do_not_disturb": {"enabled": True}}}
                           .get(device["id"], {})} for device in account["devices"]]
    stage.exchange.directory = stage.exchange.directory.changed([account])
    _, legs = await moving(stage)
    assert legs == []


@in_no_time
@pytest.mark.parametrize("answers", [True, False])
async def test_the_mover_may_hang_up_while_it_rings(answers: bool) -> None:
    stage = stage_of()
    talk, (desk, mobile) = await moving(stage)
    talk.b.hangs_up()
    await settled()
    assert talk.call.state is CallState.TALKING
    if answers:
        desk.answers()
        await settled()
        assert stage.mixer.hears(talk.a, desk)
        desk.hangs_up()
    else:
        desk.hangs_up(486, "Busy Here")
        mobile.hangs_up(480, "Unavailable")
    await settled()
    assert (talk.call.state, stage.exchange.calls) == (CallState.ENDED, {})


@in_no_time
async def test_the_far_party_hangs_up_while_it_rings_and_all_stop_ringing() -> None:
    stage = stage_of()
    talk, legs = await moving(stage)
    talk.a.hangs_up()
    await settled()
    assert all(leg.state is LegState.ENDED for leg in [talk.b, *legs])
    assert stage.exchange.calls == {}


@in_no_time
async def test_two_answers_at_once_make_one_winner() -> None:
    stage = stage_of()
    talk, (desk, mobile) = await moving(stage)
    desk.answers()
    mobile.answers()
    await settled()
    assert talk.call.legs == {talk.a, desk}
    assert mobile.state is LegState.ENDED


@in_no_time
async def test_a_device_that_answers_and_has_gone_again_has_not_won() -> None:
    stage = stage_of()
    talk, (desk, mobile) = await moving(stage)
    desk.answers()
    desk.hangs_up()
    mobile.answers()
    await settled()
    assert talk.call.legs == {talk.a, mobile}


@in_no_time
async def test_a_device_that_answers_before_anybody_waits_for_it_has_won(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of({"device_id": "d1003"})
    dial = stage.dialer.dial

    def answered_at_once(what: Any) -> Any:
        leg = dial(what)
        asyncio.get_running_loop().call_soon(stage.dialer.legs[-1].answers)
        return leg
    talk = await stage.talk()
    monkeypatch.setattr(stage.dialer, "dial", answered_at_once)
    talk.b.press("*4")
    await settled()
    assert stage.mixer.hears(talk.a, stage.dialer.legs[-1])


# -- intercept ----------------------------------------------------------------------------------------------------


@in_no_time
@pytest.mark.parametrize(("data", "rung"), [
    ({"target_type": "device", "target_id": "d1002"}, ["1002"]),
    ({"target_type": "user", "target_id": "u1"}, ["1003", "1005"]),
    ({"target_type": "number", "target_id": "1002"}, ["1002"]),
    ({"target_type": "number", "target_id": "3001"}, ["3001"]),
    ({"target_type": "user", "target_id": "d1002"}, []),
    ({"target_type": "device", "target_id": "nobody"}, []),
    ({"target_type": "device"}, []),
])
async def test_F103_whom_an_intercept_rings(data: dict[str, str], rung: list[str]) -> None:
    _, legs = await moving(stage_of(data, "intercept"))
    assert numbers(legs) == rung


@in_no_time
async def test_F103_B18_the_leg_that_typed_stays_and_its_partner_is_replaced() -> None:
    stage = stage_of({"target_type": "device", "target_id": "d1002"}, "intercept")
    talk, (target,) = await moving(stage)
    target.answers()
    await settled()
    assert stage.mixer.hears(target, talk.b)
    assert talk.a.hung_up == TRANSFERRED
    talk.b.press("*9")
    await settled()
    assert stage.outcomes() == [("intercept", "answered"), ("record_call", "started")]


@in_no_time
async def test_unbridged_only_leaves_a_leg_alone_that_talks() -> None:
    stage = stage_of({"target_type": "device", "target_id": "d1002", "unbridged_only": True}, "intercept")
    _, legs = await moving(stage)
    assert legs == []
    assert stage.outcomes() == [("intercept", "failed")]


@in_no_time
async def test_a_call_that_rings_can_be_intercepted_and_is_answered_by_that() -> None:
    stage = stage_of()
    talk = await stage.rings()
    node = {"module": "intercept", "data": {"target_type": "device", "target_id": "d1002", "unbridged_only": True}}
    run = asyncio.create_task(report_node(talk.call, talk.a, node, stage.parts))
    await settled()
    target = stage.dialer.legs[-1]
    target.answers()
    await run
    await settled()
    assert ("answer",) in talk.a.told
    assert talk.b.hung_up == ELSEWHERE
    assert stage.mixer.hears(talk.a, target)
    assert talk.call.state is CallState.TALKING


STEPS = st.lists(st.sampled_from(["type", "0 answers", "1 answers", "0 ends", "1 ends", "a ends", "b ends", "wait",
                                  "record"]), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from(["simultaneous", "single"]))
def test_whatever_happens_in_a_move_nobody_is_stranded(steps: list[str], dial_strategy: str) -> None:
    @in_no_time
    async def walk() -> None:
        stage = stage_of({"dial_strategy": dial_strategy})
        talk = await stage.talk()
        for name in steps:
            who, _, verb = name.partition(" ")
            ringing = [leg for leg in stage.dialer.legs[1:] if leg.state in (LegState.TRYING, LegState.EARLY)]
            pair: list[Any] = [leg for leg in (talk.call.a, talk.call.b) if leg and leg.state is LegState.UP]
            if who.isdigit() and int(who) < len(ringing):
                leg = ringing[int(who)]
                leg.answers() if verb == "answers" else leg.hangs_up(486, "Busy")
            elif who in ("a", "b") and len(pair) == 2:
                pair[who == "b"].hangs_up()
            elif name in ("type", "record") and len(pair) == 2:
                pair[1].press("*4" if name == "type" else "*9")
            elif name == "wait":
                await asyncio.sleep(21)
            await settled()
        await asyncio.sleep(20 * len(steps) + 1)  # codes that were typed meanwhile run one after the other
        await settled()
        left = [leg for leg in [talk.a, *stage.dialer.legs] if leg.state is not LegState.ENDED]
        if left:
            one, other = left  # nobody alone, nobody ringing
            assert stage.mixer.hears(one, other)
        assert bool(left) == bool(stage.exchange.calls)
    walk()
