# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the whole product while clients write: what was answered with success is there afterwards."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.peers.sidecar import ACCOUNT_ID, API_KEY, Sidecar, between, seed_document

WRITERS = 4
WRITES_BEFORE_KILL = 40
HERE = f"/v2/accounts/{ACCOUNT_ID}"


class Client:
    """One connection, logged in."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", sidecar.api_port, timeout=20)
        self._token = ""
        self._token = self.ask("PUT", "/v2/api_auth", {"api_key": API_KEY})["auth_token"]

    def ask(self, verb: str, path: str, data: Any = None) -> Any:
        """The envelope of a success. raises OSError or HTTPException when the product is gone"""
        body = None if data is None else json.dumps({"data": data})
        self._http.request(verb, path, body, {"X-Auth-Token": self._token} if self._token else {})
        envelope = json.loads(self._http.getresponse().read())
        assert envelope["status"] == "success", envelope
        return envelope

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()


def write(sidecar: Sidecar, name: str, answered: list[tuple[str, str, str]], enough: threading.Event) -> None:
    """Create devices, and change each once, until the product is gone. Keeps (id, number, revision) of what it said."""
    client = Client(sidecar)
    try:
        for count in itertools.count():
            made = client.ask("PUT", f"{HERE}/devices", {"name": name, "numbers": [f"{name}-{count}"]})
            device_id = made["data"]["id"]
            answered.append((device_id, f"{name}-{count}", "1-"))
            client.ask("PATCH", f"{HERE}/devices/{device_id}", {"numbers": [f"{name}-{count}-again"]})
            answered.append((device_id, f"{name}-{count}-again", "2-"))
            if len(answered) >= WRITES_BEFORE_KILL:
                enough.set()
    except (OSError, http.client.HTTPException):
        return
    finally:
        client.close()


def killed_while_writing(sidecar: Sidecar) -> list[tuple[str, str, str]]:
    """Everything that was answered before kill -9 came."""
    answered: list[tuple[str, str, str]] = []
    enough = threading.Event()
    sidecar.start()
    with ThreadPoolExecutor(WRITERS) as pool:
        done = [pool.submit(write, sidecar, f"w{index}", answered, enough) for index in range(WRITERS)]
        assert enough.wait(30), sidecar.log_tail()
        sidecar.signal(signal.SIGKILL)
        sidecar.wait()
        for one in done:
            one.result()
    return answered


def check(sidecar: Sidecar, answered: list[tuple[str, str, str]]) -> None:
    """Every device is there, as new as was said, or newer by the one write that nobody was told of."""
    sidecar.start()
    client = Client(sidecar)
    for document_id, number, revision in answered:
        stored = client.ask("GET", f"{HERE}/devices/{document_id}")
        assert stored["revision"] >= revision
        if stored["revision"].startswith(revision):
            assert stored["data"]["numbers"] == [number]
    client.close()


async def test_kill_9_during_writes_loses_nothing_that_was_answered(url: str, tmp_path: Path) -> None:
    peers = between(("127.0.0.2", 5060), ("127.0.0.3", 5060))
    sidecar = Sidecar(tmp_path / "b2bua", {**peers, "store": url}, seed_document())
    try:
        answered = await asyncio.to_thread(killed_while_writing, sidecar)
        assert len(answered) >= WRITES_BEFORE_KILL
        await asyncio.to_thread(check, sidecar, answered)
        assert await asyncio.to_thread(sidecar.stop) == 0
    finally:
        sidecar.kill()
