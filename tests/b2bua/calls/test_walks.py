# SPDX-License-Identifier: GPL-3.0-or-later
"""Random walks: whatever two or three legs do in whatever order, nothing raises and nothing is left behind."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.call import Call
from b2bua.calls.leg import Ended, LegState, MediaChanged, Progress
from b2bua.calls.reason import METAFLOW_HANGUP
from tests.b2bua.calls.eager import EagerLeg
from tests.b2bua.calls.stage import Stage, others
from tests.fakes import FakeLeg, FlyingLoop


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
