# SPDX-License-Identifier: GPL-3.0-or-later
"""pivot: what a web server is asked and what its answer does with the call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from b2bua.calls.call import CallState
from b2bua.metaflows.context import Report
from b2bua.metaflows.scripts import Answer, ScriptError
from tests.b2bua.metaflows.flows import chain, ended, started
from tests.b2bua.metaflows.stage import Stage, Talk, settled
from tests.fakes import in_no_time


@dataclass
class FakeScripts:
    """Answers by URL, and remembers what it was asked."""

    pages: dict[str, str]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    told: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def ask(self, account_id: str | None, method: str, url: str, fields: Mapping[str, str]) -> Answer:
        self.asked.append((method, url, dict(fields)))
        if url not in self.pages:
            raise ScriptError("the server answered 404")
        return Answer(self.pages[url], self.pages[url].startswith("<"))

    def tell(self, account_id: str | None, url: str, fields: Mapping[str, str]) -> None:
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
        cdr_url="https://w/cdr", debug=True)
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
    assert [event["url"] for event in stage.events("pivot.fetched")] == ["https://w/start", "https://w/next"]


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
