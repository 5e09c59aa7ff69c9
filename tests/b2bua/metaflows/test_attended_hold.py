# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones that hold during an attended transfer: whoever talks afterwards is held only by whom he talks to."""

from __future__ import annotations

import pytest

from b2bua.metaflows.modules.attended_table import Happens
from tests.b2bua.metaflows.attended_scene import Scene
from tests.fakes import in_no_time


@pytest.mark.parametrize(("holder", "event"), [
    ("transferor", Happens.TRANSFEROR_ENDS), ("target", Happens.TAKEBACK), ("target", Happens.TARGET_ENDS),
    ("transferor", Happens.MERGE), ("target", Happens.MERGE)])
def test_PB29_a_hold_of_the_consultation_ends_with_it(holder: str, event: Happens) -> None:
    @in_no_time
    async def walk() -> None:
        scene = await Scene().begin()
        await scene.comes(Happens.ANSWERED)
        getattr(scene, holder).holds(True)
        await scene.comes(event)
        held = scene.target if holder == "transferor" else scene.transferor
        assert scene.holds(held) is False

    walk()


@in_no_time
async def test_PB29_who_held_before_holds_again_after_a_takeback_and_not_meanwhile() -> None:
    scene = await Scene().begin()
    scene.transferee.holds(True)
    await scene.comes(Happens.ANSWERED, Happens.TAKEBACK)
    assert scene.holds(scene.transferor) is True
    scene.transferee.holds(False)
    assert scene.holds(scene.transferor) is False


@in_no_time
async def test_PB29_a_target_that_holds_holds_whom_it_is_joined_with() -> None:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED)
    scene.target.holds(True)
    await scene.comes(Happens.TRANSFEROR_ENDS)
    assert scene.holds(scene.transferee) is True
