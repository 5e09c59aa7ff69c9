# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `b2bua` against files, a store, and a running API."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from b2bua.api import ActResult, ApiParts, ApiThread
from b2bua.cli import app
from b2bua.store import Store
from config.settings import Api

A, CHILD, KEY = "a" * 32, "c" * 32, "key-of-account-a"
SEED: dict[str, Any] = {"accounts": [
    {"id": A, "name": "Alpha", "realm": "alpha.example", "api_key": KEY, "users": [{"id": "u1", "name": "Ada"}],
     "devices": [{"id": "d1", "name": "Desk [1]", "owner_id": "u1", "numbers": ["1001"]}]},
    {"id": CHILD, "name": "Child", "parent": A}]}
LEGS = [{"uuid": "leg-1", "interaction_id": "call-1", "direction": "inbound", "from": "sip:2000@trunk", "to": "1001",
         "channel_state": "talking", "timestamp": 1, "other_leg_call_id": "leg-2"}]
PARKED = [{"slot": "701", "call_id": "leg-1", "number": "2000", "name": "Ann", "parked_by": "1001", "timestamp": 1}]


@dataclass
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `b2bua` in a directory of its own.

    told  what live calls were told to do
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    told: list[tuple[str, str, Any]] = field(default_factory=list)
    answer: ActResult = field(default_factory=lambda: ActResult("started"))

    def __call__(self, *words: str, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(app, list(words), input=stdin, env={"B2BUA_API_KEY": None, **self.env})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def file(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    # -- live calls, as the API sees them -----------------------------------------------------------------------

    async def channels(self, account_id: str) -> list[dict[str, Any]]:
        return LEGS if account_id == A else []

    async def channel(self, account_id: str, leg_id: str) -> dict[str, Any] | None:
        return next((leg for leg in await self.channels(account_id) if leg["uuid"] == leg_id), None)

    async def act(self, account_id: str, leg_id: str, action: str, data: Any, wait_s: float = 0.0) -> ActResult:
        self.told.append((leg_id, action, dict(data)))
        return self.answer

    async def parked(self, account_id: str) -> list[dict[str, Any]]:
        return PARKED if account_id == A else []


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Without a service; its store is a file in the folder."""
    for name in [name for name in os.environ if name.startswith("B2BUA")]:
        monkeypatch.delenv(name)
    return Shell(tmp_path, {"B2BUA__STORE": f"sqlite:///{tmp_path}/b2bua.db"})


@pytest.fixture
def served(shell: Shell) -> Iterator[Shell]:
    """With a running service, and its key and address in the environment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    parts = ApiParts(Store(shell.env["B2BUA__STORE"]), Api(listen=f"127.0.0.1:{port}"), CollectorRegistry(),
                     lambda: True, shell, pbx_codes=("*98",))
    thread = ApiThread(parts, SEED)
    thread.start()
    shell.env |= {"B2BUA_API_KEY": KEY, "B2BUA_URL": f"http://127.0.0.1:{port}"}
    yield shell
    thread.stop()
