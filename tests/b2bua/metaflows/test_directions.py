# SPDX-License-Identifier: GPL-3.0-or-later
"""The caller moves people as the called party does: the same actions typed on leg a."""

from __future__ import annotations

import asyncio

import pytest

from b2bua.calls.sounds import Tune
from tests.b2bua.metaflows.stage import ACCOUNT, Stage, Talk, settled
from tests.fakes import in_no_time

CODES = {"numbers": {"4": {"module": "hold"}, "5": {"module": "hold_control"}, "6": {"module": "move"},
                     "7": {"module": "park"}, "1": {"module": "callflow", "data": {"id": "1002"}},
                     "0": {"module": "intercept", "data": {"target_type": "device", "target_id": "d1002"}}}}


async def typed(code: str) -> tuple[Stage, Talk]:
    """1001 at the PBX has called out, and types."""
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk(caller="1001", number="2000", peer="pbx")
    talk.a.press(code)
    await settled()
    return stage, talk


@in_no_time
@pytest.mark.parametrize("code", ["*4", "*5"])
async def test_F70_F73_the_caller_holds_the_called_party(code: str) -> None:
    stage, talk = await typed(code)
    assert (stage.hears(talk.b), stage.hears(talk.a)) == ([Tune.HOLD_MUSIC.value], [])
    assert [verb for verb in talk.a.told if verb[0] == "hold"] == ([("hold", True)] if code == "*5" else [])


@in_no_time
async def test_F101_the_caller_moves_to_another_device() -> None:
    stage, talk = await typed("*6")
    desk = stage.dialer.legs[1]
    assert desk.dialed is not None
    assert desk.dialed.caller.user == "2000"  # the device sees the far party
    desk.answers()
    await settled()
    assert (talk.call.a, talk.call.b) == (desk, talk.b)
    assert stage.mixer.hears(desk, talk.b)
    desk.press("*4")
    await settled()
    assert stage.hears(talk.b) == [Tune.HOLD_MUSIC.value]


@in_no_time
@pytest.mark.parametrize(("code", "stays"), [("*0", "a"), ("*1", "a")])
async def test_F103_F104_the_caller_stays_and_gets_another_party(code: str, stays: str) -> None:
    stage, talk = await typed(code)
    target = stage.dialer.legs[-1]
    target.answers()
    await settled()
    assert stage.mixer.hears(getattr(talk, stays), target)
    assert talk.b.hung_up is not None


@in_no_time
async def test_the_caller_parks_the_called_party_and_is_called_back() -> None:
    stage, talk = await typed("*7")
    assert stage.parts.lot is not None
    assert [stay.parked for stay in stage.parts.lot.of(ACCOUNT)] == [talk.b]
    await asyncio.sleep(121)
    back = stage.dialer.legs[-1]
    assert back.number == "1001"
    back.answers()
    await settled()
    assert stage.mixer.hears(back, talk.b)
