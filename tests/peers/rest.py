# SPDX-License-Identifier: GPL-3.0-or-later
"""The product's REST API as a client of the test account uses it, and its event stream."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from tests.peers.sidecar import ACCOUNT_ID, API_KEY, Sidecar

LIMIT_S = 20.0
Fields = dict[str, Any]


class Rest:
    """Logged in. Paths are below the account."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._address = ("127.0.0.1", sidecar.api_port)
        self._http = http.client.HTTPConnection(*self._address, timeout=LIMIT_S)
        self._headers: dict[str, str] = {}
        answer = self._send("PUT", "/v2/api_auth", {"api_key": API_KEY})
        self._headers["X-Auth-Token"] = answer["auth_token"]

    def ask(self, verb: str, path: str, data: Any = None) -> Any:
        """The envelope of a success. raises OSError or HTTPException when the product is gone"""
        return self._send(verb, f"/v2/accounts/{ACCOUNT_ID}{path}", data)

    def _send(self, verb: str, path: str, data: Any) -> Any:
        self._http.request(verb, path, None if data is None else json.dumps({"data": data}), self._headers)
        try:
            envelope = json.loads(self._http.getresponse().read())
        finally:
            self._http.close()  # the product would, after some seconds without a question
        assert envelope["status"] == "success", envelope
        return envelope

    @contextlib.contextmanager
    def device(self, number: str, metaflows: Mapping[str, Any]) -> Iterator[str]:
        """A device of this number while the block lasts; its id."""
        made = self.ask("PUT", "/devices", {"name": number, "numbers": [number], "metaflows": metaflows})
        try:
            yield made["data"]["id"]
        finally:
            self.ask("DELETE", f"/devices/{made['data']['id']}")

    @contextlib.contextmanager
    def events(self, names: str) -> Iterator[EventLog]:
        """What the event stream tells while the block lasts."""
        stream = http.client.HTTPConnection(*self._address, timeout=LIMIT_S)
        stream.request("GET", f"/v2/accounts/{ACCOUNT_ID}/events?name={names}", headers=self._headers)
        answer = stream.getresponse()
        assert answer.status == 200, answer.read()
        answer.readline()  # ": listening"
        log = EventLog()
        thread = threading.Thread(target=log.read, args=(answer,), daemon=True)
        thread.start()
        try:
            yield log
        finally:
            if stream.sock is not None:
                stream.sock.shutdown(2)
            thread.join(LIMIT_S)
            answer.close()
            stream.close()


class EventLog:
    """Events in order, each with its name and its fields."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._seen: list[tuple[str, Fields]] = []

    def read(self, lines: http.client.HTTPResponse) -> None:
        """Until the stream ends."""
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            for line in lines:
                if line.startswith(b"data: "):
                    told = json.loads(line.removeprefix(b"data: "))
                    with self._changed:
                        self._seen.append((told["name"], told["fields"]))
                        self._changed.notify_all()

    def named(self, name: str) -> list[Fields]:
        """The fields of all events of this name so far."""
        with self._changed:
            return [fields for seen, fields in self._seen if seen == name]

    @property
    def names(self) -> list[str]:
        """What happened so far."""
        with self._changed:
            return [name for name, _ in self._seen]

    def wait(self, name: str, count: int = 1, timeout_s: float = 8.0) -> list[Fields]:
        """Until so many of this name were told."""
        with self._changed:
            told = self._changed.wait_for(lambda: self.names_of(name) >= count, timeout_s)
        assert told, f"{count} {name} in {timeout_s:g} s? {self.names}"
        return self.named(name)

    def names_of(self, name: str) -> int:
        """How many of this name so far."""
        return sum(seen == name for seen, _ in self._seen)
