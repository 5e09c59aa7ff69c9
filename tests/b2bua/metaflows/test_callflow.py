# SPDX-License-Identifier: GPL-3.0-or-later
"""callflow: where the caller goes on, what a flow does with him, and that nobody is left over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import TRANSFERRED
from b2bua.calls.sounds import Tune
from b2bua.metaflows.permit import Permit
from config.transfers import Transfers
from tests.b2bua.metaflows.flows import callflow, chain, ended, started
from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import in_no_time

RING = Tune.RINGBACK.value


# -- at a number --------------------------------------------------------------------------------------------------


@in_no_time
@pytest.mark.parametrize(("data", "number"), [
    ({"id": "1002"}, "1002"), ({"captures": ["1002"]}, "1002"), ({"captures": "1002", "collected": "9"}, "1002"),
    ({"collected": "1002"}, "1002"), ({"id": "1002", "captures": ["9"]}, "1002"), ({"id": "55"}, "55")])
async def test_F104_the_caller_goes_on_at_the_number(data: dict[str, Any], number: str) -> None:
    stage = Stage()
    talk, run = await started(stage, callflow(**data))
    target = stage.dialer.legs[-1]
    assert target.number == number
    assert stage.mixer.hears(talk.a, talk.b)  # until somebody answers there
    target.answers()
    await settled()
    assert stage.mixer.hears(talk.a, target)
    assert talk.b.hung_up == TRANSFERRED
    assert await ended(stage, talk, run) == "answered"


@in_no_time
async def test_a_number_that_does_not_answer_leaves_the_two_together() -> None:
    stage = Stage()
    talk, run = await started(stage, callflow(id="1002"))
    stage.dialer.legs[-1].hangs_up(486, "Busy")
    await settled()
    assert stage.mixer.hears(talk.a, talk.b)
    assert await ended(stage, talk, run) == "failed"


@in_no_time
@pytest.mark.parametrize("data", [{}, {"flow": {"module": "teleport"}}, {"flow": {"data": {}}}, {"flow": {
    "module": "sleep", "children": {"_": {"module": "nothing"}}}}, {"flow": {"module": "sleep", "data": 5}}])
async def test_what_cannot_be_run_changes_nothing(data: dict[str, Any]) -> None:
    stage = Stage()
    talk, run = await started(stage, callflow(**data))
    assert stage.mixer.hears(talk.a, talk.b)
    assert await ended(stage, talk, run) == "failed"


@in_no_time
@pytest.mark.parametrize("node", [
    callflow(id="0900"), callflow(flow={"module": "number", "data": {"number": "0900"}}),
    {"module": "intercept", "data": {"target_type": "number", "target_id": "0900"}}])
async def test_a_number_that_the_operator_forbids_is_rung_by_nothing(node: dict[str, Any]) -> None:
    stage = Stage()
    stage.parts = replace(stage.parts, permit=Permit(Transfers(deny=("0900.*",))))
    talk, run = await started(stage, node)
    assert [leg.number for leg in stage.dialer.legs] == ["1001"]
    assert stage.events("transfer.refused")
    assert await ended(stage, talk, run) in ("failed", "done")


# -- inline flows -------------------------------------------------------------------------------------------------


@in_no_time
async def test_a_flow_has_the_caller_for_itself_and_ends_with_releasing_him() -> None:
    stage = Stage()
    talk, run = await started(stage, callflow(flow=chain(
        {"module": "play", "data": {"id": "hello"}}, {"module": "sleep", "data": {"duration": 2}},
        {"module": "record_call", "data": {"action": "start"}})))
    assert talk.b.hung_up == TRANSFERRED
    assert stage.hears(talk.a) == ["hello"]
    stage.player.made[-1].finish()
    await asyncio.sleep(1)
    assert talk.call.state is CallState.TALKING
    await asyncio.sleep(2)
    assert len(stage.recorder.made) == 1
    assert talk.call.state is CallState.ENDED
    assert await ended(stage, talk, run) == "done"


@in_no_time
@pytest.mark.parametrize(("step", "rung"), [
    ({"module": "device", "data": {"id": "d1002"}}, ["1002"]),
    ({"module": "user", "data": {"id": "u1", "timeout": 5}}, ["1001", "1003", "1005"]),
    ({"module": "transfer", "data": {"target": "3001"}}, ["3001"]),
    ({"module": "callflow", "data": {"id": "1002"}}, ["1002"])])
async def test_whoever_a_flow_rings_has_the_caller(step: dict[str, Any], rung: list[str]) -> None:
    stage = Stage()
    talk, run = await started(stage, callflow(flow=step))
    targets = stage.dialer.legs[1:]
    assert [leg.number for leg in targets] == rung
    assert stage.hears(talk.a) == [RING]
    targets[-1].answers()
    await settled()
    assert stage.mixer.hears(talk.a, targets[-1])
    assert stage.hears(talk.a) == []
    assert talk.call.legs == {talk.a, targets[-1]}
    assert await ended(stage, talk, run) == "answered"


@in_no_time
async def test_a_flow_goes_on_by_its_outcome_when_nobody_answers() -> None:
    stage = Stage()
    node = {"module": "device", "data": {"id": "d1002", "timeout": 7}, "children": {
        "failed": {"module": "play", "data": {"id": "sorry"}}, "_": {"module": "hangup"}}}
    talk, run = await started(stage, callflow(flow=node))
    await asyncio.sleep(7.5)
    assert stage.hears(talk.a) == ["sorry"]
    stage.player.made[-1].finish()
    await asyncio.sleep(1)
    assert await ended(stage, talk, run) == "done"


@in_no_time
async def test_a_response_is_the_reason_of_the_end() -> None:
    stage = Stage()
    talk, run = await started(stage, callflow(flow={"module": "response", "data": {"code": 480, "message": 'a "b"'}}))
    assert talk.a.hung_up is not None
    assert talk.a.hung_up.header == "SIP;cause=480;text=\"a 'b'\""
    assert await ended(stage, talk, run) == "done"


@in_no_time
async def test_the_caller_may_hang_up_in_every_step() -> None:
    for step in ({"module": "sleep", "data": {"duration": 60}}, {"module": "play", "data": {"id": "x"}},
                 {"module": "device", "data": {"id": "d1002"}}):
        stage = Stage()
        talk, run = await started(stage, callflow(flow=step))
        talk.a.hangs_up()
        await settled()
        assert await ended(stage, talk, run) == "cancelled"
        assert all(leg.state is LegState.ENDED for leg in stage.dialer.legs)


FLOW = {"module": "device", "data": {"id": "d1002", "timeout": 5}, "children": {
    "answered": {"module": "hangup"}, "_": chain(
        {"module": "play", "data": {"id": "sorry"}}, {"module": "user", "data": {"id": "u1", "timeout": 5}},
        {"module": "sleep", "data": {"duration": 3}}, {"module": "record_call", "data": {"action": "start"}})}}
STEPS = st.lists(st.sampled_from(["caller ends", "answer", "refuse", "finish", "key", "wait", "long"]), max_size=8)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_whatever_happens_in_a_flow_nobody_is_stranded(steps: list[str]) -> None:
    @in_no_time
    async def walk() -> None:
        stage = Stage()
        talk, run = await started(stage, callflow(flow=FLOW))
        for name in steps:
            ringing = [leg for leg in stage.dialer.legs[1:] if leg.state is LegState.TRYING]
            playing = stage.player.playing(talk.a)
            if name == "caller ends":
                talk.a.hangs_up()
            elif name in ("answer", "refuse") and ringing:
                ringing[0].answers() if name == "answer" else ringing[0].hangs_up(486, "Busy")
            elif name == "finish" and playing and not playing[-1].loop:
                playing[-1].finish()
            elif name == "key" and talk.a.state is LegState.UP:
                talk.a.press("5")
            await asyncio.sleep({"wait": 1, "long": 6}.get(name, 0))
            await settled()
        for _ in range(6):
            await asyncio.sleep(6)
            for sound in [one for one in stage.player.playing(talk.a) if not one.loop]:
                sound.finish()
        await settled()
        assert run.done()
        left = [leg for leg in [talk.a, *stage.dialer.legs] if leg.state is not LegState.ENDED]
        if left:
            assert stage.mixer.hears(*left)
        assert bool(left) == bool(stage.exchange.calls)
    walk()
