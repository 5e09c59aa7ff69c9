# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for uploads that does as it is told, request by request: take, refuse, stall, redirect, die."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """One that came whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at_s: float


@dataclass
class UploadServer:
    """`plan` has one word per request, the last one goes for all that follow.

    take; a status such as 503; `302 <location>`; stall (reads, never answers); drip (answers
    for ever); die (cuts the connection amid the body)
    """

    plan: list[str]
    host: str = "127.0.0.1"
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    attempts: int = 0

    @property
    def url(self) -> str:
        """Of its root, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    def wait(self, count: int, timeout_s: float = 15.0) -> None:
        """Until so many requests were taken; raises AssertionError."""
        end_s = time.monotonic() + timeout_s
        while len(self.requests) < count:
            assert time.monotonic() < end_s, f"{len(self.requests)} of {count} uploads, {self.attempts} attempts"
            time.sleep(0.02)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request. On a thread of its own."""
        word = self.plan[min(self.attempts, len(self.plan) - 1)]
        self.attempts += 1
        length = int(handler.headers.get("content-length", 0))
        if word == "die":
            handler.rfile.read(min(10, length))
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        body = handler.rfile.read(length)
        if word == "stall":
            time.sleep(3)
            return
        if word == "drip":
            for letter in b"HTTP/1.1 200 OK\r\nX: y" + b"y" * 1000:
                handler.wfile.write(bytes([letter]))
                time.sleep(0.1)
        status, _, location = ("201", "", "") if word == "take" else word.partition(" ")
        if word == "take":
            headers = {key.lower(): value for key, value in handler.headers.items()}
            self.requests.append(Request(handler.command, handler.path, headers, body, time.monotonic()))
        handler.send_response(int(status))
        if location:
            handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def upload_server(*plan: str, host: str = "127.0.0.1") -> Iterator[UploadServer]:
    """A server that listens."""
    served = UploadServer(list(plan), host)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            served.answer(self)

        do_POST = do_PUT  # noqa: N815 - the name is the library's

        def log_message(self, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass

    server = Quiet((host, 0), Handler)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
