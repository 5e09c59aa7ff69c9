# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that asks the product's REST API at a steady rate, and keeps how long each answer took."""

from __future__ import annotations

import socket
import statistics
import threading
import time

from tests.peers.sidecar import ACCOUNT_ID, Sidecar

CONNECTIONS = 4  # questions that may be open at once


class Asker:
    """GETs of metaflows, `rate` a second for so long. As a context manager it has ended when the block has."""

    def __init__(self, sidecar: Sidecar, rate: int, seconds: float) -> None:
        self._address = ("127.0.0.1", sidecar.api_port)
        self._questions, self._step_s = round(rate * seconds), 1 / rate
        self._request = (f"GET /v2/accounts/{ACCOUNT_ID}/metaflows HTTP/1.1\r\nhost: x\r\n"
                         f"x-auth-token: {sidecar.token()}\r\n\r\n").encode()
        self._took_ms: list[float] = []
        self._spent_s = 0.0
        self.failed = 0
        self._threads = [threading.Thread(target=self._ask, args=(index,)) for index in range(CONNECTIONS)]

    def __enter__(self) -> Asker:
        self._began_s = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        for thread in self._threads:
            thread.join()

    def _ask(self, index: int) -> None:
        with socket.create_connection(self._address) as client:
            for number in range(index, self._questions, CONNECTIONS):
                time.sleep(max(0.0, self._began_s + number * self._step_s - time.monotonic()))
                began_s = time.perf_counter()
                client.sendall(self._request)
                answer = client.recv(65536)
                while answer and not answer.endswith(b"}"):
                    answer += client.recv(65536)
                self._took_ms.append(1000 * (time.perf_counter() - began_s))
                self.failed += not answer.startswith(b"HTTP/1.1 200")
        self._spent_s = time.monotonic() - self._began_s

    def note(self) -> str:
        """What came of it."""
        p50, p99 = statistics.median(self._took_ms), statistics.quantiles(self._took_ms, n=100)[98]
        return (f"{len(self._took_ms) / self._spent_s:.0f} GETs/s, {self.failed} failed, "
                f"p50 {p50:.1f} ms, p99 {p99:.0f} ms")
