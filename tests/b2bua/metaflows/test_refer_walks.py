# SPDX-License-Identifier: GPL-3.0-or-later
"""Random walks through transfers by REFER, blind and with Replaces, accepted and relayed: nobody is stranded."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from tests.b2bua.calls.stage import others
from tests.b2bua.metaflows.refer_scene import US, replaces, stage_of
from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import FakeLeg, FlyingLoop

VERBS = ["asks", "asks with replaces", "answers", "rings", "hangs up", "busy", "notify answered", "holds", "accepts",
         "refuses", "notifies 200", "notifies 486", "notifies 180", "turn", "wait"]
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 5)), max_size=25)


class Walk:
    """Two calls whose four far ends, and the targets that come, do whatever they may."""

    def __init__(self, stage: Stage, legs: list[FakeLeg]) -> None:
        self.stage, self.first = stage, legs

    def legs(self) -> list[FakeLeg]:
        return self.first + [leg for leg in self.stage.dialer.legs if leg not in self.first]

    async def step(self, verb: str, index: int) -> None:
        if verb in ("turn", "wait"):
            await (settled() if verb == "turn" else asyncio.sleep(2 * index))
            return
        live = [leg for leg in self.legs() if leg.state is not LegState.ENDED]
        if live:
            self.acts(verb, live[index % len(live)], live)

    def acts(self, verb: str, leg: FakeLeg, live: list[FakeLeg]) -> None:
        is_up = leg.state is LegState.UP
        waits = leg.direction == "outbound" and not is_up
        if verb == "hangs up" or (verb == "busy" and waits):
            leg.hangs_up(486 if verb == "busy" else 200)
        elif verb in ("rings", "answers") and waits:
            getattr(leg, verb)()
        elif verb == "asks" and is_up:
            leg.asks_transfer(f"<sip:1003@{US}>")
        elif verb == "asks with replaces" and is_up:
            leg.asks_transfer(replaces(live[-1], far=len(live) % 2 == 0))
        elif verb == "notify answered" and is_up:
            leg.answers_notify()
        elif verb == "holds" and is_up:
            leg.holds(not leg.is_holding)
        elif leg.refers():
            self.answers_refer(verb, leg)

    def answers_refer(self, verb: str, leg: FakeLeg) -> None:
        if verb == "accepts":
            leg.accepts_refer()
        elif verb == "refuses":
            leg.refuses_refer(405)
        elif verb.startswith("notifies"):
            code = int(verb.rpartition(" ")[2])
            leg.notifies(code, final=code >= 200)


@pytest.mark.parametrize("policy", ["accept", "relay"])
@settings(max_examples=120, deadline=None)
@given(steps=STEPS)
def test_PB34_random_walks_strand_nobody(policy: str, steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        stage = stage_of(referred=policy)
        one, two = await stage.talk(), await stage.talk("1001", "2002", "pbx")
        walk = Walk(stage, [one.a, one.b, two.a, two.b])
        for verb, index in steps:
            await walk.step(verb, index)
        await asyncio.sleep(200)  # every ring time, NOTIFY and REFER
        live = [leg for leg in walk.legs() if leg.state is not LegState.ENDED]
        for call in stage.exchange.calls.values():
            pair = {call.a, call.b}
            assert (call.legs, call.state, call.is_guarded) == (pair, CallState.TALKING, False)
            assert stage.mixer.hears(*pair)  # type: ignore[arg-type]
        assert len(live) == 2 * len(stage.exchange.calls)
        assert stage.events("call.failed") == []
        stage.exchange.end_all()
        await asyncio.sleep(1)
        assert (stage.exchange.calls, others()) == ({}, set())

    with asyncio.Runner(loop_factory=FlyingLoop) as runner:
        runner.run(main())
