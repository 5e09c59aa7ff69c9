# SPDX-License-Identifier: GPL-3.0-or-later
"""A real telephone for tests: pjsua2 in a process of its own (PJSIP allows one endpoint per process), told what to do.

    with Phone.open("127.0.0.5") as phone:
        phone.call("sip:1001@127.0.0.1:5060")
        phone.wait("state", state="confirmed")
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.peers.ports import free_port
from tests.peers.sound import is_wav

ROOT = Path(__file__).resolve().parents[2]
Event = dict[str, Any]
RECORDING_S = 3.0  # how long closing a recording may take


class Phone:
    """One telephone. Commands return when it has obeyed; what happens then is waited for with `wait`."""

    def __init__(self, host: str, port: int = 0, transport: str = "udp", pem: str = "") -> None:
        self.host, self.port = host, port or free_port(host)
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._recording = Path()
        self._taken = 0  # events before this one were given out by `wait`
        command = [sys.executable, "-m", "tests.peers.phone_ua", host, str(self.port), transport, pem]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait("ready", timeout_s=15)

    @classmethod
    @contextmanager
    def open(cls, host: str, port: int = 0, transport: str = "udp", pem: str = "") -> Iterator[Phone]:
        """A phone that is switched off afterwards; pem: certificate and key for tls."""
        phone = cls(host, port, transport, pem)
        try:
            yield phone
        finally:
            phone.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(ValueError), self._changed:  # PJSIP's own complaints are no JSON
                self.events.append(json.loads(line))
                self._changed.notify_all()

    def _do(self, command: str, **arguments: Any) -> None:
        assert self._process.stdin is not None
        with self._changed:
            begin = len(self.events)
        self._process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._await(begin, 5.0, lambda e: e["event"] in ("done", "error") and e["command"] == command)
        if self.events[answer]["event"] == "error":
            raise RuntimeError(f"phone {self.host} could not {command}: {self.events[answer]['text']}")

    def _await(self, begin: int, timeout_s: float, fits: Any) -> int:
        end_s = time.monotonic() + timeout_s
        with self._changed:
            index = begin
            while True:
                while index < len(self.events):
                    if fits(self.events[index]):
                        return index
                    index += 1
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError(f"phone {self.host} waited in vain; it saw {self.events[begin:]}")
                self._changed.wait(min(left_s, 0.2))

    def wait(self, event: str, timeout_s: float = 10.0, **fields: Any) -> Event:
        """The next event of this name with these fields that `wait` has not passed yet. Raises TimeoutError."""
        wanted = {"event": event, **fields}.items()
        index = self._await(self._taken, timeout_s, lambda e: wanted <= e.items())
        self._taken = index + 1
        return self.events[index]

    def wait_digits(self, digits: str, timeout_s: float = 10.0) -> list[Event]:
        """Until these digits were heard, in this order and no others."""
        heard = [self.wait("digit", timeout_s) for _ in digits]
        assert "".join(e["digit"] for e in heard) == digits, heard
        return heard

    def call(self, uri: str, from_user: str = "phone", **headers: str) -> None:
        """Call somebody; `X_Foo="1"` becomes the header X-Foo."""
        self._do("call", uri=uri, from_user=from_user, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def answer(self, code: int = 200) -> None:
        """Answer what rings (or ring: 180, 183; or refuse: 486)."""
        self._do("answer", code=code)

    def hangup(self, code: int = 0) -> None:
        """Hang up the last call."""
        self._do("hangup", code=code)

    def hang_up_all(self) -> None:
        """Hang up every call."""
        self._do("hangup_all")

    def forget_events(self) -> None:
        """What has happened until now is nothing to wait for any more."""
        self._taken = len(self.events)

    def tone(self, hz: int) -> None:
        """Speak with a tone of this frequency."""
        self._do("tone", hz=hz)

    def record(self, file: Path) -> None:
        """Record what is heard."""
        self._recording = file
        self._do("record", file=str(file))

    def stop_record(self) -> None:
        """Close the recording; PJSIP writes its header a moment later, on its own thread."""
        self._do("stop_record")
        end_s = time.monotonic() + RECORDING_S
        while not is_wav(self._recording):
            if time.monotonic() > end_s:
                raise TimeoutError(f"{self._recording} was not closed")
            time.sleep(0.01)

    def digits(self, digits: str, ms: int = 100, method: str = "rfc4733") -> None:
        """Press keys, by `rfc4733` or `info`."""
        self._do("digits", digits=digits, ms=ms, method=method)

    def hold(self) -> None:
        """Put the far end on hold."""
        self._do("hold")

    def unhold(self) -> None:
        """Take it off hold."""
        self._do("unhold")

    def transfer(self, uri: str) -> None:
        """The transfer key, blind: the far end of the first call goes to somebody."""
        self._do("transfer", uri=uri)

    def transfer_joined(self) -> None:
        """The transfer key, attended: the far ends of the first two calls are joined."""
        self._do("transfer_joined")

    def on_refer(self, code: int) -> None:
        """Answer REFER with this code: 202 follows it, 603 is what a new phone does."""
        self._do("refer_policy", code=code)

    def kill(self) -> None:
        """Cut its power: no BYE, no more RTP."""
        self._process.kill()
        self._process.wait()
        self._let_go()

    def close(self) -> None:
        """Switch it off; harmless when it is off."""
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            return
        with suppress(BrokenPipeError, TimeoutError, RuntimeError):
            self._do("quit")
        try:
            self._process.wait(8)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._reader.join(2)
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
