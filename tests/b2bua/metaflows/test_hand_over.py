# SPDX-License-Identifier: GPL-3.0-or-later
"""REFER with Replaces once the consultation stands (PB34): the transferee's side takes the target's dialog over."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

from b2bua.calls.call import CallState
from b2bua.calls.headers import Headers, Party
from b2bua.calls.leg import Invite, LegState
from b2bua.calls.reason import TRANSFERRED
from b2bua.metaflows.modules.attended_table import Happens
from tests.b2bua.metaflows.attended_scene import Scene, node
from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import FakeLeg, in_no_time


async def asked(**trunk: Any) -> tuple[Scene, str]:
    """Transferee and target talk, and the transferee's side was asked for Replaces: what it was told."""
    scene = Scene()
    scene.stage = Stage(devices={"1001": node()}, trunk={"refer": "always", **trunk})
    await scene.begin()
    await scene.comes(Happens.ANSWERED, Happens.TRANSFEROR_ENDS)
    (target, _), = scene.transferee.refers()
    return scene, unquote(target.partition("Replaces=")[2])


def comes_with(scene: Scene, replaces: str) -> FakeLeg:
    """An INVITE from the trunk that names a dialog."""
    party = Party("Ann", "2000", "sip:2000@trunk")
    new = FakeLeg("new", "trunk", "inbound", party)
    scene.stage.exchange.arrived(new, Invite("3001", party, Headers([("Replaces", replaces)]), ("pcmu/8000",)))
    return new


@in_no_time
async def test_PB34_from_another_side_it_comes_through_us_and_the_call_goes_on() -> None:
    scene, replaces = await asked()
    scene.transferee.accepts_refer()
    new = comes_with(scene, replaces)
    scene.transferee.notifies(200)
    await settled()
    assert scene.stage.mixer.hears(new, scene.target)
    assert (scene.transferee.hung_up, scene.call.state) == (TRANSFERRED, CallState.TALKING)
    assert scene.call.legs == {new, scene.target}
    assert scene.stage.outcomes() == [("transfer", "answered")]
    assert not scene.call.is_guarded


@in_no_time
async def test_PB34_who_sends_no_notify_after_it_has_the_call_all_the_same() -> None:
    scene, replaces = await asked()
    scene.transferee.accepts_refer()
    new = comes_with(scene, replaces)
    await settled()
    assert scene.stage.mixer.hears(new, scene.target)
    assert scene.stage.outcomes() == [("transfer", "answered")]


@in_no_time
async def test_PB34_a_side_that_refuses_leaves_them_talking_and_may_not_come_later() -> None:
    scene, replaces = await asked()
    scene.transferee.refuses_refer(603)
    await settled()
    assert scene.stage.mixer.hears(scene.transferee, scene.target)
    late = comes_with(scene, replaces)
    await settled()
    assert late.hung_up is not None
    assert late.hung_up.code == 403
    assert scene.stage.mixer.hears(scene.transferee, scene.target)


@in_no_time
async def test_PB34_a_transferee_that_hangs_up_instead_ends_the_call() -> None:
    scene, _ = await asked()
    scene.transferee.hangs_up()
    await settled()
    assert (scene.target.state, scene.call.state) == (LegState.ENDED, CallState.ENDED)


@in_no_time
async def test_PB34_no_notify_in_time_leaves_them_talking() -> None:
    scene, _ = await asked(refer_timeout_s=5)
    scene.transferee.accepts_refer()
    await asyncio.sleep(6)
    assert scene.stage.mixer.hears(scene.transferee, scene.target)
    assert (scene.call.state, scene.call.offered) == (CallState.TALKING, None)
