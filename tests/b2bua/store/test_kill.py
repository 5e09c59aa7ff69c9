# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the whole product while clients write: what was answered with success is there afterwards."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.peers.rest import Rest
from tests.peers.sidecar import Sidecar, between, seed_document

WRITERS = 4
WRITES_BEFORE_KILL = 40


def write(sidecar: Sidecar, name: str, answered: list[tuple[str, str, str]], enough: threading.Event) -> None:
    """Create devices, and change each once, until the product is gone. Keeps (id, number, revision) of what it said."""
    client = Rest(sidecar)
    try:
        for count in itertools.count():
            made = client.ask("PUT", "/devices", {"name": name, "numbers": [f"{name}-{count}"]})
            device_id = made["data"]["id"]
            answered.append((device_id, f"{name}-{count}", "1-"))
            client.ask("PATCH", f"/devices/{device_id}", {"numbers": [f"{name}-{count}-again"]})
            answered.append((device_id, f"{name}-{count}-again", "2-"))
            if len(answered) >= WRITES_BEFORE_KILL:
                enough.set()
    except (OSError, http.client.HTTPException):
        return


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
    client = Rest(sidecar)
    for document_id, number, revision in answered:
        stored = client.ask("GET", f"/devices/{document_id}")
        assert stored["revision"] >= revision
        if stored["revision"].startswith(revision):
            assert stored["data"]["numbers"] == [number]


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
