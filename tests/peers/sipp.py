# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp as a far end: a scenario as a subprocess whose exit code is the verdict.

Every scenario finds these keys: `rtp_port` (the audio port in its SDP), and what the caller of `Sipp` adds. Recordings
that a scenario plays are written beside a copy of it in the working directory, where its logs lie too.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.messages import SipMessage, read_sipp_log
from tests.peers.ports import free_media_port, is_bound
from tests.peers.rtp import Track
from tests.peers.rtp_pcap import write_pcap

SCENARIOS = Path(__file__).resolve().parents[2] / "sipp-scenarios"
LAST_LINES = 12  # of the error log, in the exception
POLL_S = 0.01
CALLER = "5551234"  # user part of From


class SippError(AssertionError):
    """The scenario did not end well; the text says what SIPp saw."""


@dataclass(frozen=True)
class Scenario:
    """What to run: `caller-...` calls `remote`, `pbx-...` waits for calls.

    service    the number in the Request-URI of a caller
    calls      end after so many (-m); rate and limit are those of callers
    talk_ms    length of the scenario's <pause/>
    tracks     file name -> what `play_pcap_audio` of that name plays
    files      file name -> content, put beside the scenario
    """

    name: str
    service: str = "1001"
    calls: int = 1
    rate: float = 10
    limit: int | None = None
    talk_ms: int = 300
    rtp_port: int | None = None
    transport: str = "udp"
    keys: Mapping[str, str] = field(default_factory=dict)
    tracks: Mapping[str, Track] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    timeout_s: float = 20
    trace: bool = True
    extra: tuple[str, ...] = ()


class Sipp:
    """One running SIPp. As a context manager it is stopped when the block ends, however it ends."""

    def __init__(self, scenario: Scenario, workdir: Path, host: str, port: int, remote: tuple[str, int]) -> None:
        self.scenario, self.remote, self.local = scenario, remote, (host, port)
        self.directory = workdir / f"{scenario.name}-{port}-{time.monotonic_ns()}"
        self.directory.mkdir(parents=True)
        file = Path(shutil.copy(SCENARIOS / f"{scenario.name}.xml", self.directory))
        for name, track in scenario.tracks.items():
            write_pcap(self.directory / name, track)
        for name, content in scenario.files.items():
            (self.directory / name).write_bytes(content)
        with (self.directory / "screen.log").open("wb") as screen:
            self._process = subprocess.Popen(self._command(file), cwd=self.directory, stdout=screen, stderr=screen,
                                             stdin=subprocess.DEVNULL)

    def _command(self, file: Path) -> list[str]:
        s, (host, port) = self.scenario, self.local
        media_port = free_media_port(host)
        keys = {"rtp_port": str(s.rtp_port or media_port), "caller": CALLER, "event": "101", **s.keys}
        command = ["sipp", f"{self.remote[0]}:{self.remote[1]}", "-sf", str(file), "-i", host, "-p", str(port),
                   "-s", s.service, "-m", str(s.calls), "-r", str(s.rate), "-d", str(s.talk_ms),
                   "-t", "t1" if s.transport == "tcp" else "u1", "-mi", host, "-mp", str(media_port),
                   "-timeout", f"{s.timeout_s:g}", "-timeout_error", "-recv_timeout", f"{s.timeout_s * 1000:.0f}",
                   "-nostdin", "-deadcall_wait", "0", "-trace_err", "-error_file", "errors.log"]
        if s.limit is not None:
            command += ["-l", str(s.limit)]
        if s.trace:
            command += ["-trace_msg", "-message_file", "messages.log"]
        for name, value in keys.items():
            command += ["-key", name, value]
        return [*command, *s.extra]

    @property
    def is_running(self) -> bool:
        """Has it not ended yet?"""
        return self._process.poll() is None

    def wait_bound(self, timeout_s: float = 5.0) -> Sipp:
        """Until it listens."""
        self._until(lambda: is_bound(*self.local, self.scenario.transport), timeout_s, "listens")
        return self

    def wait_message(self, method: str, code: int = 0, *, count: int = 1, timeout_s: float = 10.0) -> list[SipMessage]:
        """Until so many messages of this kind were sent or received."""
        def seen() -> list[SipMessage]:
            return [m for m in self.messages() if m.method == method and m.code == code]

        self._until(lambda: len(seen()) >= count, timeout_s, f"saw {method} {code or ''}")
        return seen()

    def peer_sdp(self, timeout_s: float = 5.0, *, call: int = 1, number: str = "", caller: str = "") -> SipMessage:
        """The message with the other side's SDP, when the call (its first, second, ...) is up.

        number, caller  of those calls only whose INVITE has them
        """

        def calls() -> list[str]:
            invites = [m for m in self.messages() if m.method == "INVITE" and m.is_request and f"sip:{caller}" in
                       m.get("From") and m.start_line.startswith(f"INVITE sip:{number}")]
            ids = dict.fromkeys(m.get("Call-ID") for m in self.messages() if m.method == "ACK")  # one may come twice
            return [call_id for call_id in ids if call_id in {m.get("Call-ID") for m in invites}]

        self._until(lambda: len(calls()) >= call, timeout_s, f"saw ACK in {call} calls")
        return [m for m in self.messages()
                if m.dst == self.local and "m=audio" in m.body and m.get("Call-ID") == calls()[call - 1]][-1]

    def _until(self, ready: Callable[[], bool], timeout_s: float, what: str) -> None:
        end_s = time.monotonic() + timeout_s
        while not ready():
            if not self.is_running and not ready():
                raise SippError(f"{self.scenario.name} ended before it {what}\n{self.story()}")
            if time.monotonic() > end_s:
                raise SippError(f"{self.scenario.name}: {timeout_s:g} s passed before it {what}\n{self.story()}")
            time.sleep(POLL_S)

    def finish(self) -> list[SipMessage]:
        """Wait for its end; raises SippError unless SIPp says that all went as the scenario says."""
        try:
            code = self._process.wait(self.scenario.timeout_s + 5)
        except subprocess.TimeoutExpired:
            self.stop()
            raise SippError(f"{self.scenario.name} would not end\n{self.story()}") from None
        if code != 0:
            raise SippError(f"{self.scenario.name} ended with {code}\n{self.story()}")
        return self.messages()

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL: its power is cut. SIGSTOP: nothing that is sent to it is heard, and it says nothing."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it now."""
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def messages(self) -> list[SipMessage]:
        """What it sent and received so far."""
        return read_sipp_log(self._log("messages.log"), self.local, self.remote)

    def _log(self, name: str) -> str:
        file = self.directory / name
        return file.read_text(errors="replace").replace("\r\n", "\n") if file.exists() else ""

    def story(self) -> str:
        """Why it failed: the last lines of its errors, the messages it saw, what it was doing."""
        errors = "\n".join(self._log("errors.log").splitlines()[-LAST_LINES:])
        seen = "\n".join(f"  {m.src[0]} -> {m.dst[0]}: {m.label}" for m in self.messages()[-2 * LAST_LINES:])
        screen = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self._log("screen.log"))
        return f"{errors or screen[-1500:]}\nmessages:\n{seen}\nlogs: {self.directory}"

    def __enter__(self) -> Sipp:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
