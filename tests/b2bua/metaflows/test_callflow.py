# SPDX-License-Identifier: GPL-3.0-or-later
"""callflow and pivot: where the caller goes on, what a flow does with him, and that nobody is left over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import TRANSFERRED
from b2bua.calls.sounds import Tune
from b2bua.metaflows.context import Report
from b2bua.metaflows.executor import report_node
from b2bua.metaflows.scripts import Answer, ScriptError
from tests.b2bua.metaflows.stage import Stage, Talk, settled
from tests.fakes import FakeLeg, in_no_time

RING = Tune.RINGBACK.value


async def started(stage: Stage, node: Mapping[str, Any]) -> tuple[Talk, asyncio.Task[Report]]:
    """2000 talks to 1001; the node runs for the API."""
    talk = await stage.talk()
    run = asyncio.create_task(report_node(talk.call, talk.b, node, stage.parts))
    await settled()
    return talk, run


def callflow(**data: Any) -> dict[str, Any]:
    return {"module": "callflow", "data": data}


def chain(*steps: dict[str, Any]) -> dict[str, Any]:
    """A flow of these steps, one the child of the other."""
    node: dict[str, Any] = {}
    for step in reversed(steps):
        node = {**step, "children": {"_": node} if node else {}}
    return node


async def ended(stage: Stage, talk: Talk, run: asyncio.Task[Report]) -> str:
    """The outcome; everybody who is left then hangs up, and nothing may remain."""
    report = await run
    for leg in list(talk.call.legs):
        assert isinstance(leg, FakeLeg)
        leg.hangs_up()
    await settled()
    assert stage.exchange.calls == {}
    assert not any(stage.hears(leg) for leg in (talk.a, talk.b))
    return report.outcome.value


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


# -- pivot --------------------------------------------------------------------------------------------------------


@dataclass
class FakeScripts:
    """Answers by URL, and remembers what it was asked."""

    pages: dict[str, str]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    told: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def ask(self, method: str, url: str, fields: Mapping[str, str]) -> Answer:
        self.asked.append((method, url, dict(fields)))
        if url not in self.pages:
            raise ScriptError("the server answered 404")
        return Answer(self.pages[url], self.pages[url].startswith("<"))

    def tell(self, url: str, fields: Mapping[str, str]) -> None:
        self.told.append((url, dict(fields)))


async def pivoted(pages: dict[str, str], **data: Any) -> tuple[Stage, FakeScripts, Talk, asyncio.Task[Report]]:
    """The pages of https://w/; a page without < is JSON."""
    stage = Stage()
    scripts = FakeScripts({f"https://w/{name}": page for name, page in pages.items()})
    stage.parts = replace(stage.parts, scripts=scripts)
    node = {"module": "pivot", "data": {"voice_url": "https://w/start", **data}}
    talk, run = await started(stage, node)
    return stage, scripts, talk, run


def response(*verbs: str) -> str:
    return f"<Response>{''.join(verbs)}</Response>"


@in_no_time
async def test_F105_kazoo_fields_are_sent_and_its_flow_is_run() -> None:
    node = chain({"module": "play", "data": {"id": "hello"}}, {"module": "pivot", "data": {"voice_url": "next"}})
    stage, scripts, talk, run = await pivoted({
        "start": json.dumps(node), "next": json.dumps([{"module": "device", "data": {"id": "d1002"}}])},
        cdr_url="https://w/cdr")
    method, url, fields = scripts.asked[0]
    assert (method, url) == ("GET", "https://w/start")
    assert fields["Call-ID"] == talk.a.id
    assert (fields["From"], fields["To"], fields["Caller-ID-Name"], fields["Account-ID"]) == (
        "2000", "1001", "Ann", "a" * 32)
    stage.player.made[-1].finish()
    await settled()
    stage.dialer.legs[-1].answers()
    await settled()
    assert stage.mixer.hears(talk.a, stage.dialer.legs[-1])
    assert await ended(stage, talk, run) == "answered"
    assert [url for url, _ in scripts.told] == ["https://w/cdr"]


@in_no_time
@pytest.mark.parametrize("page", ["no json", "[]x", '{"module": "x"}', "<Response><Teleport/></Response>", "<Other/>",
                                  "<Response", "<!DOCTYPE a [<!ENTITY b 'c'>]><Response/>", None])
async def test_a_server_that_fails_leaves_the_two_together(page: str | None) -> None:
    stage, _, talk, run = await pivoted({} if page is None else {"start": page})
    assert stage.mixer.hears(talk.a, talk.b)
    assert await ended(stage, talk, run) == "failed"


@in_no_time
async def test_F105_twiml_plays_pauses_and_hangs_up() -> None:
    stage, scripts, talk, run = await pivoted({"start": response(
        '<Play loop="2">https://x/hello.wav</Play>', '<Pause length="3"/>', "<Hangup/>")}, req_format="twiml",
        method="post")
    assert scripts.asked[0][0] == "POST"
    assert scripts.asked[0][2]["CallSid"] == talk.a.id
    for _ in range(2):
        assert stage.hears(talk.a) == ["hello.wav"]
        stage.player.made[-1].finish()
        await settled()
    await asyncio.sleep(2)
    assert talk.call.state is CallState.TALKING
    await asyncio.sleep(2)
    assert await ended(stage, talk, run) == "done"


@in_no_time
async def test_F105_twiml_dials_and_tells_what_came_of_it() -> None:
    stage, scripts, talk, run = await pivoted({
        "start": response('<Dial action="after" timeout="10"><Number>1002</Number><Client>d1003</Client></Dial>'),
        "after": response("<Dial>3001</Dial>")}, req_format="twiml")
    assert [leg.number for leg in stage.dialer.legs[1:]] == ["1002", "1003"]
    await asyncio.sleep(10.5)
    assert scripts.asked[1][:2] == ("POST", "https://w/after")
    assert scripts.asked[1][2]["DialCallStatus"] == "failed"
    stage.dialer.legs[-1].answers()
    await settled()
    assert stage.mixer.hears(talk.a, stage.dialer.legs[-1])
    assert await ended(stage, talk, run) == "answered"


@in_no_time
async def test_F105_twiml_gathers_digits_that_no_code_hears() -> None:
    stage, scripts, talk, run = await pivoted({
        "start": response('<Gather action="got" numDigits="4"><Play>menu</Play></Gather>', "<Hangup/>"),
        "got": response("<Redirect>start</Redirect>")}, req_format="twiml")
    assert stage.hears(talk.a) == ["menu"]
    heard = len(stage.events("digit.heard"))
    talk.a.press("*12")
    await asyncio.sleep(0.1)
    assert stage.hears(talk.a) == []
    talk.a.press("#")
    await asyncio.sleep(0.1)
    assert scripts.asked[1][2]["Digits"] == "*12"
    assert len(stage.events("digit.heard")) == heard
    assert scripts.asked[2][1] == "https://w/start"
    stage.player.made[-1].finish()
    await asyncio.sleep(6)  # nobody types: the next verb
    assert talk.call.state is CallState.ENDED
    assert await ended(stage, talk, run) == "done"


@in_no_time
async def test_F105_twiml_records_until_a_key_and_rejects() -> None:
    stage, scripts, talk, run = await pivoted({
        "start": response('<Record action="done" maxLength="30" finishOnKey="#"/>'),
        "done": response('<Reject reason="busy"/>')}, req_format="twiml")
    await asyncio.sleep(5)
    assert len(stage.recorder.live) == 1
    talk.a.press("#")
    await asyncio.sleep(0.1)
    assert stage.recorder.live == {}
    assert "RecordingDuration" in scripts.asked[1][2]
    assert talk.a.hung_up is not None
    assert "486" in (talk.a.hung_up.header or "")
    assert await ended(stage, talk, run) == "done"


@in_no_time
async def test_documents_that_lead_in_a_circle_come_to_an_end() -> None:
    stage, scripts, talk, run = await pivoted({"start": response("<Redirect>start</Redirect>")}, req_format="twiml")
    await asyncio.sleep(1)
    assert len(scripts.asked) < 60
    assert stage.events("flow.failed")
    assert await ended(stage, talk, run) == "done"
