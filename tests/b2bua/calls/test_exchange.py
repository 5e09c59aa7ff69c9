# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls through the exchange: who is let in, who is called, how calls end, and that nothing is left over."""

from __future__ import annotations

import asyncio

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import METAFLOW_HANGUP, RING_TIMEOUT, SHUTDOWN, EndReason
from tests.b2bua.calls.stage import ACCOUNT, Stage, others, settled
from tests.fakes import FakeLeg, in_no_time


@in_no_time
async def test_an_INVITE_goes_on_with_number_identity_codecs_and_one_hop_less() -> None:
    stage = Stage()
    call, _, b = stage.calls("1001", ("Max-Forwards", "5"), ("X-Colour", "red"), ("Contact", "<sip:x>"))
    assert b.dialed is not None
    assert (b.dialed.peer, b.dialed.number, b.dialed.caller.user) == ("pbx", "1001", "2000")
    assert b.dialed.codecs == ("pcmu/8000",)
    assert list(b.dialed.headers) == [("X-Colour", "red"), ("Max-Forwards", "4")]
    assert (call.account_id, call.direction) == (ACCOUNT, "inbound")
    assert stage.exchange.find(b.id) == (call, b)


@in_no_time
async def test_RFC7332_without_Max_Forwards_there_are_seventy_hops() -> None:
    _, _, b = Stage().calls()
    assert b.dialed is not None
    assert list(b.dialed.headers) == [("Max-Forwards", "69")]


@pytest.mark.parametrize(("number", "fields", "code"), [
    ("no-number", (), 404), ("", (), 404), ("1001", (("Max-Forwards", "0"),), 483)])
@in_no_time
async def test_what_cannot_go_anywhere_is_refused(number: str, fields: tuple[tuple[str, str], ...], code: int) -> None:
    stage = Stage()
    a = stage.arrives(number, *fields)
    await settled()
    assert a.hung_up is not None
    assert a.hung_up.code == code
    assert [event["code"] for event in stage.events("call.refused")] == [code]
    assert (stage.exchange.calls, stage.dialer.legs, stage.events("call.started")) == ({}, [], [])


@in_no_time
async def test_more_than_max_calls_get_503_until_one_ends() -> None:
    stage = Stage(max_calls=1)
    call, _, _ = stage.calls()
    refused = stage.arrives()
    assert refused.hung_up is not None
    assert refused.hung_up.code == 503
    call.end(METAFLOW_HANGUP)
    await settled()
    stage.calls()


@in_no_time
async def test_a_refusal_crosses_with_code_and_Reason() -> None:
    stage = Stage()
    _, a, b = stage.calls()
    why = EndReason.from_code(486, "Busy Here", "Q.850;cause=17")
    b.ends(why)
    await settled()
    assert a.hung_up is why
    assert {key: stage.ended()[key] for key in ("result", "code", "answered")} == {
        "result": "busy", "code": 486, "answered": False}


@in_no_time
async def test_a_CANCEL_cancels_the_other_side() -> None:
    stage = Stage()
    _, a, b = stage.calls()
    b.rings()
    a.hangs_up(487)
    await settled()
    assert b.hung_up is a.reason
    assert stage.ended()["result"] == "cancelled"
    assert stage.exchange.calls == {}


@pytest.mark.parametrize("first", ["CANCEL", "200"])
@in_no_time
async def test_glare_of_CANCEL_and_200_leaves_nobody_behind(first: str) -> None:
    stage = Stage()
    _, a, b = stage.calls()
    b.rings()
    for what in ("CANCEL", "200") if first == "CANCEL" else ("200", "CANCEL"):
        if what == "200":
            b.answers()
        else:
            a.hangs_up(487)
    await settled()
    assert b.hung_up is not None
    assert b.state is LegState.ENDED
    assert ("answer",) not in a.told or first == "200"
    assert (stage.exchange.calls, stage.mixer.hears(a, b), others()) == ({}, False, set())


@pytest.mark.parametrize(("rings", "after_s"), [(True, 60), (False, 32)])
@in_no_time
async def test_ring_and_silent_time_outs_give_408_and_CANCEL(rings: bool, after_s: float) -> None:
    stage = Stage(ring_timeout_s=60, silent_timeout_s=32)
    _, a, b = stage.calls()
    if rings:
        b.rings()
    await asyncio.sleep(after_s - 0.1)
    assert a.hung_up is None
    await asyncio.sleep(0.2)
    assert a.hung_up is RING_TIMEOUT
    assert b.hung_up is RING_TIMEOUT
    assert (stage.ended()["result"], stage.ended()["code"]) == ("noanswer", 408)


@pytest.mark.parametrize(("expires", "after_s", "code"), [("20", 20, 487), ("90", 60, 408), ("soon", 60, 408)])
@in_no_time
async def test_an_INVITE_that_expires_before_it_is_answered_gets_487(expires: str, after_s: float, code: int) -> None:
    stage = Stage(ring_timeout_s=60, silent_timeout_s=32)
    _, a, b = stage.calls("1001", ("Expires", expires))
    b.rings()
    await asyncio.sleep(after_s - 0.1)
    assert a.hung_up is None
    await asyncio.sleep(0.2)
    assert a.hung_up is b.hung_up
    assert a.hung_up is not None
    assert a.hung_up.code == code


@in_no_time
async def test_an_answered_call_has_no_timer_left() -> None:
    stage = Stage(ring_timeout_s=60, silent_timeout_s=32)
    call, _, _ = stage.talks()
    await settled()
    assert others() == set()
    await asyncio.sleep(1000)
    assert call.state is CallState.TALKING


@in_no_time
async def test_an_INVITE_that_cannot_be_sent_ends_the_call_with_its_reason() -> None:
    stage = Stage()
    stage.dialer.refusal = EndReason.from_code(503, "no transport")
    a = stage.arrives()
    await settled()
    assert a.hung_up is stage.dialer.refusal
    assert stage.exchange.calls == {}


class Stillborn(FakeLeg):
    """An INVITE that fails before anybody could listen to its leg."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        if self.direction == "outbound":
            self.hangs_up(503, "unreachable")


@in_no_time
async def test_an_INVITE_that_fails_at_once_ends_the_call_at_once() -> None:
    stage = Stage(kind=Stillborn)
    a = stage.arrives()
    await settled()
    assert a.hung_up is not None
    assert (a.hung_up.code, a.hung_up.text) == (503, "unreachable")
    assert (stage.exchange.calls, others()) == ({}, set())


@in_no_time
async def test_drain_takes_no_new_calls_and_waits_for_the_live_ones() -> None:
    stage = Stage()
    call, _, b = stage.talks()
    drain = asyncio.create_task(stage.exchange.drain(30))
    await asyncio.sleep(10)
    late = stage.arrives()
    assert late.hung_up is SHUTDOWN
    assert call.state is CallState.TALKING
    b.hangs_up()
    await settled()
    assert drain.done()
    assert stage.ended()["result"] == "completed"


@pytest.mark.parametrize("limit_s", [0, 30])
@in_no_time
async def test_drain_hangs_up_what_is_left_at_its_limit(limit_s: float) -> None:
    stage = Stage()
    _, a, b = stage.talks()
    await stage.exchange.drain(limit_s)
    await stage.exchange.wait_idle(5)
    assert (a.hung_up, b.hung_up) == (SHUTDOWN, SHUTDOWN)
    assert stage.ended()["result"] == "shutdown"


@in_no_time
async def test_an_idle_exchange_drains_at_once_and_a_stuck_call_is_told(caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.wait_for(Stage().exchange.drain(0), 0.1)
    stage = Stage()
    stage.calls()
    await stage.exchange.wait_idle(5)
    assert "1 calls would not end" in caplog.text
    stage.exchange.end_all()
    await stage.exchange.wait_idle(5)
    assert stage.exchange.calls == {}


@in_no_time
async def test_legs_are_found_by_their_Call_ID_while_they_live() -> None:
    stage = Stage()
    call, a, b = stage.talks()
    other, _, _ = stage.talks()
    assert stage.exchange.find(a.id) == (call, a)
    assert set(stage.exchange.calls.values()) == {call, other}
    b.hangs_up()
    await settled()
    assert stage.exchange.find(a.id) is None
    assert stage.exchange.find("none such") is None
