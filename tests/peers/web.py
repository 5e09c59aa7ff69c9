# SPDX-License-Identifier: GPL-3.0-or-later
"""A real web server for tests: answers by path, and remembers what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Page:
    """What is answered at a path."""

    body: str
    kind: str = "application/json"
    status: int = 200
    location: str | None = None
    after_s: float = 0.0


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    fields: dict[str, str]


@dataclass
class WebServer:
    """Runs on a port of its own. pages: path -> what is answered there; anything else is 404."""

    pages: dict[str, Page] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    @classmethod
    @contextmanager
    def open(cls, host: str = "127.0.0.1") -> Iterator[WebServer]:
        """A server that is stopped afterwards."""
        server = cls()
        http = ThreadingHTTPServer((host, 0), _handler(server))
        server.url = f"http://{host}:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            http.server_close()
            thread.join(2)

    def asked(self, path: str) -> list[Request]:
        """The requests for this path."""
        return [request for request in self.requests if request.path == path]

    def wait(self, path: str, timeout_s: float = 5.0) -> Request:
        """The first request for this path. Raises TimeoutError."""
        end_s = time.monotonic() + timeout_s
        while not self.asked(path):
            if time.monotonic() > end_s:
                raise TimeoutError(f"nobody asked for {path}; asked: {self.requests}")
            time.sleep(0.02)
        return self.asked(path)[0]


def _handler(server: WebServer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            server.requests.append(Request(self.command, url.path, {
                **dict(parse_qsl(url.query, keep_blank_values=True)), **dict(parse_qsl(body, keep_blank_values=True))}))
            page = server.pages.get(url.path, Page("", status=404))
            time.sleep(page.after_s)
            self.send_response(page.status)
            if page.location is not None:
                self.send_header("Location", page.location)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(page.body.encode())))
            self.end_headers()
            self.wfile.write(page.body.encode())

        do_POST = do_GET  # noqa: N815 - http.server names it so

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""
    return Handler
