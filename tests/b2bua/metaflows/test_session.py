# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes in a live call: who is listened to, what the far party hears, what runs."""

from __future__ import annotations

import asyncio

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.digit import Source
from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import in_no_time

RECORD = {"module": "record_call", "data": {"action": "toggle"}}
CODES = {"numbers": {"9": RECORD, "0": {"module": "hangup"}}}


@in_no_time
async def test_F33_without_metaflows_digits_pass_untouched() -> None:
    stage = Stage()
    talk = await stage.talk()
    talk.b.press("*9")
    talk.a.press("1#")
    await settled()
    assert (talk.a.sent, talk.b.sent) == ("*9", "1#")
    assert stage.events("collector.") == []
    assert [event["source"] for event in stage.events("digit.heard")] == ["rfc4733"] * 4


@in_no_time
async def test_B23_a_document_without_codes_collects_nothing() -> None:
    stage = Stage(account={"binding_digit": "*"})
    talk = await stage.talk()
    talk.b.press("*2")
    await asyncio.sleep(1)
    assert talk.a.sent == "*2"
    assert stage.outcomes() == []


@in_no_time
async def test_F34_F36_self_is_the_owner_whether_caller_or_callee() -> None:
    stage = Stage(devices={"1001": CODES})
    called = await stage.talk(number="1001")
    called.b.press("*9")
    calling = await stage.talk(caller="1001", number="3000", peer="pbx")
    calling.a.press("*9")
    await settled()
    assert set(stage.recorder.live) == {called.call, calling.call}
    called.a.press("*9")  # the stranger has no codes
    await settled()
    assert called.b.sent == "*9"
    assert set(stage.recorder.live) == {called.call, calling.call}


@in_no_time
async def test_F35_peer_listens_to_the_other_leg_only() -> None:
    stage = Stage(devices={"1001": {**CODES, "listen_on": "peer"}})
    talk = await stage.talk()
    talk.b.press("*9")
    await settled()
    assert (talk.a.sent, stage.recorder.made) == ("*9", [])
    talk.a.press("*9")
    await settled()
    assert (talk.b.sent, len(stage.recorder.made)) == ("", 1)
    assert stage.recorder.made[0].options.left is talk.b  # the owner of the codes stands left


@in_no_time
async def test_F35_B4_both_listens_to_each_leg_on_its_own() -> None:
    stage = Stage(devices={"1001": {"numbers": {"1": RECORD, "12": RECORD}, "listen_on": "both"}})
    talk = await stage.talk()
    talk.a.press("*")
    await asyncio.sleep(0.5)
    talk.b.press("*1")
    await asyncio.sleep(0.5)  # a's time is up, b's is not
    assert [event["listen"] for event in stage.events("collector.rejected")] == ["peer"]
    assert talk.b.sent == "*"
    talk.b.press("2")
    await settled()
    assert stage.outcomes() == [("record_call", "started")]
    assert [event["digits"] for event in stage.events("collector.matched")] == [3]


@in_no_time
async def test_F37_caller_and_callee_have_their_own_codes() -> None:
    stage = Stage(devices={"1001": {"binding_digit": "#", "numbers": {"1": RECORD}},
                           "1002": {"binding_digit": "*", "numbers": {"1": {"module": "hangup"}}}})
    talk = await stage.talk(caller="1001", number="1002", peer="pbx")
    talk.b.press("#1")  # the caller's code, typed by the callee
    await asyncio.sleep(1)
    assert (talk.a.sent, stage.outcomes()) == ("#1", [])
    talk.a.press("#1")
    await settled()
    assert stage.outcomes() == [("record_call", "started")]


@in_no_time
async def test_both_collect_when_two_listen_on_one_leg() -> None:
    """Caller `peer` and callee `self`: both run, and what one of them rejects stays hidden by the other."""
    stage = Stage(devices={"1001": {"listen_on": "peer", "numbers": {"1": RECORD}},
                           "1002": {"numbers": {"12": {"module": "say"}}}})
    talk = await stage.talk(caller="1001", number="1002", peer="pbx")
    talk.b.press("*12")
    await asyncio.sleep(2)
    assert stage.outcomes() == [("record_call", "started"), ("say", "unavailable")]
    assert talk.a.sent == ""


@in_no_time
async def test_F53_hangup_discards_what_was_typed_half() -> None:
    stage = Stage(devices={"1001": {**CODES, "fire_early": False}})
    talk = await stage.talk()
    talk.b.press("*9")
    talk.b.hangs_up()
    await asyncio.sleep(2)
    assert talk.call.state is CallState.ENDED
    assert (stage.outcomes(), talk.a.sent) == ([], "")


@in_no_time
async def test_F53_what_a_leg_typed_half_is_not_finished_by_the_one_that_takes_its_place() -> None:
    stage = Stage(devices={"1001": {**CODES, "listen_on": "both"}})
    talk = await stage.talk(number="1001")
    talk.a.press("*")
    talk.b.press("*")
    target = stage.dial(talk, "pbx", "1002")
    talk.call.replace(talk.a, target)
    target.press("9")
    await settled()
    assert (stage.outcomes(), talk.b.sent) == ([], "9")
    talk.b.press("9")  # the other side's code is none the worse
    await settled()
    assert stage.outcomes() == [("record_call", "started")]


@in_no_time
async def test_F54_F55_F40_collectors_follow_their_party_and_a_transfers_target_has_none() -> None:
    stage = Stage(devices={"1001": {**CODES, "listen_on": "both"}, "1002": CODES})
    talk = await stage.talk(number="1001")
    target = stage.dial(talk, "pbx", "1002")
    talk.call.replace(talk.a, target)
    target.press("*9")  # heard for 1001 as its new peer, and by nobody as 1002's own
    await settled()
    assert [event["endpoint_id"] for event in stage.events("collector.matched")] == ["d1001"]
    talk.b.press("*9")
    await settled()
    assert stage.outcomes() == [("record_call", "started"), ("record_call", "stopped")]


@in_no_time
async def test_F56_B6_codes_follow_the_user_to_another_of_his_devices() -> None:
    stage = Stage(users={"u1": CODES})
    talk = await stage.talk(number="1001")
    moved = stage.dial(talk, "pbx", "1003")
    talk.call.replace(talk.b, moved)
    moved.press("*9")
    await settled()
    assert stage.outcomes() == [("record_call", "started")]


@in_no_time
async def test_A2_a_collector_ends_with_its_party() -> None:
    stage = Stage(users={"u1": {**CODES, "listen_on": "peer"}})
    talk = await stage.talk(number="1001")
    talk.call.replace(talk.b, stage.dial(talk, "pbx", "1002"))
    talk.a.press("*9")
    await settled()
    assert stage.outcomes() == []


@in_no_time
async def test_F57_codes_are_heard_by_every_source() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    for source in (Source.RFC4733, Source.INFO, Source.INBAND):
        talk.b.press("*9", source)
        await settled()
    assert stage.outcomes() == [("record_call", outcome) for outcome in ("started", "stopped", "started")]
    assert {event["source"] for event in stage.events("digit.heard")} == {"rfc4733", "info", "inband"}


@in_no_time
async def test_F32_changes_apply_to_later_calls() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    stage.exchange.directory = Stage().exchange.directory
    talk.b.press("*9")
    await settled()
    assert stage.outcomes() == [("record_call", "started")]


@in_no_time
async def test_A8_digits_are_not_told_unless_the_operator_wants_it() -> None:
    quiet, loud = Stage(devices={"1001": CODES}), Stage(devices={"1001": CODES}, log_digits=True)
    for stage in (quiet, loud):
        talk = await stage.talk()
        talk.b.press("*9")
        await settled()
    assert all("digit" not in event for event in quiet.events("digit.heard"))
    assert [event["digit"] for event in loud.events("digit.heard")] == ["*", "9"]
    assert "key" not in quiet.events("collector.matched")[0]
    assert loud.events("collector.matched")[0]["key"] == "9"


@in_no_time
async def test_A4_feedback_is_heard_by_the_presser() -> None:
    stage = Stage(devices={"1001": {**CODES, "feedback": "tones"}})
    talk = await stage.talk()
    talk.b.press("*9")
    await settled()
    talk.b.press("*5")
    await settled()
    talk.b.press("*")
    await asyncio.sleep(1)
    assert stage.tones.played == [("accepted", talk.b.id), ("rejected", talk.b.id)]


@in_no_time
async def test_stored_metaflows_that_cannot_be_used_cost_their_codes_only(caplog: pytest.LogCaptureFixture) -> None:
    good = {"patterns": {"(": RECORD, "^9$": RECORD}}
    stage = Stage(devices={"1001": {**CODES, "binding_digit": "??"}, "1002": good})
    talk, other = await stage.talk(number="1001"), await stage.talk(number="1002")
    talk.b.press("*9")
    other.b.press("*9")
    await settled()
    assert (talk.a.sent, set(stage.recorder.live)) == ("*9", {other.call})
    assert "cannot be used" in caplog.text


@in_no_time
async def test_what_one_collector_rejects_stays_hidden_while_another_waits() -> None:
    stage = Stage(devices={"1001": {"numbers": {"5": RECORD}, "listen_on": "peer"},
                           "1002": {"numbers": {"12": RECORD}}})
    talk = await stage.talk(caller="1001", number="1002", peer="pbx")
    talk.b.press("*1")
    await asyncio.sleep(0.5)
    assert (len(stage.events("collector.rejected")), talk.a.sent) == (1, "")
    await asyncio.sleep(1)
    assert talk.a.sent == "*1"


@in_no_time
async def test_two_devices_of_one_user_do_not_inherit_from_each_other() -> None:
    stage = Stage(users={"u1": CODES})
    talk = await stage.talk(caller="1001", number="1003", peer="pbx")
    talk.call.replace(talk.a, stage.dial(talk, "trunk", "3000"))
    talk.b.press("*9")
    await settled()
    assert stage.outcomes() == [("record_call", "started")]


@in_no_time
async def test_what_a_vanished_party_held_of_its_peer_goes_on() -> None:
    stage = Stage(devices={"1001": {"numbers": {"12": RECORD}, "listen_on": "peer"}})
    talk = await stage.talk()
    talk.a.press("*1")
    target = stage.dial(talk, "pbx", "1002")
    talk.call.replace(talk.b, target)
    assert target.sent == "*1"
