# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking web servers for flows: off the SIP thread, with limits, never in private networks unless that is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from b2bua.media.workshop import Workshop
from b2bua.metaflows.scripts import Answer, ScriptError
from b2bua.scripts import WebScripts
from config.sections import Pivot
from tests.peers.web import Page, WebServer


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    work = Workshop()
    work.start()
    yield work
    work.stop()


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer.open() as web:
        yield web


async def ask(workshop: Workshop, method: str, url: str, **settings: object) -> Answer:
    scripts = WebScripts(Pivot.model_validate({"private_addresses": True, **settings}), workshop)
    return await scripts.ask(None, method, url, {"Call-ID": "a b&c"})


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_fields_go_as_query_or_form(workshop: Workshop, server: WebServer, method: str) -> None:
    server.pages["/flow"] = Page('{"module": "sleep"}')
    answer = await ask(workshop, method, f"{server.url}/flow?own=1")
    assert answer == Answer('{"module": "sleep"}', is_xml=False)
    (request,) = server.requests
    assert request.method == method
    assert request.fields["own" if method == "GET" else "Call-ID"] == ("1" if method == "GET" else "a b&c")


async def test_xml_is_known_by_its_type_or_by_its_look(workshop: Workshop, server: WebServer) -> None:
    server.pages |= {"/type": Page("x", "text/xml"), "/look": Page(" <Response/>", "text/plain")}
    for path in server.pages:
        assert (await ask(workshop, "GET", server.url + path)).is_xml


@pytest.mark.parametrize(("page", "settings", "why"), [
    (Page("", status=500), {}, "answered 500"),
    (Page("x" * 3000), {"max_kb": 2}, "more than 2 kB"),
    (Page("", after_s=1.0), {"timeout_s": 0.2}, "within 0.2 s"),
    (Page("", status=302, location="/page"), {}, "redirects more than"),
    (Page("", status=302, location="ftp://127.0.0.1/"), {}, "ftp is not http"),
    (Page(""), {"private_addresses": False}, "private address"),
])
async def test_what_cannot_be_had_says_why(workshop: Workshop, server: WebServer, page: Page,
                                           settings: dict[str, object], why: str) -> None:
    server.pages["/page"] = page
    with pytest.raises(ScriptError, match=why):
        await ask(workshop, "GET", f"{server.url}/page", **settings)


async def test_nobody_there_and_no_url_at_all(workshop: Workshop) -> None:
    for url in ("http://127.0.0.1:9/", "http://[", "nonsense"):
        with pytest.raises(ScriptError):
            await ask(workshop, "GET", url)


async def test_the_end_is_told_and_failures_are_only_logged(workshop: Workshop, server: WebServer) -> None:
    server.pages["/cdr"] = Page("")
    scripts = WebScripts(Pivot(private_addresses=True), workshop)
    scripts.tell(None, f"{server.url}/cdr", {"Call-ID": "x"})
    scripts.tell(None, f"{server.url}/none", {})
    assert (await asyncio.to_thread(server.wait, "/cdr")).fields == {"Call-ID": "x"}
    await asyncio.to_thread(server.wait, "/none")
