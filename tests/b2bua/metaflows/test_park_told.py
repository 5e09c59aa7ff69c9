# SPDX-License-Identifier: GPL-3.0-or-later
"""The parker is told the place, and nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from b2bua.calls.leg import LegState
from b2bua.calls.reason import PARKED
from b2bua.metaflows.modules import MODULES
from tests.b2bua.metaflows.test_park import parked, slots, stage_of
from tests.fakes import in_no_time


@in_no_time
async def test_a_bug_while_the_place_is_told_leaves_the_two_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(context: Any, data: Any) -> Any:
        raise ZeroDivisionError
    monkeypatch.setitem(MODULES, "say", replace(MODULES["say"], run=broken))
    stage = stage_of()
    talk = await parked(stage)
    assert stage.outcomes() == [("park", "error")]
    assert stage.mixer.hears(talk.a, talk.b)
    assert (slots(stage), stage.hears(talk.a)) == ([], [])


@in_no_time
async def test_the_parker_alone_hears_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, Any, str]] = []

    async def say(context: Any, data: Any) -> Any:
        told.append((context.leg.id, context.peer, data.text))
        await asyncio.sleep(60)
    monkeypatch.setitem(MODULES, "say", replace(MODULES["say"], run=say))
    stage = stage_of()
    talk = await parked(stage)
    assert told == [(talk.b.id, None, "701")]
    assert talk.b.state is LegState.UP
    await asyncio.sleep(10)
    assert talk.b.hung_up == PARKED
