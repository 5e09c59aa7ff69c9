# SPDX-License-Identifier: GPL-3.0-or-later
"""What a code sets in motion: modules, children, outcomes; and the modules that take one step only."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import METAFLOW_HANGUP
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data
from b2bua.metaflows.modules import MODULES, Module
from tests.b2bua.metaflows.stage import Stage, run_node, settled
from tests.fakes import in_no_time


class Probe(Data):
    """Data of a module of this test: what to do."""

    name: str = ""
    outcome: Outcome = Outcome.DONE
    wait_s: float = 0.0
    bug: bool = False


class Probes:
    """What the test's module was given, in order."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []
        self.seen: list[tuple[Context, Probe]] = []

    async def run(self, context: Context, data: Probe) -> Report:
        self.began.append(data.name)
        self.seen.append((context, data))
        if data.bug:
            raise RuntimeError("a bug")
        await asyncio.sleep(data.wait_s)
        self.ended.append(data.name)
        return Report(data.outcome)


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Probes:
    found = Probes()
    monkeypatch.setitem(MODULES, "probe", Module("probe", Probe, found.run))
    return found


def node(name: str, children: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    return {"module": "probe", "data": {"name": name, **data}, "children": children or {}}


async def typed(metaflows: dict[str, Any], digits: str) -> Stage:
    stage = Stage(devices={"1001": metaflows})
    talk = await stage.talk()
    talk.b.press(digits)
    await settled()
    return stage


@in_no_time
async def test_F64_the_default_child_runs_when_its_parent_has_ended(probes: Probes) -> None:
    tree = node("parent", {"_": node("child", {"_": node("grandchild")})}, wait_s=3)
    await typed({"numbers": {"1": tree}}, "*1")
    assert probes.began == ["parent"]
    await asyncio.sleep(3.1)
    assert probes.began == probes.ended == ["parent", "child", "grandchild"]


@in_no_time
@pytest.mark.parametrize(("outcome", "child"), [("busy", "named"), ("answered", "default")])
async def test_F65_B20_a_named_child_runs_else_the_default(probes: Probes, outcome: str, child: str) -> None:
    await typed({"numbers": {"1": node("p", {"busy": node("named"), "_": node("default")}, outcome=outcome)}}, "*1")
    assert probes.began == ["p", child]


@in_no_time
async def test_F66_transfer_runs_the_child_of_its_outcome() -> None:
    tree = {"module": "transfer", "data": {}, "children": {"failed": {"module": "record_call"}}}
    stage = await typed({"numbers": {"1": tree}}, "*1")
    assert stage.outcomes() == [("transfer", "failed"), ("record_call", "started")]


@in_no_time
@pytest.mark.parametrize("listen_on", ["self", "peer", "both"])
async def test_F63_the_leg_is_the_one_that_typed_whoever_owns_the_code(probes: Probes, listen_on: str) -> None:
    tree = node("p", {"_": node("c", dtmf_leg="somebody else's")}, dtmf_leg="somebody else's")
    stage = Stage(devices={"1001": {"listen_on": listen_on, "numbers": {"1": tree}}})
    talk = await stage.talk()
    typists = {"self": [talk.b], "peer": [talk.a], "both": [talk.a, talk.b]}[listen_on]
    for leg in typists:
        leg.press("*1")
        await settled()
    assert [context.leg for context, _ in probes.seen] == [leg for leg in typists for _ in ("p", "c")]
    assert all(context.owner is talk.b for context, _ in probes.seen)
    assert [event.leg_id for event in stage.told if event.name == "metaflow.started"] == [
        leg.id for leg in typists for _ in ("p", "c")]


@in_no_time
async def test_F63_the_leg_is_the_one_that_the_api_named(probes: Probes) -> None:
    stage = Stage(devices={"1001": {"listen_on": "peer", "numbers": {"1": node("typed")}}})
    talk = await stage.talk()
    for leg in (talk.a, talk.b):
        await run_node(talk.call, leg, node("p", {"_": node("c")}, dtmf_leg=talk.a.id), stage.parts)
    assert [context.leg for context, _ in probes.seen] == [talk.a, talk.a, talk.b, talk.b]
    assert probes.seen[2][0].peer is talk.a


@in_no_time
async def test_F61_F62_F63_captures_collected_and_leg_reach_children_too(probes: Probes) -> None:
    tree = node("p", {"_": node("c", captures=["stored"])}, captures=["no_match"])
    stage = await typed({"patterns": {r"^2(\d)(\d)$": tree}, "listen_on": "self"}, "*212")
    for context, data in probes.seen:
        assert (context.captures, context.collected) == (("1", "2"), "212")
        assert (data.captures, data.collected) == (["1", "2"], "212")  # type: ignore[attr-defined]
        assert context.leg is stage.dialer.legs[0]
        assert context.endpoint is not None
        assert context.endpoint.id == "d1001"


@in_no_time
async def test_F62_numbers_leave_stored_captures_alone(probes: Probes) -> None:
    await typed({"numbers": {"1": node("p", captures=["stored"])}}, "*1")
    context, data = probes.seen[0]
    assert (context.captures, context.collected, data.captures) == (None, None, ["stored"])  # type: ignore[attr-defined]


@in_no_time
async def test_F67_a_bug_in_a_module_leaves_call_and_collector_whole(probes: Probes,
                                                                    caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(devices={"1001": {"numbers": {"1": node("p", {"_": node("c")}, bug=True), "9": node("next")}}})
    talk = await stage.talk()
    talk.b.press("*1*9")
    await settled()
    assert stage.outcomes() == [("probe", "error"), ("probe", "done")]
    assert probes.began == ["p", "next"]
    assert talk.call.state is CallState.TALKING
    assert "a bug" in caplog.text


@in_no_time
async def test_codes_of_one_call_run_one_after_another(probes: Probes) -> None:
    numbers = {str(n): node(str(n), wait_s=1) for n in range(1, 4)}
    stage = Stage(devices={"1001": {"numbers": numbers}})
    talk = await stage.talk()
    talk.b.press("*1*2*3")
    await asyncio.sleep(1.5)
    assert (probes.began, probes.ended) == (["1", "2"], ["1"])
    await asyncio.sleep(2)
    assert probes.ended == ["1", "2", "3"]


@in_no_time
async def test_too_many_waiting_codes_are_refused_visibly(probes: Probes) -> None:
    stage = Stage(devices={"1001": {"numbers": {"1": node("p", wait_s=60)}}})
    talk = await stage.talk()
    for _ in range(20):
        talk.b.press("*1")
        await settled()
    assert stage.outcomes() == [("probe", "failed")] * 3
    talk.a.hangs_up()
    await settled()
    assert stage.outcomes()[3:] == [("probe", "cancelled")] * 17


@in_no_time
async def test_hangup_cancels_what_runs(probes: Probes) -> None:
    stage = Stage(devices={"1001": {"numbers": {"1": node("p", {"_": node("c")}, wait_s=60)}}})
    talk = await stage.talk()
    talk.b.press("*1")
    await settled()
    talk.a.hangs_up()
    await settled()
    assert stage.outcomes() == [("probe", "cancelled")]
    assert (probes.began, probes.ended) == (["p"], [])
    assert stage.exchange.calls == {}


@in_no_time
async def test_A8_every_step_is_told(probes: Probes) -> None:
    stage = await typed({"numbers": {"1": node("p", wait_s=2)}}, "*1")
    await asyncio.sleep(3)
    names = [event.name for event in stage.told if event.name.split(".")[0] in ("digit", "collector", "metaflow")]
    assert names == ["digit.heard", "collector.armed", "digit.heard", "collector.matched", "metaflow.started",
                     "metaflow.ended"]
    ended = stage.events("metaflow.ended")[0]
    assert ended["module"] == "probe"
    assert ended["duration_s"] >= 0


def test_B27_every_module_can_be_run() -> None:
    assert [name for name, module in MODULES.items() if module.run is None] == []


@in_no_time
async def test_a_module_that_cannot_run_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES, "hold", replace(MODULES["hold"], run=None))
    tree = {"module": "hold", "data": {}, "children": {"_": {"module": "hangup"}}}
    stage = await typed({"numbers": {"1": tree}}, "*1")
    assert stage.outcomes() == [("hold", "unavailable")]


@in_no_time
async def test_data_that_became_unusable_by_merging_is_an_error() -> None:
    stage = await typed({"numbers": {"1": {"module": "transfer", "data": {"timeout": "soon"}}}}, "*1")
    assert stage.outcomes() == [("transfer", "error")]
    assert stage.events("metaflow.ended")[0]["reason"] == "unusable data: timeout"


@in_no_time
async def test_F68_hangup_ends_the_typing_leg_and_thereby_the_call() -> None:
    stage = Stage(devices={"1001": {"numbers": {"0": {"module": "hangup"}}, "listen_on": "peer"}})
    talk = await stage.talk()
    talk.a.press("*0")
    await settled()
    assert talk.a.hung_up == METAFLOW_HANGUP
    assert talk.b.hung_up is not None
    assert (talk.b.state, talk.call.state) == (LegState.ENDED, CallState.ENDED)
    assert stage.outcomes() == [("hangup", "done")]


@in_no_time
async def test_F109_F111_the_api_runs_a_tree_on_a_call_without_metaflows(probes: Probes) -> None:
    stage = Stage()
    talk = await stage.talk()
    outcome = await run_node(talk.call, talk.a, node("p", {"_": node("c")}, outcome="started"), stage.parts)
    assert outcome is Outcome.STARTED
    assert probes.ended == ["p", "c"]
    assert probes.seen[0][0].leg is talk.a


@in_no_time
async def test_the_api_is_told_when_the_call_ends_first(probes: Probes) -> None:
    stage = Stage()
    talk = await stage.talk()
    asyncio.get_running_loop().call_later(1, talk.b.hangs_up)
    assert await run_node(talk.call, talk.a, node("p", wait_s=60), stage.parts) is Outcome.CANCELLED
    await settled()
    assert await run_node(talk.call, talk.a, node("p"), stage.parts) is Outcome.CANCELLED
