# SPDX-License-Identifier: GPL-3.0-or-later
"""The product itself as a subprocess: its configuration and seed, start, health, metrics, end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.peers.ports import free_port

ACCOUNT_ID = "0123456789abcdef0123456789abcdef"
USER_ID = "11112222333344445555666677778888"
API_KEY = "an api key of the tests"
POLL_S = 0.05

METAFLOWS = {
    "binding_digit": "*",
    "numbers": {
        "9": {"module": "record_call", "data": {"action": "toggle", "format": "wav"}},
        "8": {"module": "hangup"},
        "4": {"module": "hold"},
        "41": {"module": "hold", "data": {"moh_aleg": "busy", "unhold_key": "#"}},
        "5": {"module": "hold_control"},
        "6": {"module": "move"},
        "61": {"module": "move", "data": {"dial_strategy": "single"}},
        "62": {"module": "park"},
        "0": {"module": "intercept", "data": {"target_type": "number", "target_id": "3001"}},
        "1": {"module": "callflow", "data": {"id": "3001"}},
    },
    "patterns": {r"^2(\d+)$": {"module": "transfer", "data": {"transfer_type": "blind"}},
                 r"^3(\d+)$": {"module": "unpark"},
                 r"^#(\d{4})$": {"module": "transfer", "data": {"transfer_type": "attended", "timeout": 3}},
                 r"^##(\d{4})$": {"module": "transfer", "data": {"transfer_type": "attended", "timeout": 8}}},
}


def seed_document() -> dict[str, Any]:
    """One account: *9 records, *8 hangs up, *4 holds, *5 holds in SIP, *6 moves, *62 parks, *3 and a place fetches,
    *0 and *1 go to 3001, *2 and a number transfers, *# and a number asks first (for 3 s, *## for 8).

    The devices 1001 and 1002 have codes; 3001 and 7001 have none, and belong to the same user as 1001.
    """
    devices = [{"id": f"{number:032x}", "name": f"Phone {number}", "owner_id": USER_ID if number != 1002 else None,
                "numbers": [str(number)], "sip": {"username": f"phone{number}"},
                "metaflows": METAFLOWS if number < 2000 else {}} for number in (1001, 1002, 3001, 7001)]
    return {"accounts": [{"id": ACCOUNT_ID, "name": "Test", "realm": "test.invalid", "api_key": API_KEY,
                          "users": [{"id": USER_ID, "name": "Ann"}], "devices": devices}]}


def between(trunk: tuple[str, int], pbx: tuple[str, int]) -> dict[str, Any]:
    """The configuration of a product between one trunk and one PBX, which calls each other's numbers."""
    def peer(address: tuple[str, int]) -> dict[str, Any]:
        return {"uri": f"sip:{address[0]}:{address[1]}", "match": [address[0]], "refer_timeout_s": 5}

    return {"peers": {"trunk": peer(trunk), "pbx": {**peer(pbx), "account": ACCOUNT_ID}},
            "routes": [{"from": "trunk", "to": "pbx"}, {"from": "pbx", "to": "trunk"}]}


class Sidecar:
    """`b2bua run` with a configuration of its own. Start it as a context manager: `with Sidecar(...).running():`."""

    def __init__(self, directory: Path, config: Mapping[str, Any], seed: Mapping[str, Any], *,
                 recordings: Path | None = None) -> None:
        self.directory = directory
        self.recordings = recordings or directory / "recordings"
        self.log = directory / "b2bua.log"
        host, self.api_port = "127.0.0.1", free_port("127.0.0.1")
        self.sip = (host, free_port(host))
        self._config = self._write(config, seed)
        self._process: subprocess.Popen[bytes] | None = None

    def _write(self, config: Mapping[str, Any], seed: Mapping[str, Any]) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "seed.yaml").write_text(yaml.safe_dump(dict(seed)))
        listen = [f"{transport}:{self.sip[0]}:{self.sip[1]}" for transport in ("udp", "tcp")]
        sip = {"listen": listen, **config.get("sip", {})}
        whole = {"store": f"sqlite:///{self.directory / 'b2bua.db'}", **config, "sip": sip,
                 "api": {**config.get("api", {}), "listen": f"127.0.0.1:{self.api_port}"},
                 "seed": str(self.directory / "seed.yaml"),
                 "recordings": {"directory": str(self.recordings), **config.get("recordings", {})},
                 "sounds": {"directory": str(self.directory / "sounds"), "cache": str(self.directory / "cache"),
                            **config.get("sounds", {})}}
        path = self.directory / "b2bua.yaml"
        path.write_text(yaml.safe_dump(whole, sort_keys=False))
        return path

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    def start(self, timeout_s: float = 20.0) -> None:
        """Start it and wait until GET /healthz says 200; raises RuntimeError with its log."""
        command = [str(Path(sys.executable).with_name("b2bua")), "run", "--config", str(self._config)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end_s = time.monotonic() + timeout_s
        while not self._is_healthy():
            if self._process.poll() is not None or time.monotonic() > end_s:
                self.kill()
                raise RuntimeError(f"b2bua run did not become healthy:\n{self.log_tail()}")
            time.sleep(POLL_S)

    def _is_healthy(self) -> bool:
        try:
            self.get("/healthz")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def get(self, path: str) -> str:
        """GET from its API."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, timeout_s: float = 20.0) -> int:
        """Its exit code, when it ends."""
        assert self._process is not None, "it was not started"
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit code; it is killed if it will not end."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait()
        finally:
            self.kill()

    @contextmanager
    def running(self) -> Iterator[Sidecar]:
        """Started and healthy; killed afterwards if nobody stopped it."""
        self.start()
        try:
            yield self
        finally:
            self.kill()

    def log_tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """GET /metrics: (sample name, labels) -> value."""
        return {(sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(self.get("/metrics")) for sample in family.samples}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that carry these labels; 0 where there is none."""
        wanted = labels.items()
        return sum(value for (sample, found), value in self.metrics().items() if sample == name and wanted <= found)

    def wait_metric(self, name: str, value: float, timeout_s: float = 5.0, **labels: str) -> None:
        """Until a metric has this value; raises AssertionError."""
        end_s = time.monotonic() + timeout_s
        while (seen := self.metric(name, **labels)) != value:
            if time.monotonic() > end_s:
                raise AssertionError(f"{name}{labels or ''} is {seen:g}, not {value:g}, after {timeout_s:g} s")
            time.sleep(POLL_S)

    def wait_quiet(self, timeout_s: float = 8.0) -> None:
        """Until no call and no slot of the bank is in use."""
        self.wait_metric("b2bua_calls_active", 0, timeout_s)
        self.wait_metric("b2bua_bank_slots_in_use", 0, timeout_s)

    def wait_recorded(self, timeout_s: float = 8.0) -> None:
        """Until every recording that has ended is finished; raises AssertionError."""
        end_s = time.monotonic() + timeout_s
        while left := list((self.recordings / "work").glob("*")):
            if time.monotonic() > end_s:
                raise AssertionError(f"not finished: {left}")
            time.sleep(POLL_S)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """Ask its API about the account, logged in: path is below /v2/accounts/<ACCOUNT_ID>."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}/v2/accounts/{ACCOUNT_ID}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "X-Auth-Token": self.token(), **headers})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bytes(answer.read())

    def token(self) -> str:
        """Log in by API key (PUT /v2/api_auth)."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.api_port}/v2/api_auth", method="PUT",
                                         data=json.dumps({"data": {"api_key": API_KEY}}).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(json.load(answer)["auth_token"])
