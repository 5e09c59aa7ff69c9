# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: the routes, and delivery to a real (if small) web server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from b2bua.api.envelope import Refused
from b2bua.api.stream import EventStream
from b2bua.api.webhook_routes import checked
from b2bua.api.webhooks import Webhooks, wants
from b2bua.calls.events import Event
from b2bua.store import Ref

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

A, OTHER = "a" * 32, "0" * 32
BASE = f"/v2/accounts/{A}/webhooks"
HOOK = {"name": "crm", "uri": "https://crm.example/hook", "hook": "call.*"}


async def test_life_of_a_webhook(inside: Running) -> None:
    answer = await inside.http.put(BASE, json={"data": HOOK})
    made = answer.json()["data"]
    assert answer.status_code == 201
    assert len(made["secret"]) == 64
    path = f"{BASE}/{made['id']}"
    assert (await inside.http.get(path)).json()["data"] == {**HOOK, "id": made["id"]}
    await inside.http.patch(path, json={"data": {"enabled": False}})
    await inside.http.post(f"/v2/accounts/{A}", json={"data": {"name": "Alpha"}})
    assert (await inside.http.get(BASE)).json()["data"] == [{**HOOK, "enabled": False, "id": made["id"]}]
    assert "webhooks" not in (await inside.http.get(f"/v2/accounts/{A}")).json()["data"]
    await inside.http.post(path, json={"data": HOOK})
    stored = inside.store.record(Ref(A, "account", A)).document["webhooks"][made["id"]]
    assert stored == {**HOOK, "secret": made["secret"]}
    await inside.http.patch(path, json={"data": {"secret": None}})
    stored = inside.store.record(Ref(A, "account", A)).document["webhooks"][made["id"]]
    assert stored["secret"] == made["secret"], "a new one would be known to nobody"
    assert (await inside.http.patch(path, json={"data": []})).status_code == 400
    assert (await inside.http.delete(path)).status_code == 200
    assert (await inside.http.get(path)).status_code == 404


@pytest.mark.parametrize(("wrong", "key"), [
    ({"uri": "ftp://x"}, "uri"), ({"uri": "http://127.0.0.1/"}, "uri"), ({"name": None}, "name"), ({"hook": 1}, "hook"),
    ({"retries": 9}, "retries"), ({"retries": True}, "retries"), ({"secret": "short"}, "secret"),
    ({"uri": "http://x:99999/"}, "uri"), ({"uri": "http://x/\ud800"}, "uri"), ({"secret": "\ud800" * 9}, "secret"),
    ({"enabled": "x"}, "enabled"), ({"http_verb": "get"}, "http_verb"), ({"custom_data": 1}, "custom_data")])
async def test_a_wrong_webhook_is_refused(inside: Running, wrong: dict[str, Any], key: str) -> None:
    answer = await inside.http.put(BASE, content=json.dumps({"data": {**HOOK, **wrong}}))
    assert answer.status_code == 400
    assert key in answer.json()["data"]


def test_hooks_by_kazoos_names_and_by_ours() -> None:
    assert wants({"hook": "channel_destroy"}, "call.ended")
    assert not wants({"hook": "channel_destroy"}, "call.started")
    assert wants({"hook": "digit.*, call.ended"}, "call.ended")
    assert wants({"hook": "all"}, "anything.happened")


def test_this_machine_may_be_told_where_private_addresses_are_allowed() -> None:
    hook = {"name": "crm", "uri": "http://127.0.0.1:9099/hook", "hook": "all"}
    assert checked(hook, private_addresses=True) == hook
    with pytest.raises(Refused):
        checked(hook, private_addresses=False)


class Receiver:
    """A web server that answers as told, and keeps what it got."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.answers: list[int] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:] if line}
        body = await reader.readexactly(int(headers["content-length"]))
        status = self.answers.pop(0) if self.answers else 200
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        self.got.put_nowait((headers, body))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    await server.wait_closed()


async def test_delivered_in_order_signed_and_again_after_a_failure(inside: Running, receiver: Receiver) -> None:
    hook = {"uri": f"http://127.0.0.1:{receiver.port}/x", "hook": "call.*", "secret": "a-good-secret", "retries": 1}
    await inside.store.edit(Ref(A, "account", A), lambda document: {**document, "webhooks": {"w": hook}})
    stream, registry = EventStream(), CollectorRegistry()
    webhooks = Webhooks(inside.store, stream, registry, inside.clock, private_addresses=True, first_pause_s=0.01)
    webhooks.start()
    await asyncio.sleep(0)
    receiver.answers = [500, 200, 500, 500]
    for name, account_id in (("call.started", A), ("call.started", OTHER), ("digit.heard", A), ("call.answered", A),
                             ("call.ended", A)):
        stream.publish(Event(name, 1.0, "c1", None, account_id))
    async with asyncio.timeout(5):
        got = [await receiver.got.get() for _ in range(5)]
    names = [json.loads(body)["name"] for _, body in got]
    assert names == ["call.started", "call.started", "call.answered", "call.answered", "call.ended"]
    headers, body = got[0]
    digest = hmac.new(b"a-good-secret", b"1700000000." + body, hashlib.sha256).hexdigest()
    assert headers["x-b2bua-signature"] == f"t=1700000000,v1={digest}"
    await asyncio.sleep(0.05)
    await webhooks.stop()
    assert registry.get_sample_value("b2bua_webhook_events_total", {"outcome": "delivered"}) == 2
    assert registry.get_sample_value("b2bua_webhook_events_total", {"outcome": "failed"}) == 1


async def test_a_webhook_that_leads_into_private_networks_is_not_followed(inside: Running, receiver: Receiver) -> None:
    """`localhost` is refused when it is saved; a name that resolves to us is found out when we connect."""
    hook = {"uri": f"http://localhost:{receiver.port}/", "hook": "all", "secret": "a-good-secret", "retries": 0}
    await inside.store.edit(Ref(A, "account", A), lambda document: {**document, "webhooks": {"w": hook}})
    stream, registry = EventStream(), CollectorRegistry()
    webhooks = Webhooks(inside.store, stream, registry, inside.clock)
    webhooks.start()
    await asyncio.sleep(0)
    stream.publish(Event("call.started", 1.0, "c1", None, A))
    for _ in range(100):
        if registry.get_sample_value("b2bua_webhook_events_total", {"outcome": "failed"}):
            break
        await asyncio.sleep(0.02)
    await webhooks.stop()
    assert registry.get_sample_value("b2bua_webhook_events_total", {"outcome": "failed"}) == 1
    assert receiver.got.empty()


async def test_an_account_has_a_hundred_webhooks_at_most(inside: Running) -> None:
    hooks = {str(index): {**HOOK, "secret": "a-good-secret"} for index in range(100)}
    await inside.store.edit(Ref(A, "account", A), lambda document: {**document, "webhooks": hooks})
    answer = await inside.http.put(BASE, json={"data": HOOK})
    assert (answer.status_code, list(answer.json()["data"])) == (400, ["webhooks"])
