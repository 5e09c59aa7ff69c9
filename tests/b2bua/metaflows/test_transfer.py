# SPDX-License-Identifier: GPL-3.0-or-later
"""Blind transfer: the number, and what the target's answer does. By INVITE; REFER is in test_refer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import TRANSFERRED, EndReason
from b2bua.metaflows.modules.transfer import Transfer, number_of
from tests.b2bua.metaflows.stage import ACCOUNT, Stage, Talk, settled
from tests.fakes import FakeLeg, in_no_time

BLIND = {"patterns": {r"^2(\d{4})$": {"module": "transfer"}},
         "numbers": {"9": {"module": "record_call"}, "0": {"module": "transfer"}}}


def stage_of(**more: Any) -> Stage:
    """The transferee's side is the carrier, which never gets a REFER."""
    return Stage(devices={"1001": BLIND}, trunk={"refer": "never"}, **more)


async def transfer(stage: Stage, digits: str = "*23001") -> tuple[Talk, FakeLeg]:
    """1001 at the PBX transfers the caller; the target rings."""
    talk = await stage.talk()
    talk.b.press(digits)
    await settled()
    target = stage.dialer.legs[-1]
    target.rings()
    await settled()
    return talk, target


@pytest.mark.parametrize(("data", "number"), [
    ({"captures": ["3001"], "target": "100"}, "3001"),
    ({"target": "100"}, "100"),
    ({"captures": ["no_match"], "target": "100"}, "100"),
    ({"captures": [], "target": "100"}, "100"),
    ({"captures": "3001"}, "3001"),
    ({}, None), ({"captures": []}, None), ({"captures": [""]}, None), ({"target": ""}, None),
])
def test_F98_B7_a_real_capture_beats_target_beats_the_sentinel(data: dict[str, Any], number: str | None) -> None:
    assert number_of(Transfer.model_validate(data)) == number


@in_no_time
async def test_F97_B11_blind_moves_the_transferee_and_releases_the_transferor() -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    assert stage.mixer.hears(talk.a, talk.b)
    assert target.dialed is not None
    assert (target.dialed.peer, target.dialed.number) == ("pbx", "3001")
    target.answers()
    await settled()
    assert stage.mixer.hears(talk.a, target)
    assert talk.b.hung_up == TRANSFERRED
    assert (talk.call.state, talk.call.b) == (CallState.TALKING, target)
    assert stage.outcomes() == [("transfer", "answered")]
    target.hangs_up()
    await settled()
    assert (talk.call.state, talk.a.state) == (CallState.ENDED, LegState.ENDED)


@in_no_time
async def test_the_new_invite_says_who_referred_and_counts_its_hops() -> None:
    _, target = await transfer(stage_of())
    assert target.dialed is not None
    assert list(target.dialed.headers) == [("Referred-By", "<sip:1001@198.51.100.9:5060>"), ("Max-Forwards", "69")]


@in_no_time
@pytest.mark.parametrize(("code", "outcome"), [(486, "busy"), (600, "busy"), (603, "busy"), (480, "noanswer"),
                                               (408, "noanswer"), (404, "failed"), (503, "failed")])
async def test_F93_a_target_that_fails_leaves_the_two_together(code: int, outcome: str) -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    target.hangs_up(code, "No")
    await settled()
    assert stage.outcomes() == [("transfer", outcome)]
    assert stage.events("transfer.ended") == [{"method": "invite", "transferee_id": talk.a.id, "outcome": outcome,
                                               "code": code}]
    assert stage.mixer.hears(talk.a, talk.b)
    talk.b.press("*9")
    await settled()
    assert stage.outcomes()[1:] == [("record_call", "started")]


@in_no_time
async def test_B12_the_target_rings_20_seconds() -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    await asyncio.sleep(19)
    assert target.hung_up is None
    await asyncio.sleep(2)
    assert target.hung_up is not None
    assert stage.outcomes() == [("transfer", "noanswer")]
    assert (talk.call.state, stage.mixer.hears(talk.a, talk.b)) == (CallState.TALKING, True)


@in_no_time
async def test_F99_B8_without_a_number_the_call_stays_as_it_was() -> None:
    stage = stage_of()
    talk = await stage.talk()
    talk.b.press("*0")
    await settled()
    assert stage.outcomes() == [("transfer", "failed")]
    assert len(stage.dialer.legs) == 1
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_F99_the_presser_hears_that_it_failed() -> None:
    stage = Stage(devices={"1001": {**BLIND, "feedback": "tones"}})
    talk = await stage.talk()
    talk.b.press("*0")
    await settled()
    assert stage.tones.played == [("accepted", talk.b.id), ("rejected", talk.b.id)]


@in_no_time
async def test_an_invite_that_cannot_be_sent_fails_the_transfer_only() -> None:
    stage = stage_of()
    talk = await stage.talk()
    stage.dialer.refusal = EndReason.from_code(503, "no transport")
    talk.b.press("*23001")
    await settled()
    assert stage.outcomes() == [("transfer", "failed")]
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_F92_the_transferor_may_hang_up_while_the_target_rings() -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    talk.b.hangs_up()
    await settled()
    assert talk.call.state is CallState.TALKING
    target.answers()
    await settled()
    assert stage.mixer.hears(talk.a, target)
    assert talk.a.hung_up is None


@in_no_time
async def test_F92_the_transferee_is_released_when_the_target_fails_then() -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    talk.b.hangs_up()
    target.hangs_up(486)
    await settled()
    assert talk.a.hung_up is not None
    assert (talk.call.state, stage.outcomes()) == (CallState.ENDED, [("transfer", "busy")])


@in_no_time
async def test_B9_the_transferee_hanging_up_cancels_the_target() -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    talk.a.hangs_up()
    await settled()
    assert target.hung_up is not None
    assert talk.b.hung_up is not None
    assert (talk.call.state, stage.outcomes()) == (CallState.ENDED, [("transfer", "failed")])


@in_no_time
async def test_a_call_that_is_ended_by_us_meanwhile_leaves_nobody() -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    stage.exchange.end_all()
    await settled()
    assert {leg.state for leg in (talk.a, talk.b, target)} == {LegState.ENDED}
    assert (talk.call.state, stage.outcomes()) == (CallState.ENDED, [("transfer", "cancelled")])
    assert stage.exchange.calls == {}


@in_no_time
async def test_codes_typed_during_a_transfer_wait_for_its_end() -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    talk.b.press("*9")
    await settled()
    assert stage.recorder.made == []
    target.hangs_up(486)
    await settled()
    assert stage.outcomes() == [("transfer", "busy"), ("record_call", "started")]


@in_no_time
async def test_the_caller_at_the_pbx_transfers_the_one_he_called() -> None:
    stage = stage_of()
    talk = await stage.talk(caller="1001", number="3000", peer="pbx")
    talk.a.press("*23001")
    await settled()
    target = stage.dialer.legs[-1]
    target.answers()
    await settled()
    assert (target.peer, talk.call.a, talk.call.b) == ("pbx", target, talk.b)
    assert stage.mixer.hears(target, talk.b)
    assert talk.a.hung_up == TRANSFERRED


@in_no_time
async def test_leg_self_moves_the_one_who_typed() -> None:
    node = {"module": "transfer", "data": {"target": "3001", "leg": "self"}}
    stage = Stage(devices={"1001": {"numbers": {"1": node}}}, refer="never")
    talk = await stage.talk()
    talk.b.press("*1")
    await settled()
    stage.dialer.legs[-1].answers()
    await settled()
    assert talk.a.hung_up == TRANSFERRED
    assert stage.mixer.hears(stage.dialer.legs[-1], talk.b)


@in_no_time
async def test_a_call_that_is_not_answered_cannot_be_transferred() -> None:
    stage = Stage(devices={"1001": BLIND})
    talk = await stage.rings(caller="1001", number="3000", peer="pbx")
    talk.a.press("*23001")
    await settled()
    assert stage.outcomes() == [("transfer", "failed")]
    talk.b.answers()
    await settled()
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_F53_a_transferor_that_hangs_up_runs_no_code_typed_half() -> None:
    stage = Stage(devices={"1001": {**BLIND, "fire_early": False}}, trunk={"refer": "never"})
    talk = await stage.talk()
    talk.b.press("*23001")
    await asyncio.sleep(1)
    target = stage.dialer.legs[-1]
    talk.b.press("*9")
    talk.b.hangs_up()
    await asyncio.sleep(1)
    assert len(stage.events("collector.matched")) == 1
    target.answers()
    await settled()
    assert stage.mixer.hears(talk.a, target)


@in_no_time
async def test_a_bug_while_the_target_answers_ends_that_call_and_leaves_no_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    monkeypatch.setattr(talk.call, "replace", lambda *legs: 1 / 0)
    target.answers()
    await settled()
    assert len(stage.events("call.failed")) == 1
    assert target.hung_up is not None
    assert (talk.call.legs, stage.exchange.calls) == (set(), {})


@in_no_time
@pytest.mark.parametrize("leaver", ["target", "transferee"])
async def test_what_happens_within_one_turn_of_the_loop_happens_in_its_order(leaver: str) -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    target.answers()
    assert stage.mixer.hears(talk.a, target)
    (target if leaver == "target" else talk.a).hangs_up()
    await settled()
    assert len(stage.events("transfer.completed")) == 1
    assert (talk.call.legs, stage.exchange.calls) == (set(), {})


@in_no_time
async def test_a_target_that_answers_while_it_is_told_to_stop_is_hung_up() -> None:
    stage = stage_of()
    talk, target = await transfer(stage)
    await asyncio.sleep(21)
    target.answers()
    await settled()
    assert target.hung_up is not None
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_the_target_is_sought_where_the_owner_of_the_code_lives() -> None:
    stage = Stage(devices={"1001": BLIND}, trunk={"refer": "never", "account": ACCOUNT})
    _, target = await transfer(stage)
    assert target.peer == "pbx"


@in_no_time
@pytest.mark.parametrize(("numbers", "called_at"), [("own", "trunk"), ("routed", "pbx")])
async def test_who_types_outside_is_connected_where_the_routes_of_his_side_say(numbers: str, called_at: str) -> None:
    stage = Stage(account=BLIND, trunk={"refer": "never", "account": ACCOUNT, "numbers": numbers}, refer="never")
    talk = await stage.talk(caller="1003")
    talk.a.press("*23001")
    await settled()
    assert stage.dialer.legs[-1].peer == called_at
