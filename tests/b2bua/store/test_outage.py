# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL is away: at the start it is waited for, later all goes on but for writing, and it comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest
from prometheus_client import CollectorRegistry

from b2bua.api import ApiParts, ApiThread
from b2bua.store import Ref, Store, StoreError
from config.settings import Api

if TYPE_CHECKING:
    from tests.b2bua.store.conftest import Postgres

A, KEY = "a" * 32, "key-of-account-a"
DEVICES = f"/v2/accounts/{A}/devices"
SEED: dict[str, Any] = {"accounts": [{"id": A, "name": "Alpha", "api_key": KEY, "devices": [{"id": "d1"}]}]}
SOON_S = 20.0  # as long as anything may take on a busy machine


@pytest.fixture
async def empty(postgres_server: Postgres) -> AsyncIterator[str]:
    """The url of a new database; the server runs again afterwards."""
    connection = await asyncpg.connect(postgres_server.url)
    await connection.execute("DROP DATABASE IF EXISTS outage")
    await connection.execute("CREATE DATABASE outage")
    await connection.close()
    yield postgres_server.url.removesuffix("/postgres") + "/outage"
    await started(postgres_server)


async def stopped(server: Postgres) -> None:
    await asyncio.to_thread(server.stop)


async def started(server: Postgres) -> None:
    """Unless it runs."""
    try:
        await (await asyncpg.connect(server.url)).close()
    except OSError:
        await asyncio.to_thread(server.start)


class Service:
    """The API on its own thread, as the product has it."""

    def __init__(self, url: str, wait_s: float) -> None:
        self.store = Store(url, wait_s)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._address = f"127.0.0.1:{free.getsockname()[1]}"
        parts = ApiParts(self.store, Api(listen=self._address), CollectorRegistry(), lambda: True)
        self._thread = ApiThread(parts, SEED)
        self.starting = asyncio.create_task(asyncio.to_thread(self._thread.start))

    async def __aenter__(self) -> Service:
        return self

    async def ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://{self._address}", timeout=SOON_S) as http:
            return await http.request(verb, path, **more)

    async def until(self, status: int, verb: str, path: str, **more: Any) -> httpx.Response:
        """Asked again and again until it is answered so."""
        until_s = time.monotonic() + SOON_S
        while True:
            with contextlib.suppress(httpx.ConnectError):
                if (answer := await self.ask(verb, path, **more)).status_code == status:
                    return answer
            assert time.monotonic() < until_s
            await asyncio.sleep(0.05)

    async def __aexit__(self, *error: object) -> None:
        await asyncio.gather(self.starting, return_exceptions=True)
        await asyncio.to_thread(self._thread.stop)


async def test_the_start_waits_for_postgresql_and_says_so(
        postgres_server: Postgres, empty: str, caplog: pytest.LogCaptureFixture) -> None:
    await stopped(postgres_server)
    async with Service(empty, 60) as service:
        health = await service.until(503, "GET", "/healthz")
        assert health.json()["store"] == "the database does not answer"
        answer = await service.ask("PUT", "/v2/api_auth", json={"data": {"api_key": KEY}})
        assert (answer.status_code, answer.json()["message"]) == (503, "datastore_unreachable")
        assert not service.starting.done()
        await started(postgres_server)
        await asyncio.wait_for(service.starting, SOON_S)
        assert (await service.ask("GET", "/healthz")).status_code == 200
        await service.until(201, "PUT", "/v2/api_auth", json={"data": {"api_key": KEY}})
    (line,) = [record.getMessage() for record in caplog.records if "store_wait_s" in record.getMessage()]
    assert "check that PostgreSQL runs" in line
    assert "\n" not in line


async def test_the_start_ends_when_it_has_waited_long_enough(postgres_server: Postgres, empty: str) -> None:
    await stopped(postgres_server)
    began_s = time.monotonic()
    with pytest.raises(StoreError, match=r"^store: postgresql://test@127[^\n]*: cannot be opened: [^\n]*$"):
        await Store(empty, 1.5).open()
    assert time.monotonic() - began_s >= 1.5


async def test_a_database_that_does_not_exist_is_not_waited_for(empty: str) -> None:
    with pytest.raises(StoreError, match='cannot be opened: database "nowhere" does not exist: check'):
        await asyncio.wait_for(Store(empty.replace("outage", "nowhere"), 600).open(), SOON_S)


async def test_reading_goes_on_and_writing_is_503_until_it_is_back(
        postgres_server: Postgres, empty: str, caplog: pytest.LogCaptureFixture) -> None:
    made = {"data": {"name": "New", "numbers": ["1007"]}}
    async with Service(empty, 0) as service:
        await service.starting
        token = (await service.ask("PUT", "/v2/api_auth", json={"data": {"api_key": KEY}})).json()["auth_token"]
        mine = {"headers": {"X-Auth-Token": token}}
        assert (await service.ask("PUT", DEVICES, json={"data": {"name": "Old"}}, **mine)).status_code == 201
        told: list[Any] = []
        service.store.on_change.append(told.append)
        with caplog.at_level(logging.INFO):
            await stopped(postgres_server)
            for _ in range(12):  # more than the pool has connections
                answer = await service.ask("PUT", DEVICES, json=made, **mine)
                assert (answer.status_code, answer.json()["message"]) == (503, "datastore_unreachable"), answer.text
                assert answer.json()["data"]["message"]
            listed = (await service.ask("GET", DEVICES, **mine)).json()["data"]
            assert [device.get("name") for device in listed] == [None, "Old"]
            assert (await service.ask("PUT", "/v2/api_auth", json={"data": {"api_key": KEY}})).status_code == 201
            assert (await service.ask("GET", "/healthz")).status_code == 503
            assert told == []
            await started(postgres_server)
            await service.until(201, "PUT", DEVICES, json=made, **mine)
        assert told[-1].by_number(A, "1007") is not None
        assert (await service.ask("GET", "/healthz")).status_code == 200
        another = Store(empty)  # and what others write is seen again
        await another.open()
        device_id = list(another.account(A).devices)[-1]
        path = f"{DEVICES}/{device_id}"
        await another.edit(Ref(A, "device", device_id), lambda document: {**document, "name": "By another"})
        until_s = time.monotonic() + SOON_S
        while (await service.ask("GET", path, **mine)).json()["data"]["name"] != "By another":
            assert time.monotonic() < until_s
            await asyncio.sleep(0.05)
        await another.close()
    assert not [record for record in caplog.records if record.exc_info], "an outage is no bug"
