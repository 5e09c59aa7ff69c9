# SPDX-License-Identifier: GPL-3.0-or-later
"""park and unpark: the place, who fetches, who is rung when nobody does, and that nobody is left over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.call import CallState
from b2bua.calls.headers import Party
from b2bua.calls.leg import Invite, LegState
from b2bua.calls.reason import ELSEWHERE, PARKED, TRANSFERRED
from b2bua.calls.sounds import Tune
from b2bua.metaflows.context import Outcome
from b2bua.metaflows.executor import report_node
from b2bua.metaflows.permit import Permit
from b2bua.metaflows.session import listener
from config.settings import Park
from config.transfers import Transfers
from tests.b2bua.metaflows.stage import ACCOUNT, Stage, Talk, settled
from tests.fakes import FakeLeg, in_no_time

TUNE = Tune.HOLD_MUSIC.value
CODES = {"numbers": {"4": {"module": "park"}, "9": {"module": "record_call"}, "6": {"module": "resume"}},
         "patterns": {r"^7(\d+)$": {"module": "park"}, r"^5(\d+)$": {"module": "unpark"}}}


def stage_of(**park: Any) -> Stage:
    """Everybody of the account parks by *4 (or *7 and a place) and fetches by *5 and the place."""
    return Stage(account=CODES, park=Park(**{"slots": "701-703", "timeout_s": 60, **park}))


async def parked(stage: Stage, code: str = "*4") -> Talk:
    """1001 has parked the caller."""
    talk = await stage.talk()
    talk.b.press(code)
    await asyncio.sleep(1)
    await settled()
    return talk


def slots(stage: Stage) -> list[str]:
    """The places that are taken."""
    assert stage.parts.lot is not None
    return [stay.slot for stay in stage.parts.lot.of(ACCOUNT)]


@in_no_time
async def test_the_parked_party_hears_music_and_the_parker_is_released() -> None:
    stage = stage_of()
    talk = await parked(stage)
    assert slots(stage) == ["701"]
    assert talk.b.hung_up == PARKED
    assert stage.hears(talk.a) == [TUNE]
    assert talk.call.state is CallState.TALKING
    assert stage.events("call.parked") == [{"slot": "701"}]
    talk.a.hangs_up()
    await settled()
    assert (slots(stage), stage.exchange.calls) == ([], {})
    assert stage.events("call.unparked") == [{"slot": "701", "fetched": False}]


@in_no_time
async def test_places_are_given_out_in_order_and_may_be_named() -> None:
    stage = stage_of()
    for code in ("*4", "*4", "*742", "*4"):
        await parked(stage, code)
    assert slots(stage) == ["42", "701", "702", "703"]
    talk = await parked(stage)  # all are taken
    assert stage.mixer.hears(talk.a, talk.b)
    again = await parked(stage, "*742")
    assert stage.mixer.hears(again.a, again.b)
    assert stage.outcomes() == [("park", "failed"), ("park", "failed")]


@in_no_time
async def test_an_account_parks_so_many_at_once() -> None:
    stage = stage_of(max_per_account=1)
    await parked(stage)
    talk = await parked(stage, "*742")
    assert slots(stage) == ["701"]
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_somebody_else_fetches_by_code_and_leaves_his_own_call() -> None:
    stage = stage_of()
    talk = await parked(stage)
    other = await stage.talk(caller="2001", number="1002")
    other.b.press("*5701")
    await asyncio.sleep(1)
    assert stage.mixer.hears(talk.a, other.b)
    assert talk.call.legs == {talk.a, other.b}
    assert other.a.hung_up == TRANSFERRED
    assert (slots(stage), len(stage.exchange.calls), stage.hears(talk.a)) == ([], 1, [])
    assert stage.outcomes() == [("unpark", "answered"), ("park", "answered")]
    sides = [(moment.what, moment.side, moment.leg_id) for moment in talk.call.timeline.moments[2:]]
    assert sides == [("held", "a", talk.a.id), ("left", "b", talk.b.id), ("resumed", "a", talk.a.id),
                     ("joined", "b", other.b.id)]
    assert ("left", other.b.id) in [(moment.what, moment.leg_id) for moment in other.call.timeline.moments]
    talk.a.hangs_up()
    await settled()
    assert (other.b.state, stage.exchange.calls) == (LegState.ENDED, {})


@in_no_time
@pytest.mark.parametrize("fetcher", ["1001", "1002"])
async def test_who_has_fetched_has_his_codes(fetcher: str) -> None:
    stage = stage_of()
    await parked(stage)
    other = await stage.talk(caller="2001", number=fetcher)
    other.b.press("*5701")
    await asyncio.sleep(1)
    other.b.press("*9")
    await settled()
    assert stage.outcomes()[-1] == ("record_call", "started")
    other.b.press("*4")
    await asyncio.sleep(1)
    assert slots(stage) == ["701"]


@in_no_time
async def test_fetching_from_an_empty_place_leaves_the_call_as_it_was() -> None:
    stage = stage_of()
    talk = await parked(stage, "*5701")
    assert stage.outcomes() == [("unpark", "failed")]
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_an_endpoint_that_dials_the_place_has_the_party() -> None:
    stage = stage_of(pickup=r"\*7(\d+)")
    talk = await parked(stage)

    def dials(user: str, peer: str, number: str) -> FakeLeg:
        party = Party("", user, f"sip:{user}@{peer}")
        leg = FakeLeg(f"{user} dials {number}", peer, "inbound", party)
        stage.exchange.arrived(leg, Invite(number, party))
        return leg
    stranger, elsewhere = dials("9999", "trunk", "*7701"), dials("1002", "pbx", "*7702")
    assert slots(stage) == ["701"]
    leg = dials("1002", "pbx", "*7701")
    await settled()
    assert ("answer",) in leg.told
    assert stage.mixer.hears(talk.a, leg)
    assert slots(stage) == []
    for one in (stranger, elsewhere, leg):
        one.hangs_up()
    await settled()
    assert stage.exchange.calls == {}


@in_no_time
async def test_an_intercept_of_the_parked_leg_rings_a_device_for_it() -> None:
    stage = stage_of()
    talk = await parked(stage)
    node = {"module": "intercept", "data": {"target_type": "device", "target_id": "d1002", "unbridged_only": True}}
    run = asyncio.create_task(report_node(talk.call, talk.a, node, stage.parts))
    await settled()
    stage.dialer.legs[-1].answers()
    assert (await run).outcome is Outcome.ANSWERED
    await settled()
    assert stage.mixer.hears(talk.a, stage.dialer.legs[-1])
    assert slots(stage) == []


@in_no_time
async def test_who_fetches_while_an_intercept_rings_makes_it_stop() -> None:
    stage = stage_of()
    talk = await parked(stage)
    node = {"module": "intercept", "data": {"target_type": "device", "target_id": "d1002"}}
    run = asyncio.create_task(report_node(talk.call, talk.a, node, stage.parts))
    await settled()
    rung = stage.dialer.legs[-1]
    other = await stage.talk(caller="2001", number="1002")
    other.b.press("*5701")
    assert (await run).outcome is Outcome.FAILED
    await settled()
    assert stage.mixer.hears(talk.a, other.b)
    assert (rung.state, rung.hung_up) == (LegState.ENDED, ELSEWHERE)


# -- nobody fetches -----------------------------------------------------------------------------------------------


@in_no_time
async def test_after_the_time_out_the_parker_is_rung_and_has_the_party_again() -> None:
    stage = stage_of()
    talk = await parked(stage)
    await asyncio.sleep(61)
    back = stage.dialer.legs[-1]
    assert (back.number, back.state) == ("1001", LegState.TRYING)
    assert stage.hears(talk.a) == [TUNE]
    back.answers()
    await settled()
    assert stage.mixer.hears(talk.a, back)
    assert (slots(stage), stage.events("call.park_returned")) == ([], [{"slot": "701"}])


@in_no_time
async def test_a_parker_who_is_gone_is_followed_by_the_fallback() -> None:
    stage = stage_of(fallback="1002")
    talk = await parked(stage)
    await asyncio.sleep(61)
    stage.dialer.legs[-1].hangs_up(480, "Gone")
    await settled()
    fallback = stage.dialer.legs[-1]
    assert fallback.number == "1002"
    fallback.answers()
    await settled()
    assert stage.mixer.hears(talk.a, fallback)


@in_no_time
async def test_a_fallback_that_the_operator_forbids_is_not_rung() -> None:
    stage = stage_of(fallback="0900", rounds=1)
    stage.parts = replace(stage.parts, permit=Permit(Transfers(deny=("09.*",))))
    stage.exchange.listen = listener(stage.parts)
    talk = await parked(stage)
    await asyncio.sleep(90)
    assert [leg.number for leg in stage.dialer.legs[1:]] == ["1001"]
    assert talk.a.state is LegState.ENDED


@in_no_time
async def test_nobody_waits_for_ever() -> None:
    stage = stage_of(fallback="1002", rounds=2, ring_s=10)
    talk = await parked(stage)
    await asyncio.sleep(2 * (60 + 20) + 1)
    await settled()
    assert [leg.number for leg in stage.dialer.legs[1:]] == ["1001", "1002"] * 2
    assert (talk.a.state, slots(stage), stage.exchange.calls) == (LegState.ENDED, [], {})
    assert stage.outcomes() == [("park", "noanswer")]


@in_no_time
async def test_who_fetches_while_the_parker_is_rung_makes_it_stop() -> None:
    stage = stage_of()
    talk = await parked(stage)
    await asyncio.sleep(61)
    back = stage.dialer.legs[-1]
    other = await stage.talk(caller="2001", number="1002")
    other.b.press("*5701")
    await asyncio.sleep(1)
    assert stage.mixer.hears(talk.a, other.b)
    assert (back.state, back.hung_up) == (LegState.ENDED, ELSEWHERE)


@in_no_time
async def test_the_parked_partys_keys_and_resume_bring_no_dead_parker_back() -> None:
    stage = stage_of()
    talk = await parked(stage)
    talk.a.press("1*6")
    assert (await report_node(talk.call, talk.a, {"module": "resume"}, stage.parts)).outcome is Outcome.DONE
    assert stage.hears(talk.a) == [TUNE]


STEPS = st.lists(st.sampled_from(["park", "fetch", "parked ends", "rung answers", "rung ends", "fetcher ends", "wait",
                                  "wait long"]), min_size=1, max_size=12)


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_whatever_happens_to_a_parked_party_nobody_is_stranded(steps: list[str]) -> None:
    @in_no_time
    async def walk() -> None:
        stage = stage_of(timeout_s=30, ring_s=5, rounds=2)
        first, second = await stage.talk(), await stage.talk(caller="2001", number="1002")
        for name in steps:
            if name in ("park", "fetch"):
                leg: Any = {"park": first.b, "fetch": second.b}[name]
                if leg.state is LegState.UP:
                    leg.press("*4" if name == "park" else "*5701")
            elif name in ("parked ends", "fetcher ends"):
                {"parked ends": first.a, "fetcher ends": second.b}[name].hangs_up()
            elif name.startswith("rung"):
                for rung in stage.dialer.legs[2:]:
                    if rung.state is LegState.TRYING:
                        rung.answers() if name == "rung answers" else rung.hangs_up(486, "Busy")
            await asyncio.sleep({"wait": 1, "wait long": 31}.get(name, 0))
            await settled()
        await asyncio.sleep(120)
        await settled()
        legs = {first.a, second.a, *stage.dialer.legs}
        for call in stage.exchange.calls.values():
            assert call.b is not None
            assert stage.mixer.hears(call.a, call.b)
            assert call.legs == {call.a, call.b}
            legs -= call.legs
        assert all(leg.state is LegState.ENDED for leg in legs)
        assert slots(stage) == []
    walk()
