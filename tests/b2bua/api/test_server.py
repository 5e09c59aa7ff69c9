# SPDX-License-Identifier: GPL-3.0-or-later
"""The API thread with real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from b2bua.api import ApiError, ApiParts, ApiThread
from b2bua.store import SeedError, Store, StoreError
from config.settings import Api

A = "a" * 32
SEED: dict[str, Any] = {"accounts": [{"id": A, "name": "Alpha", "api_key": "key-of-account-a"}]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def parts(tmp_path: Path, port: int) -> ApiParts:
    store = Store(f"sqlite:///{tmp_path}/b2bua.db")
    return ApiParts(store, Api(listen=f"127.0.0.1:{port}"), CollectorRegistry(), lambda: True)


def test_starts_serves_and_stops(tmp_path: Path) -> None:
    made = parts(tmp_path, free_port())
    told: list[Any] = []
    made.store.on_change.append(told.append)
    thread = ApiThread(made, SEED)
    thread.start()
    try:
        assert list(told[-1].accounts) == [A]
        host, port = thread.address
        with httpx.Client(base_url=f"http://{host}:{port}") as http:
            assert http.get("/healthz").json()["status"] == "ok"
            token = http.put("/v2/api_auth", json={"data": {"api_key": "key-of-account-a"}}).json()["auth_token"]
            assert http.get(f"/v2/accounts/{A}/metaflows", headers={"X-Auth-Token": token}).status_code == 200
        assert list(thread.call(made.store.directory()).accounts) == [A]
    finally:
        thread.stop()
        thread.stop()
    assert "api" not in [other.name for other in threading.enumerate()]
    assert not [other.name for other in threading.enumerate() if "aiosqlite" in other.name]


def test_the_seed_is_imported_only_into_an_empty_store(tmp_path: Path) -> None:
    for name in ("Alpha", "Beta"):
        made = parts(tmp_path, free_port())
        thread = ApiThread(made, {"accounts": [{"id": A, "name": name}]})
        thread.start()
        try:
            assert thread.call(made.store.directory()).accounts[A]["name"] == "Alpha"
        finally:
            thread.stop()


def test_an_address_in_use_is_told_with_its_key(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ApiError, match=rf"api.listen = '127.0.0.1:{port}': cannot listen: another program"):
            ApiThread(parts(tmp_path, port)).start()


def test_a_store_that_cannot_open_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "b2bua.db").write_text("this is no database, and it is long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=r"b2bua\.db"):
        ApiThread(parts(tmp_path, free_port())).start()


def test_a_bad_seed_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"accounts\.0\.id"):
        ApiThread(parts(tmp_path, free_port()), {"accounts": [{"id": "x"}]}).start()


def is_closed(client: socket.socket) -> bool:
    """By the other side, within a moment."""
    client.settimeout(5)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_strangers_cannot_use_up_the_files_that_calls_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.api.connections.CONNECTIONS_MAX", 3)
    monkeypatch.setattr("b2bua.api.connections.PATIENCE_S", 0.5)
    monkeypatch.setattr("b2bua.api.front.BODY_S", 0.3)
    thread = ApiThread(parts(tmp_path, free_port()))
    thread.start()
    try:
        with contextlib.ExitStack() as stack:
            first = [stack.enter_context(socket.create_connection(thread.address)) for _ in range(3)]
            assert is_closed(stack.enter_context(socket.create_connection(thread.address)))  # one too many
            assert all(is_closed(client) for client in first)  # they asked nothing
        with socket.create_connection(thread.address) as slow:
            slow.sendall(b"PUT /v2/api_auth HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
            slow.settimeout(5)
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")
        with socket.create_connection(thread.address) as later:
            later.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += later.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200")
            for byte in b"GET /healthz HTTP/1.1\r\n":  # the second question, byte by byte
                with contextlib.suppress(OSError):
                    later.sendall(bytes([byte]))
                time.sleep(0.05)
            assert is_closed(later)
    finally:
        thread.stop()
