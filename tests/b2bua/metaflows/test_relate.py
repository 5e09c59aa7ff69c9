# SPDX-License-Identifier: GPL-3.0-or-later
"""relate: who hears whom in a three-way call."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.metaflows.context import Outcome
from b2bua.metaflows.modules.attended_table import Happens
from tests.b2bua.metaflows.attended_scene import MERGED, Scene
from tests.b2bua.metaflows.stage import run_node
from tests.fakes import in_no_time


async def merged() -> Scene:
    scene = await Scene().begin()
    await scene.comes(Happens.ANSWERED, Happens.MERGE)
    return scene


async def relate(scene: Scene, one: Any, other: Any, relationship: str, conference: str = "this") -> Outcome:
    node = {"module": "relate", "data": {"conference_id": conference, "participant_id": one,
                                         "other_participant": other, "relationship": relationship}}
    return await run_node(scene.call, scene.transferor, node, scene.stage.parts)


@in_no_time
async def test_F106_deaf_mute_and_clear() -> None:
    scene = await merged()
    assert await relate(scene, scene.transferee.id, scene.target.id, "deaf", scene.call.id) is Outcome.DONE
    assert scene.scene() == {**MERGED, "transferee": {"transferor"}}
    assert await relate(scene, 2, "3001", "mute") is Outcome.DONE
    assert scene.scene() == {**MERGED, "transferee": {"transferor"}, "target": {"transferor"}}
    assert await relate(scene, 2, 3, "clear") is Outcome.DONE
    assert scene.scene() == MERGED


@in_no_time
async def test_F106_a_new_port_of_a_participant_keeps_what_was_set() -> None:
    scene = await merged()
    await relate(scene, 1, 2, "deaf")
    scene.transferee._up()
    assert scene.scene() == {**MERGED, "transferor": {"target"}}


@in_no_time
@pytest.mark.parametrize(("one", "other", "conference"), [(1, 1, "this"), (1, 4, "this"), ("x", 2, "this"),
                                                           (1, 2, "another")])
async def test_F106_what_is_no_participant_changes_nothing(one: Any, other: Any, conference: str) -> None:
    scene = await merged()
    assert await relate(scene, one, other, "deaf", conference) is Outcome.FAILED
    assert scene.scene() == MERGED


@in_no_time
async def test_F106_a_call_of_two_has_no_participants() -> None:
    scene = await Scene().begin()
    assert await relate(scene, 1, 2, "deaf") is Outcome.FAILED
