# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that legs or our own bugs do leaves a call, a leg or a task behind, or touches another call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.call import Call, CallState
from b2bua.calls.digit import Digit, Source
from b2bua.calls.leg import Ended, Held, InfoReceived, Leg, LegEvent, LegState, MediaChanged, Pressed, Progress
from b2bua.calls.reason import METAFLOW_HANGUP, EndReason
from tests.b2bua.calls.stage import Stage, others, settled
from tests.fakes import FakeLeg, FlyingLoop, in_no_time


class EagerLeg(FakeLeg):
    """Raises events inside every verb that is asked of it, and ends inside `hangup`."""

    echo = 4  # verbs that answer with an event; without a limit two legs would talk for ever

    def _now(self, event: LegEvent) -> None:
        if self.echo:
            self.echo -= 1
            self.emit(event)

    def ring(self, code: int, text: str, *, media: bool, codecs: Sequence[str] = ()) -> None:
        super().ring(code, text, media=media, codecs=codecs)
        self._now(MediaChanged())

    def answer(self, codecs: Sequence[str] = ()) -> None:
        super().answer(codecs)
        self._now(Held(True))

    def hold(self, on: bool) -> None:
        super().hold(on)
        self._now(Held(not on))

    def send_digit(self, digit: str, duration_ms: int) -> None:
        super().send_digit(digit, duration_ms)
        self._now(Pressed(Digit("7", Source.INFO, 0.0)))

    def send_info(self, content_type: str, body: str) -> None:
        super().send_info(content_type, body)
        self._now(InfoReceived("x/y", ""))

    def hangup(self, reason: EndReason) -> None:
        self.told.append(("hangup", reason))
        self._end(reason)


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


class Walk:
    """One random walk: whatever far ends may do, in any order, on up to three legs of each call."""

    def __init__(self, kind: type[FakeLeg]) -> None:
        self.stage = Stage(kind=kind)

    def legs(self) -> list[FakeLeg]:
        return [*self.stage.callers, *self.stage.dialer.legs]

    async def step(self, verb: str, index: int) -> None:
        if verb == "arrives":
            if len(self.stage.callers) < 3:
                self.stage.arrives()
            return
        live = [leg for leg in self.legs() if leg.state is not LegState.ENDED]
        if verb == "wait":
            await asyncio.sleep(index)
        elif live:
            self._act(verb, live[index % len(live)])

    def _act(self, verb: str, leg: FakeLeg) -> None:
        found = self.stage.exchange.find(leg.id)
        waiting = leg.direction == "outbound" and leg.state is not LegState.UP
        if verb in ("rings", "early", "answers") and waiting:
            {"rings": leg.rings, "answers": leg.answers, "early": lambda: leg.emit(Progress(183, "", True))}[verb]()
        elif verb in ("press", "holds", "hangs_up"):
            getattr(leg, verb)(*{"press": ("5",), "holds": (True,), "hangs_up": (486,)}[verb])
        elif verb == "media":
            FakeLeg.ports += 1
            leg.port = None if leg.port else FakeLeg.ports
            leg.emit(MediaChanged())
        elif found is not None:
            self._on_call(verb, found[0], leg)

    def _on_call(self, verb: str, call: Call, leg: FakeLeg) -> None:
        if verb == "dial" and len(call.legs) < 3:
            self.stage.exchange.dial(call, "pbx", "1002")
        elif verb == "replace" and leg not in (call.a, call.b) and not call.is_over:
            call.replace(call.a, leg)
        elif verb == "guard":
            call.task(self._guard(call), "guard")
        elif verb == "end":
            call.end(METAFLOW_HANGUP)

    async def _guard(self, call: Call) -> None:
        if call.is_guarded:
            return
        with call.guarded(lambda leg, event: isinstance(event, Ended)):
            await asyncio.sleep(3)


VERBS = ["arrives", "rings", "early", "answers", "press", "holds", "media", "dial", "replace", "guard", "wait"]
walks = st.lists(st.tuples(st.sampled_from([*VERBS, "hangs_up", "end"]), st.integers(0, 9)), max_size=40)


@pytest.mark.parametrize("kind", [FakeLeg, EagerLeg])
@settings(max_examples=150, deadline=None)
@given(steps=walks)
def test_random_walks_never_raise_and_leave_nothing_behind(kind: type[FakeLeg], steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        walk = Walk(kind)
        for verb, index in [("arrives", 0), *steps]:
            await walk.step(verb, index)
        walk.stage.exchange.end_all()
        await asyncio.sleep(1)
        stage = walk.stage
        assert stage.exchange.calls == {}
        assert others() == set()
        assert [leg for leg in walk.legs() if leg.state is not LegState.ENDED] == []
        assert [stage.exchange.find(leg.id) for leg in walk.legs()] == [None] * len(walk.legs())
        assert stage.events("call.failed") == []
        assert len(stage.events("call.ended")) == len(stage.events("call.started"))

    with asyncio.Runner(loop_factory=FlyingLoop) as runner:
        runner.run(main())


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
