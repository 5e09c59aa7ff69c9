# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that legs or our own bugs do leaves a call, a leg or a task behind, or touches another call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from b2bua.calls.call import Call, CallState
from b2bua.calls.digit import Digit
from b2bua.calls.leg import Ended, Held, Leg, LegEvent, LegState, MediaChanged
from b2bua.calls.reason import METAFLOW_HANGUP, EndReason
from tests.b2bua.calls.eager import EagerLeg
from tests.b2bua.calls.stage import Stage, others, settled
from tests.fakes import FakeLeg, in_no_time


class Watch:
    """Ears that note when they begin and stop to hear an event; each press makes the other leg ring back."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.heard: list[str] = []

    def pressed(self, leg: Leg, digit: Digit) -> None:
        self.heard.append("in")
        other = self.call.other(leg)
        if other is not None and len(self.heard) < 20:
            other.send_digit(digit.digit, 100)
            other.hold(True)
        self.heard.append("out")

    def released(self, leg: Leg, digit: Digit, duration_ms: int) -> None:
        pass

    def changed(self) -> None:
        pass

    def closed(self) -> None:
        pass


@in_no_time
async def test_an_event_that_a_verb_raises_waits_until_the_present_one_is_done() -> None:
    stage = Stage(kind=EagerLeg)
    watches: list[Watch] = []

    def listen(call: Call) -> Watch:
        watches.append(Watch(call))
        return watches[-1]

    stage.exchange.listen = listen
    _, a, _ = stage.talks()
    watches[0].heard.clear()
    for leg in (a, stage.dialer.legs[0]):
        leg.echo = 4  # type: ignore[attr-defined]
    a.press("5")
    heard = watches[0].heard
    assert heard == ["in", "out"] * (len(heard) // 2)
    assert len(heard) > 6
    a.hangs_up()
    await settled()
    assert (stage.exchange.calls, others()) == ({}, set())


class Broken(Watch):
    """Ears with a bug where the test wants one."""

    where = ""

    def pressed(self, leg: Leg, digit: Digit) -> None:
        self._fail("pressed")

    def changed(self) -> None:
        self._fail("changed")

    def closed(self) -> None:
        self._fail("closed")

    def _fail(self, where: str) -> None:
        if where == self.where:
            raise RuntimeError("bug")


def broken(where: str) -> Callable[[Call], Broken]:
    def listen(call: Call) -> Broken:
        if where == "listen":
            raise RuntimeError("bug")
        ears = Broken(call)
        ears.where = where
        return ears

    return listen


@pytest.mark.parametrize("where", ["listen", "changed", "pressed", "closed"])
@in_no_time
async def test_a_bug_in_one_calls_event_ends_that_call_only(where: str, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    healthy, _, good_b = stage.talks()
    stage.exchange.listen = broken(where)
    a = stage.arrives()
    for leg in (stage.dialer.legs[-1], a):
        if leg is not good_b and stage.exchange.find(leg.id) is not None:
            leg.answers() if leg is not a else leg.press("5")
    if where == "closed":
        a.hangs_up()
    await settled()
    assert list(stage.exchange.calls.values()) == [healthy]
    assert healthy.state is CallState.TALKING
    assert len(stage.events("call.failed")) == 1
    assert "bug" in caplog.text
    if where != "closed":
        assert a.hung_up is not None
        assert a.hung_up.code == 500
    assert len(stage.events("call.ended")) == len(stage.events("call.started")) - 1


@in_no_time
async def test_a_bug_in_a_guard_while_the_call_ends_does_not_keep_it(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    call, _, _ = stage.talks()

    def guard(leg: Leg, event: LegEvent) -> bool:
        raise RuntimeError("bug")

    with call.guarded(guard):
        call.end(METAFLOW_HANGUP)
        await settled()
    assert stage.exchange.calls == {}
    assert "bug" in caplog.text


class Unsendable(FakeLeg):
    """A leg that cannot be hung up the first time it is asked."""

    def hangup(self, reason: EndReason) -> None:
        if ("tried",) not in self.told:
            self.told.append(("tried",))
            raise RuntimeError("bug")
        super().hangup(reason)


@in_no_time
async def test_a_leg_that_cannot_be_hung_up_does_not_save_the_others() -> None:
    stage = Stage(kind=Unsendable)
    call, _, b = stage.talks()
    stage.exchange.dial(call, "pbx", "1002")
    b.told.append(("tried",))
    stage.dialer.legs[-1].told.append(("tried",))
    b.hangs_up()
    await settled()
    assert stage.exchange.calls == {}


@in_no_time
async def test_a_dialer_with_a_bug_refuses_that_call_only() -> None:
    stage = Stage()
    stage.talks()
    stage.dialer.legs = None  # type: ignore[assignment]
    a = stage.arrives()
    await settled()
    assert a.state is LegState.ENDED
    assert len(stage.exchange.calls) == 1


@in_no_time
async def test_events_of_a_leg_that_nobody_knows_are_ignored() -> None:
    stage = Stage()
    _, a, b = stage.talks()
    b.hangs_up()
    await settled()
    for event in (Ended(METAFLOW_HANGUP), MediaChanged(), Held(True)):
        stage.exchange.deliver(a, event)
    assert stage.exchange.calls == {}


@in_no_time
async def test_waiting_for_an_event_of_a_leg() -> None:
    stage = Stage()
    _, a, b = stage.talks()

    async def wait(*kinds: Any, timeout_s: float | None = None) -> Any:
        return await a.wait_for(*kinds, timeout_s=timeout_s)

    both = [asyncio.create_task(wait(Held)), asyncio.create_task(wait(Held, Ended))]
    await settled()
    a.holds(True)
    assert await asyncio.gather(*both) == [Held(True), Held(True)]
    with pytest.raises(TimeoutError):
        await wait(Held, timeout_s=5)
    b.hangs_up()
    await settled()
    assert await wait(Ended) == Ended(a.reason)
