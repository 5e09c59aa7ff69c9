# SPDX-License-Identifier: GPL-3.0-or-later
"""hold, resume, hold_control, and a phone's own hold with our music: who hears what, and what ends it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.sounds import Tune
from b2bua.metaflows.context import Outcome
from b2bua.metaflows.executor import report_node
from b2bua.metaflows.session import listener
from tests.b2bua.metaflows.stage import Stage, Talk, settled
from tests.fakes import in_no_time

TUNE = Tune.HOLD_MUSIC.value


def stage_of(hold: dict[str, Any] | None = None, **more: Any) -> Stage:
    """*4 holds, *5 resumes, *6 holds or not by SIP, *7 transfers to 1002, *8 moves."""
    return Stage(devices={"1001": {"numbers": {
        "4": {"module": "hold", "data": hold or {}}, "5": {"module": "resume"}, "6": {"module": "hold_control"},
        "7": {"module": "transfer", "data": {"target": "1002"}}, "8": {"module": "move"}}}}, **more)


async def held(stage: Stage, code: str = "*4") -> Talk:
    """1001 (the callee) has put the caller on hold."""
    talk = await stage.talk()
    talk.b.press(code)
    await settled()
    assert not stage.mixer.hears(talk.a, talk.b)
    return talk


@in_no_time
@pytest.mark.parametrize(("data", "holder", "party"), [
    ({}, [], [TUNE]),
    ({"moh_aleg": "x"}, ["x"], ["x"]),
    ({"moh_aleg": "x", "moh_bleg": "y"}, ["x"], ["y"]),
    ({"moh_bleg": "y"}, [], ["y"]),
    ({"moh_aleg": "gone", "moh_bleg": "gone"}, [], [TUNE]),
])
async def test_F70_B16_each_hears_what_is_his(data: dict[str, str], holder: list[str], party: list[str]) -> None:
    stage = stage_of(data)
    stage.library.missing.add("gone")
    talk = await held(stage)
    assert (stage.hears(talk.b), stage.hears(talk.a)) == (holder, party)
    assert all(playing.loop for playing in stage.player.made)


@in_no_time
async def test_F71_the_unhold_key_of_the_holder_ends_it() -> None:
    stage = stage_of({"unhold_key": "9"})
    talk = await held(stage)
    talk.a.press("9")  # the held party's key is none
    talk.b.press("1")
    assert not stage.mixer.hears(talk.a, talk.b)
    talk.b.press("9")
    assert stage.mixer.hears(talk.a, talk.b)
    assert stage.hears(talk.a) == []
    await settled()
    assert (talk.a.sent, talk.b.sent) == ("", "")  # no key crosses a hold


@in_no_time
async def test_the_unhold_key_defaults_to_1_and_wins_over_a_binding_digit() -> None:
    stage = Stage(devices={"1001": {"binding_digit": "1", "digit_timeout": 100, "numbers": {
        "4": {"module": "hold"}, "1": {"module": "hangup"}}}})
    talk = await stage.talk()
    talk.b.press("14")
    await settled()
    talk.b.press("1")
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_a_key_inside_a_code_belongs_to_the_code() -> None:
    stage = stage_of({"unhold_key": "5"})
    talk = await held(stage)
    talk.b.press("*5")
    assert stage.events("metaflow.ended")[-1]["module"] == "hold"
    await settled()
    assert stage.outcomes()[-1] == ("resume", "done")


@in_no_time
@pytest.mark.parametrize("name", ["hold", "hold_control"])
async def test_F72_resume_brings_them_together_and_is_harmless_otherwise(name: str) -> None:
    stage = stage_of()
    talk = await held(stage, {"hold": "*4", "hold_control": "*6"}[name])
    talk.b.press("*5*5")
    await settled()
    assert stage.mixer.hears(talk.a, talk.b)
    assert stage.outcomes()[1:] == [("resume", "done"), ("resume", "done")]
    assert [event["kind"] for event in stage.events("call.resumed")] == [{"hold": "soft", "hold_control": "sip"}[name]]


@in_no_time
async def test_F73_hold_control_holds_the_leg_in_sip() -> None:
    stage = stage_of()
    talk = await held(stage, "*6")
    assert talk.b.told[-1] == ("hold", True)
    assert stage.hears(talk.a) == [TUNE]
    talk.b.press("*6")
    await settled()
    assert talk.b.told[-1] == ("hold", False)
    assert stage.mixer.hears(talk.a, talk.b)
    for action, told in (("unhold", 2), ("hold", 3), ("hold", 3), ("unhold", 4)):
        node = {"module": "hold_control", "data": {"action": action}}
        assert (await report_node(talk.call, talk.b, node, stage.parts)).outcome is Outcome.DONE
        assert len([verb for verb, *_ in talk.b.told if verb == "hold"]) == told


@in_no_time
@pytest.mark.parametrize("who", ["a", "b"])
@pytest.mark.parametrize("code", ["*4", "*6"])
async def test_whoever_hangs_up_on_hold_nobody_is_left_over(who: str, code: str) -> None:
    stage = stage_of()
    talk = await held(stage, code)
    getattr(talk, who).hangs_up()
    await settled()
    assert talk.call.state is CallState.ENDED
    assert (stage.hears(talk.a), stage.hears(talk.b)) == ([], [])


@in_no_time
async def test_a_transfer_out_of_hold_ends_it() -> None:
    stage = stage_of(trunk={"refer": "never"})
    talk = await held(stage)
    talk.b.press("*7")
    await settled()
    target = stage.dialer.legs[-1]
    assert stage.hears(talk.a) == [TUNE]
    target.answers()
    await settled()
    assert stage.mixer.hears(talk.a, target)
    assert stage.hears(talk.a) == []
    assert talk.b.state is LegState.ENDED


@in_no_time
async def test_nobody_is_held_before_the_answer() -> None:
    stage = stage_of()
    talk = await stage.rings()
    report = await report_node(talk.call, talk.a, {"module": "hold"}, stage.parts)
    assert (report.outcome, talk.call.holding) == (Outcome.FAILED, None)


@in_no_time
@pytest.mark.parametrize(("documents", "name"), [
    ({}, TUNE),
    ({"account": "acc"}, "acc"),
    ({"account": "acc", "device": "dev"}, "dev"),
    ({"account": "acc", "device": "dev", "user": "usr"}, "usr"),
])
async def test_music_is_the_users_the_devices_the_accounts_or_ours(documents: dict[str, str], name: str) -> None:
    stage = stage_of()
    music = {kind: {"music_on_hold": {"media_id": media}} for kind, media in documents.items()}
    account = {"id": "a" * 32, **music.get("account", {}), "users": [{"id": "u1", **music.get("user", {})}],
               "devices": [{"id": "d1001", "owner_id": "u1", "numbers": ["1001"], "metaflows": {
                   "numbers": {"4": {"module": "hold"}}}, **music.get("device", {})}]}
    stage.exchange.directory = stage.exchange.directory.changed([account])
    assert stage.hears((await held(stage)).a) == [name]


@in_no_time
async def test_where_no_document_says_the_operators_music_is_heard() -> None:
    stage = stage_of()
    stage.parts = replace(stage.parts, hold_music="op")
    stage.exchange.listen = listener(stage.parts)
    assert stage.hears((await held(stage)).a) == ["op"]


# -- a phone's own hold -------------------------------------------------------------------------------------------


@in_no_time
async def test_a_phones_hold_goes_on_to_the_partner_where_the_peer_says_pass() -> None:
    stage = stage_of()
    talk = await stage.talk()
    talk.b.holds(True)
    talk.b.holds(False)
    assert talk.a.told[-2:] == [("hold", True), ("hold", False)]
    assert stage.player.made == []


@in_no_time
async def test_a_phones_hold_with_our_music_leaves_the_partners_phone_alone() -> None:
    stage = stage_of(hold_music="ours")
    talk = await stage.talk()
    talk.b.holds(True)
    await settled()
    assert stage.hears(talk.a) == [TUNE]
    talk.b.holds(False)
    assert stage.mixer.hears(talk.a, talk.b)
    assert "hold" not in [verb for verb, *_ in talk.a.told]
    assert [moment.what for moment in talk.call.timeline.moments] == ["joined", "joined", "held", "resumed"]


@in_no_time
@pytest.mark.parametrize("first", ["a", "b"])
async def test_two_phones_that_hold_each_other_must_both_resume(first: str) -> None:
    stage = stage_of(hold_music="ours", trunk={"hold_music": "ours"})
    talk = await stage.talk()
    legs = {"a": talk.a, "b": talk.b}
    for leg in legs.values():
        leg.holds(True)
        await settled()
    one, other = legs.pop(first), legs.popitem()[1]
    one.holds(False)
    await settled()
    assert (stage.hears(one), stage.hears(other)) == ([TUNE], [])
    assert not stage.mixer.hears(one, other)
    other.holds(False)
    await settled()
    assert stage.mixer.hears(one, other)
    assert (stage.hears(one), stage.hears(other)) == ([], [])


STEPS = st.lists(st.sampled_from(["*4", "*5", "*6", "*7", "*8", "1", "b holds", "b resumes", "a holds", "a resumes",
                                  "a ends", "b ends", "target answers", "target ends", "later"]), max_size=14)


async def step(stage: Stage, talk: Talk, name: str) -> None:
    """One thing that may happen at any time; what cannot happen does nothing."""
    call = talk.call
    legs = {"a": call.a, "b": call.b}
    who, _, verb = name.partition(" ")
    if name in ("*4", "*5", "*6", "*7", "*8", "1") and talk.b.state is LegState.UP:
        talk.b.press(name)
    elif who in legs and legs[who] is not None and legs[who].state is LegState.UP:
        leg: Any = legs[who]
        leg.hangs_up() if verb == "ends" else leg.holds(verb == "holds")
    elif who == "target":
        for leg in [leg for leg in stage.dialer.legs[1:] if leg.state in (LegState.TRYING, LegState.EARLY)][:1]:
            leg.answers() if verb == "answers" else leg.hangs_up(486, "Busy")
    await settled()


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from(["ours", "pass"]))
def test_whatever_happens_in_a_hold_nobody_is_stranded(steps: list[str], hold_music: str) -> None:
    @in_no_time
    async def walk() -> None:
        stage = stage_of(hold_music=hold_music, trunk={"refer": "never"})
        talk = await stage.talk()
        for name in steps:
            await step(stage, talk, name)
            call = talk.call
            pair = [leg for leg in (call.a, call.b) if leg is not None and leg.state is LegState.UP]
            if call.holding is None and not call.is_over and len(pair) == 2:
                assert stage.mixer.hears(*pair)
                assert not any(stage.hears(leg) for leg in pair)
        for leg in list(talk.call.legs):
            leg.hangs_up()  # type: ignore[attr-defined]
        await settled()
        assert (stage.exchange.calls, talk.call.legs) == ({}, set())
    if steps:
        walk()


@in_no_time
async def test_F72_resume_by_the_api_calls_an_attended_transfer_off() -> None:
    stage = stage_of()
    talk = await stage.talk()
    node = {"module": "transfer", "data": {"target": "1002", "transfer_type": "attended"}}
    run = asyncio.create_task(report_node(talk.call, talk.b, node, stage.parts))
    await settled()
    assert not stage.mixer.hears(talk.a, talk.b)
    assert (await report_node(talk.call, talk.b, {"module": "resume"}, stage.parts)).outcome is Outcome.DONE
    await settled()
    assert stage.mixer.hears(talk.a, talk.b)
    assert stage.dialer.legs[-1].state is LegState.ENDED
    assert (await run).outcome is Outcome.TAKEBACK
    assert talk.call.legs == {talk.a, talk.b}
