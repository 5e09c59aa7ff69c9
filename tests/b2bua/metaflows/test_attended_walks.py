# SPDX-License-Identifier: GPL-3.0-or-later
"""Random walks through attended transfers: whatever happens in whatever order, nobody is stranded, no leg is left."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.leg import LegState, MediaChanged
from b2bua.metaflows.modules.attended_table import Happens
from tests.b2bua.calls.stage import others
from tests.b2bua.metaflows.attended_scene import Scene
from tests.b2bua.metaflows.stage import settled
from tests.fakes import FakeLeg, FlyingLoop

PRESSES = ("*", "1", "*1", "*3", "5", "*9", "*23002")
STEPS = st.one_of(st.sampled_from(list(Happens)).map(lambda event: event.value), st.sampled_from(PRESSES),
                  st.sampled_from(["target holds", "transferor holds", "transferee holds", "rings", "turn", "media",
                                   "resume", "target presses", "late answer"]))


class Walk:
    """One walk: events of the far ends, with or without a pause between them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def legs(self) -> list[FakeLeg]:
        scene = self.scene
        return [scene.transferor, scene.transferee, *scene.stage.dialer.legs[1:]]

    async def step(self, step: str) -> None:
        scene = self.scene
        if step in PRESSES:
            if scene.transferor.state is LegState.UP:
                scene.transferor.press(step)
        elif step == "turn":
            await settled()
        elif step == "resume":
            if not scene.call.is_over:
                scene.call.join()
        elif step == "media":
            FakeLeg.ports += 1
            if scene.target.port is not None:
                scene.target.port = FakeLeg.ports
                scene.target.emit(MediaChanged())
        elif step in ("rings", "target holds", "transferor holds", "transferee holds", "target presses", "late answer"):
            self.acts(step)
        else:
            await self.happens(Happens(step))

    def acts(self, step: str) -> None:
        name, _, verb = step.rpartition(" ")
        leg = getattr(self.scene, name, self.scene.target)
        if verb == "holds" and leg.state is LegState.UP:
            leg.holds(not leg.is_holding)
        elif verb == "presses" and leg.state is LegState.UP:
            leg.press("1")
        elif step == "rings" and leg.state is LegState.TRYING:
            leg.rings()
        elif step == "late answer":  # of a second or third target
            for one in self.scene.stage.dialer.legs[2:]:
                if one.state in (LegState.TRYING, LegState.EARLY):
                    one.answers()

    async def happens(self, event: Happens) -> None:
        scene, ended = self.scene, LegState.ENDED
        leg = {Happens.TRANSFEROR_ENDS: scene.transferor, Happens.TAKEBACK: scene.transferor,
               Happens.MERGE: scene.transferor, Happens.TRANSFEREE_ENDS: scene.transferee}.get(event, scene.target)
        if leg.state is ended or (event is Happens.ANSWERED and leg.state is LegState.UP):
            return
        await scene.event(event)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
def test_PB29_random_walks_strand_nobody(steps: list[str]) -> None:
    async def main() -> None:
        scene = await Scene().begin()
        walk = Walk(scene)
        for step in steps:
            await walk.step(step)
        await settled()
        if scene.transferor.state is not LegState.ENDED:
            scene.transferor.hangs_up()
        await asyncio.sleep(100)  # every ring time
        live = [leg for leg in walk.legs() if leg.state is not LegState.ENDED]
        assert len(live) in (0, 2), [leg.id for leg in live]
        if live:
            assert scene.stage.mixer.hears(*live)
            assert [scene.holds(leg) for leg in live] == [leg.is_holding for leg in reversed(live)]
            assert set(live) == scene.call.legs == {scene.call.a, scene.call.b}
        else:
            assert scene.stage.exchange.calls == {}
        assert [one for one in scene.stage.player.made if not one.end.done()] == []
        assert scene.stage.events("call.failed") == []
        scene.stage.exchange.end_all()
        await asyncio.sleep(1)
        assert (scene.stage.exchange.calls, others()) == ({}, set())

    with asyncio.Runner(loop_factory=FlyingLoop) as runner:
        runner.run(main())
