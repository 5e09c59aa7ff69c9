# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the call: every row, and that every other (state, who, event) changes nothing."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from b2bua.calls.call import Call, CallState
from b2bua.calls.digit import Digit, Source
from b2bua.calls.leg import (
    Answered,
    Ended,
    Held,
    InfoReceived,
    Leg,
    LegEvent,
    LegState,
    MediaChanged,
    Pressed,
    Progress,
    ReferProgress,
    Released,
    Trying,
)
from b2bua.calls.reason import BUG, HANGUP, METAFLOW_HANGUP, EndReason
from tests.b2bua.calls.stage import Stage, others, settled
from tests.fakes import FakeLeg, in_no_time

DIALING, RINGING, TALKING, ENDING, ENDED = CallState
DIGIT = Digit("5", Source.RFC4733, 0.0)
EVENTS: dict[str, LegEvent] = {
    "trying": Trying(),
    "progress": Progress(180, "Ringing", False), "early media": Progress(183, "", True), "answered": Answered(),
    "media": MediaChanged(), "held": Held(True), "pressed": Pressed(DIGIT), "released": Released(DIGIT, 100),
    "refer": ReferProgress(202, "", False, False), "info": InfoReceived("text/plain", "hi"),
    "ended": Ended(EndReason.from_code(200, "bye")),
}
TABLE = {
    (DIALING, "b", "progress"): RINGING, (DIALING, "b", "early media"): RINGING,
    (RINGING, "b", "progress"): RINGING, (RINGING, "b", "early media"): RINGING,
    (DIALING, "b", "answered"): TALKING, (RINGING, "b", "answered"): TALKING,
    **{(state, who, "ended"): ENDING for state in (DIALING, RINGING, TALKING) for who in "ab"},
}
PASSED_ON = {"held": ("hold", True), "info": ("info", "text/plain", "hi")}


async def call_in(state: CallState) -> tuple[Call, dict[str, FakeLeg]]:
    """A call in that state with a third leg beside its pair."""
    stage = Stage()
    call, a, b = stage.calls()
    stage.exchange.dial(call, "pbx", "1002")
    legs = {"a": a, "b": b, "extra": stage.dialer.legs[-1]}
    if state is not DIALING:
        b.rings()
    if state in (TALKING, ENDING, ENDED):
        b.answers()
    if state in (ENDING, ENDED):
        call.end(HANGUP)
    if state is ENDED:
        await settled()
    for leg in legs.values():
        leg.told.clear()
    assert call.state is state
    return call, legs


def happens(leg: FakeLeg, event: LegEvent) -> None:
    if isinstance(event, Ended):
        leg.hangs_up()
    else:
        leg.emit(event)


@pytest.mark.parametrize(("state", "who", "what"), list(itertools.product(CallState, ("a", "b", "extra"), EVENTS)))
@in_no_time
async def test_every_state_and_event(state: CallState, who: str, what: str) -> None:
    call, legs = await call_in(state)
    happens(legs[who], EVENTS[what])
    row = (state, who, what)
    assert call.state is TABLE.get(row, state)
    told = {name: leg.told for name, leg in legs.items() if leg.told}
    partner = {"a": "b", "b": "a"}.get(who)
    if row not in TABLE:
        passes = what in PASSED_ON and partner is not None and state not in (ENDING, ENDED)
        assert told == ({partner: [PASSED_ON[what]]} if passes else {})
    call.end(HANGUP)
    await settled()
    assert call.state is ENDED
    assert others() == set()


@in_no_time
async def test_progress_goes_to_the_caller_and_early_media_joins_them() -> None:
    stage = Stage()
    _, a, b = stage.calls()
    b.rings(180)
    b.port = a.port = None
    b.emit(MediaChanged())
    assert a.told == [("ring", 180)]
    a.port, b.port = 71, 72
    b.emit(Progress(183, "", True))
    assert stage.mixer.hears(a, b)


@in_no_time
async def test_an_answer_answers_the_caller_and_they_talk() -> None:
    stage = Stage()
    call, a, b = stage.talks()
    assert a.told == [("answer",)]
    assert stage.mixer.hears(a, b)
    answered, = stage.events("call.answered")
    assert answered["direction"] == "inbound"
    assert answered["setup_s"] >= 0
    await asyncio.wait_for(call.answered(), 0.1)


@pytest.mark.parametrize("who", ["a", "b"])
@in_no_time
async def test_a_BYE_from_either_side_ends_the_other(who: str) -> None:
    stage = Stage()
    call, a, b = stage.talks()
    leg, other = (a, b) if who == "a" else (b, a)
    leg.hangs_up()
    assert not stage.mixer.hears(a, b)
    await settled()
    assert other.hung_up is leg.reason
    assert call.state is ENDED
    assert (stage.ended()["result"], stage.ended()["answered"]) == ("completed", True)


@in_no_time
async def test_digits_and_hold_cross_by_default_but_not_to_a_leg_that_has_gone() -> None:
    stage = Stage()
    _, a, b = stage.talks()
    a.press("5#")
    b.holds(True)
    assert b.sent == "5#"
    assert a.told[-1] == ("hold", True)
    b.state = LegState.ENDED
    a.emit(InfoReceived("x/y", ""))
    assert b.told == []


@in_no_time
async def test_a_leg_of_the_pair_is_replaced_and_the_old_one_may_go() -> None:
    stage = Stage()
    call, a, b = stage.talks()
    stage.exchange.dial(call, "pbx", "1002")
    c = stage.dialer.legs[-1]
    c.answers()
    call.replace(b, c)
    assert stage.mixer.hears(a, c)
    assert not stage.mixer.hears(a, b)
    assert (call.other(a), call.other(c), call.other(b)) == (c, a, None)
    b.hangs_up()
    assert call.state is TALKING
    c.hangs_up(486)
    await settled()
    assert (call.state, a.hung_up) == (ENDED, c.reason)
    with pytest.raises(ValueError, match="not of the pair"):
        call.replace(b, c)


@in_no_time
async def test_the_guard_keeps_the_end_of_a_leg_and_afterwards_the_call_fits_its_pair() -> None:
    stage = Stage()
    call, a, b = stage.talks()
    kept: list[tuple[Leg, LegEvent]] = []

    def guard(leg: Leg, event: LegEvent) -> bool:
        kept.append((leg, event))
        return True

    with call.guarded(guard):
        assert call.is_guarded
        b.hangs_up(486)
        assert call.state is TALKING
        with pytest.raises(RuntimeError), call.guarded(guard):
            pass
    assert kept == [(b, Ended(EndReason.from_code(486, "")))]
    assert not call.is_guarded
    await settled()
    assert (call.state, a.hung_up) == (ENDED, b.reason)


@pytest.mark.parametrize("who", ["a", "b"])
@in_no_time
async def test_a_guard_in_a_call_that_rings_does_not_leave_it_without_one_side(who: str) -> None:
    stage = Stage()
    call, a, b = stage.calls()
    b.rings()
    with call.guarded(lambda leg, event: True):
        (a if who == "a" else b).hangs_up(487)
    await settled()
    assert call.state is ENDED


@in_no_time
async def test_a_leg_that_a_guarded_coroutine_replaced_keeps_the_call() -> None:
    stage = Stage()
    call, a, b = stage.talks()
    with call.guarded(lambda leg, event: isinstance(event, Ended)):
        b.hangs_up()
        stage.exchange.dial(call, "pbx", "1002")
        c = stage.dialer.legs[-1]
        c.answers()
        call.replace(b, c)
    assert call.state is TALKING
    assert stage.mixer.hears(a, c)


@in_no_time
async def test_tasks_of_a_call_end_with_it_and_a_bug_in_one_ends_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    call, _, _ = stage.talks()
    cleaned: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            cleaned.append("waits")

    async def fails() -> None:
        raise RuntimeError("no")

    call.task(waits(), "waits")
    call.task(fails(), "fails")
    await settled()
    assert call.state is TALKING
    assert f"fails of call {call.id} failed" in caplog.text
    call.end(METAFLOW_HANGUP)
    await settled()
    assert cleaned == ["waits"]
    assert others() == set()


@in_no_time
async def test_a_task_that_comes_too_late_does_not_run() -> None:
    stage = Stage()
    call, _, _ = stage.talks()
    call.end(METAFLOW_HANGUP)
    task = call.task(asyncio.sleep(1000), "late")
    await settled()
    assert task.cancelled()


@in_no_time
async def test_a_leg_that_is_added_too_late_is_hung_up() -> None:
    stage = Stage()
    call, _, _ = stage.talks()
    call.end(METAFLOW_HANGUP)
    stage.exchange.dial(call, "pbx", "1002")
    await settled()
    assert stage.dialer.legs[-1].hung_up is METAFLOW_HANGUP
    assert stage.exchange.calls == {}


@in_no_time
async def test_the_first_reason_stays_and_everybody_is_told_once() -> None:
    stage = Stage()
    call, a, _ = stage.talks()
    told: list[Call] = []
    call.on_ended(told.append)
    call.end(METAFLOW_HANGUP)
    call.end(BUG)
    await settled()
    call.end(BUG)
    assert (a.hung_up, call.reason, told) == (METAFLOW_HANGUP, METAFLOW_HANGUP, [call])
    assert len(stage.events("call.ended")) == 1
