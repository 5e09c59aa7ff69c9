# SPDX-License-Identifier: GPL-3.0-or-later
"""The API over a real SQLite file, asked through ASGI."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from b2bua.api import ActResult, ApiParts, create_app
from b2bua.media.shelf import Shelf
from b2bua.store import Store
from config.recordings import Recordings
from config.settings import Api, Sounds

A, CHILD, OTHER = "a" * 32, "c" * 32, "0" * 32
KEY, CHILD_KEY, OTHER_KEY = "key-of-account-a", "key-of-the-child", "key-of-the-other"
SEED: dict[str, Any] = {"accounts": [
    {"id": A, "name": "Alpha", "realm": "alpha.example", "api_key": KEY,
     "users": [{"id": "u1", "name": "Ada"}, {"id": "u2", "name": "Bo"}],
     "devices": [{"id": "d1", "name": "Desk", "owner_id": "u1", "numbers": ["1001"], "sip": {"username": "ada"}},
                 {"id": "d2", "name": "Hall", "numbers": ["1002"]}]},
    {"id": CHILD, "name": "Child", "api_key": CHILD_KEY, "parent": A, "devices": [{"id": "d9", "numbers": ["9"]}]},
    {"id": OTHER, "name": "Other", "api_key": OTHER_KEY},
]}


class Clock:
    """Wall clock that tests move."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class FakeLive:
    """Live calls as a test wants them; remembers what it was told."""

    legs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    result: ActResult = field(default_factory=lambda: ActResult("started"))
    stays: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)
    told: list[tuple[str, str, str, Any]] = field(default_factory=list)

    async def channels(self, account_id: str) -> list[dict[str, Any]]:
        return self.legs.get(account_id, [])

    async def channel(self, account_id: str, leg_id: str) -> dict[str, Any] | None:
        return next((leg for leg in self.legs.get(account_id, []) if leg["uuid"] == leg_id), None)

    async def act(self, account_id: str, leg_id: str, action: str, data: Any, wait_s: float = 0.0) -> ActResult:
        self.told.append((account_id, leg_id, action, data))
        self.waited.append(wait_s)
        return self.result

    async def parked(self, account_id: str) -> list[dict[str, Any]]:
        return self.stays.get(account_id, [])


@dataclass
class Running:
    """A running API and what it is made of."""

    http: httpx.AsyncClient
    store: Store
    clock: Clock
    live: FakeLive
    ready: list[bool]
    parts: ApiParts

    async def token(self, key: str = KEY) -> str:
        answer = await self.http.put("/v2/api_auth", json={"data": {"api_key": key}})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["auth_token"])

    async def login(self, key: str = KEY) -> None:
        self.http.headers["X-Auth-Token"] = await self.token(key)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the seed in it, to be copied."""
    path = tmp_path_factory.mktemp("seeded") / "b2bua.db"

    async def make() -> None:
        store = Store(f"sqlite:///{path}")
        await store.open()
        await store.import_seed(SEED)
        await store.close()
    asyncio.run(make())
    return path


@pytest.fixture
async def api(tmp_path: Path, seeded: Path) -> AsyncIterator[Running]:
    """Not logged in."""
    shutil.copy(seeded, tmp_path / "b2bua.db")
    store = Store(f"sqlite:///{tmp_path}/b2bua.db")
    await store.open()
    clock, live, ready = Clock(), FakeLive(), [True]
    parts = ApiParts(store, Api(), CollectorRegistry(), lambda: ready[0], live, clock=clock,
                     recordings=Shelf(Recordings(directory=tmp_path / "recordings")),
                     sounds=Sounds(directory=tmp_path / "sounds", max_mb=0.2, quota_mb=0.3, max_s=5))
    transport = httpx.ASGITransport(app=create_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield Running(http, store, clock, live, ready, parts)
    await store.close()


@pytest.fixture
async def inside(api: Running) -> Running:
    """Logged in as account A."""
    await api.login()
    return api
