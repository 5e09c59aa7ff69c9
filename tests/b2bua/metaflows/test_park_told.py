# SPDX-License-Identifier: GPL-3.0-or-later
"""The parker is told the place, and nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2bua.calls.leg import LegState
from b2bua.calls.reason import PARKED
from b2bua.calls.sounds import Sound
from b2bua.metaflows.modules import MODULES
from tests.b2bua.metaflows.stage import settled
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


@in_no_time
@pytest.mark.parametrize("fetched", [False, True])
async def test_who_parks_and_hangs_up_at_once_has_parked(monkeypatch: pytest.MonkeyPatch, fetched: bool) -> None:
    """The music takes its time; whoever has fetched the party by then is not disturbed by it."""
    async def slow(parts: Any, call: Any, holder: Any, chosen: Any = None) -> Sound:
        await asyncio.sleep(3)
        return Sound(Path("music"), 1.0)
    monkeypatch.setattr("b2bua.metaflows.parking.hold_music", slow)
    stage = stage_of()
    talk = await stage.talk()
    talk.b.press("*4")
    await settled()
    talk.b.hangs_up()
    await settled()
    assert (slots(stage), stage.hears(talk.a), talk.a.state) == (["701"], [], LegState.UP)
    if fetched:
        other = await stage.talk("2001", "1002")
        other.b.press("*5701")
        await asyncio.sleep(10)
        assert stage.mixer.hears(talk.a, other.b)
    await asyncio.sleep(10)
    assert stage.hears(talk.a) == ([] if fetched else ["music"])
