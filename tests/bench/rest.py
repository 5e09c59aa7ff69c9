# SPDX-License-Identifier: GPL-3.0-or-later
"""How many REST questions one client gets answered, with 1,000 accounts of 10 devices: `python -m tests.bench.rest`."""

from __future__ import annotations

import socket
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from b2bua.api import ApiParts, ApiThread
from b2bua.store import Store
from config.settings import Api
from tests.peers.ports import free_port

QUESTIONS = 2000
ACCOUNTS = [{"id": f"{index:032x}", "api_key": f"key-of-{index}",
             "metaflows": {"numbers": {"1": {"module": "hangup"}}},
             "devices": [{"id": f"d{device}"} for device in range(10)]} for index in range(1000)]


def ask(client: socket.socket, request: bytes) -> float:
    """One question; how long its answer took, s."""
    began_s = time.perf_counter()
    client.sendall(request)
    answer = client.recv(65536)
    while not answer.endswith(b"}"):
        answer += client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    return time.perf_counter() - began_s


def measure(thread: ApiThread) -> None:
    """Print questions a second, and the times of one."""
    host, port = thread.address
    with httpx.Client(base_url=f"http://{host}:{port}") as http:
        token = http.put("/v2/api_auth", json={"data": {"api_key": "key-of-1"}}).json()["auth_token"]
    request = (f"GET /v2/accounts/{1:032x}/metaflows HTTP/1.1\r\nhost: x\r\n"
               f"x-auth-token: {token}\r\n\r\n").encode()
    with socket.create_connection((host, port)) as client:
        began_s = time.perf_counter()
        took_ms = sorted(ask(client, request) * 1000 for _ in range(QUESTIONS))
        rate = QUESTIONS / (time.perf_counter() - began_s)
    print(f"{rate:.0f} GETs a second on one connection; median {statistics.median(took_ms):.2f} ms, "
          f"p99 {took_ms[QUESTIONS * 99 // 100]:.2f} ms")


def main() -> None:
    """Start the API thread with a large directory, and ask."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder)}/b2bua.db")
        api = Api(listen=f"127.0.0.1:{free_port('127.0.0.1')}")
        thread = ApiThread(ApiParts(store, api, CollectorRegistry(), lambda: True), {"accounts": ACCOUNTS})
        began_s = time.perf_counter()
        thread.start()
        print(f"start with {len(ACCOUNTS)} accounts: {time.perf_counter() - began_s:.2f} s")
        try:
            measure(thread)
        finally:
            thread.stop()


if __name__ == "__main__":
    main()
