# SPDX-License-Identifier: GPL-3.0-or-later
"""The event stream, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from b2bua.api import ApiParts, ApiThread
from b2bua.api.stream import BACKLOG, EventStream, Listener
from b2bua.calls.events import Event
from b2bua.store import Store
from config.settings import Api

A, B = "a" * 32, "b" * 32
SEED: dict[str, Any] = {"accounts": [{"id": A, "api_key": "key-of-account-a"},
                                     {"id": B, "api_key": "key-of-account-b"}]}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[str, str, EventStream]]:
    """host:port, a token of A, and where events go in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    settings = Api(listen=f"127.0.0.1:{port}", event_streams=2)
    parts = ApiParts(Store(f"sqlite:///{tmp_path}/x.db"), settings, CollectorRegistry(), lambda: True)
    thread = ApiThread(parts, SEED)
    thread.start()
    answer = httpx.put(f"http://127.0.0.1:{port}/v2/api_auth", json={"data": {"api_key": "key-of-account-a"}})
    yield f"127.0.0.1:{port}", answer.json()["auth_token"], parts.events
    thread.stop()


def event(name: str, account_id: str = A, call_id: str = "c1") -> Event:
    return Event(name, 1_700_000_000.5, call_id, "leg", account_id, {"n": 1})


def test_server_sent_events(running: tuple[str, str, EventStream]) -> None:
    where, token, stream = running
    query = {"auth_token": token, "name": "call.*,digit.heard", "call_id": "c1"}
    with httpx.stream("GET", f"http://{where}/v2/accounts/{A}/events", params=query) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == ": listening"
        for sent in (event("call.started", B), event("transfer.started"), event("call.started", call_id="c2"),
                     event("call.started"), event("digit.heard")):
            stream.publish(sent)
        text = [line for _, line in zip(range(4), (line for line in lines if line), strict=False)]
    assert [text[0], text[2]] == ["event: call.started", "event: digit.heard"]
    assert json.loads(text[1].removeprefix("data: ")) == {
        "name": "call.started", "timestamp": "2023-11-14T22:13:20.500Z", "account_id": A, "call_id": "c1",
        "leg_id": "leg", "fields": {"n": 1}}


def test_another_accounts_events_are_403(running: tuple[str, str, EventStream]) -> None:
    where, token, _ = running
    assert httpx.get(f"http://{where}/v2/accounts/{B}/events", headers={"X-Auth-Token": token}).status_code == 403
    for path, secret in ((B, token), (A, "bad"), (A, "")):
        with pytest.raises(InvalidStatus), connect(f"ws://{where}/v2/accounts/{path}/events?auth_token={secret}"):
            pass


def test_F11_a_websocket_has_the_token_sources_of_any_request(running: tuple[str, str, EventStream]) -> None:
    where, token, _ = running
    for headers in ({"X-Auth-Token": token}, {"Authorization": f"Bearer {token}"}, {"Authorization": token}):
        with connect(f"ws://{where}/v2/accounts/{A}/events", additional_headers=headers) as websocket:
            websocket.ping().wait(5)


def test_websocket(running: tuple[str, str, EventStream]) -> None:
    where, token, stream = running
    with connect(f"ws://{where}/v2/accounts/{A}/events?auth_token={token}&name=call.*") as websocket:
        received = None
        while received is None:  # the server listens a moment after it has accepted
            stream.publish(event("digit.heard"))
            stream.publish(event("call.ended"))
            try:
                received = json.loads(websocket.recv(0.1))
            except TimeoutError:
                continue
        assert received["name"] == "call.ended"


def test_stopping_ends_streams_quickly(running: tuple[str, str, EventStream]) -> None:
    where, token, stream = running
    with httpx.stream("GET", f"http://{where}/v2/accounts/{A}/events", params={"auth_token": token}) as answer:
        lines = answer.iter_lines()
        next(lines)
        stream.publish(event("call.started"))
        assert [next(lines), next(lines)] == ["", "event: call.started"]


def test_an_account_has_so_many_streams_and_no_more(running: tuple[str, str, EventStream]) -> None:
    where, token, stream = running
    path, query = f"{where}/v2/accounts/{A}/events", {"auth_token": token}
    with (httpx.stream("GET", f"http://{path}", params=query) as first, connect(f"ws://{path}?auth_token={token}")):
        lines = first.iter_lines()
        assert next(lines) == ": listening"
        assert httpx.get(f"http://{path}", params=query).status_code == 429
        with pytest.raises(InvalidStatus):
            connect(f"ws://{path}?auth_token={token}")
    for _ in range(100):  # both have left
        stream.publish(event("call.started"))  # a stream notices when it sends
        if stream.count(A) == 0:
            break
        time.sleep(0.05)
    with httpx.stream("GET", f"http://{path}", params=query) as again:
        assert again.status_code == 200


async def test_a_slow_listener_loses_the_newest_and_knows_it() -> None:
    stream = EventStream()
    with stream.listening(Listener(A)) as listener:
        for index in range(BACKLOG + 5):
            stream.publish(event(f"call.n{index}"))
            await asyncio.sleep(0)
        assert listener.lost == 5
        first = await listener.next()
        assert first is not None
        assert first.name == "call.n0"
        stream.close()
    stream.publish(event("call.started"))
