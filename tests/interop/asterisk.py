# SPDX-License-Identifier: GPL-3.0-or-later
"""Asterisk as a process: its configuration (asterisk/*.conf) filled in, started in its folder, asked, ended.

Everything it writes lies in a folder of the run below the root's /tmp and goes with it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.peers.messages import Address
from tests.peers.ports import free_port
from tests.peers.sound import encode_pcmu, tone

TEMPLATES = Path(__file__).with_name("asterisk")
HOST = "127.0.0.3"
MUSIC_HZ = 700
RTP_PORTS = (30000, 34999)
START_S, STOP_S = 30.0, 5.0
NOBODY = "127.0.0.9:9"  # where a peer stands that this run does not have


class Asterisk:
    """One PBX.

    verbose  its log tells each step of the dial plan; off while it is measured
    """

    def __init__(self, root: Path, *, verbose: bool = True) -> None:
        self.root, self.sip, self._verbose = root, (HOST, free_port(HOST)), verbose
        self.directory = Path(tempfile.mkdtemp(prefix="asterisk-", dir=root / "tmp"))
        self._inside = Path("/") / self.directory.relative_to(root)
        self._process: subprocess.Popen[bytes] | None = None

    def _configure(self, peers: Mapping[str, Address]) -> None:
        modules = next(self.root.glob("usr/lib/*/asterisk/modules"))
        values = {"DIRECTORY": str(self._inside), "MODULES": f"/{modules.relative_to(self.root)}",
                  "PBX": f"{HOST}:{self.sip[1]}", "RTP_START": str(RTP_PORTS[0]), "RTP_END": str(RTP_PORTS[1]),
                  "LOG_LEVELS": "notice,warning,error,verbose(5),dtmf" if self._verbose else "error"}
        for name in ("b2bua", "desk", "colleague", "caller", "callee"):
            host, port = peers.get(name, NOBODY.split(":"))
            values |= {name.upper(): f"{host}:{port}", f"{name.upper()}_HOST": host}
        for folder in ("var", "log", "music"):
            (self.directory / folder).mkdir()
        (self.directory / "music/tone.ulaw").write_bytes(encode_pcmu(tone(MUSIC_HZ, 10.0)))
        for template in TEMPLATES.glob("*.conf"):
            text = re.sub(r"@([A-Z0-9_]+)@", lambda found: values[found[1]], template.read_text())
            (self.directory / template.name).write_text(text)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def log(self) -> Path:
        """What it tells."""
        return self.directory / "log/full"

    def _command(self, *arguments: str) -> list[str]:
        return ["chroot", str(self.root), "asterisk", "-C", f"{self._inside}/asterisk.conf", *arguments]

    @contextmanager
    def running(self, peers: Mapping[str, Address]) -> Iterator[Asterisk]:
        """Started and fully booted; ended and its folder removed afterwards.

        peers   who stands where: b2bua, desk, colleague, caller, callee -> address
        """
        try:
            self._configure(peers)
            with (self.directory / "log/console").open("wb") as console:
                self._process = subprocess.Popen(self._command("-f", "-vvv"), stdout=console, stderr=console,
                                                 stdin=subprocess.DEVNULL)
            self._wait_booted()
            yield self
        finally:
            self._end()
            shutil.rmtree(self.directory, ignore_errors=True)

    def _wait_booted(self) -> None:
        end_s = time.monotonic() + START_S
        while "fully booted" not in self.cli("core waitfullybooted"):
            if time.monotonic() > end_s or self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"Asterisk did not start:\n{self.log_tail()}")
            time.sleep(0.2)

    def _end(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cli(self, command: str) -> str:
        """What `asterisk -rx` answers; errors too."""
        done = subprocess.run(self._command("-rx", command), capture_output=True, text=True, timeout=START_S,
                              check=False)
        return done.stdout + done.stderr

    def channels(self) -> list[list[str]]:
        """Its channels: name, context, extension, ... as `core show channels concise` lists them."""
        return [row.split("!") for row in self.cli("core show channels concise").splitlines() if row.count("!") > 5]

    def wait_channels(self, count: int, timeout_s: float = 5.0) -> None:
        """Until it has so many channels. Raises AssertionError with their names."""
        end_s = time.monotonic() + timeout_s
        while len(found := self.channels()) != count:
            if time.monotonic() > end_s:
                raise AssertionError(f"Asterisk has {len(found)} channels, not {count}: {[row[0] for row in found]}")
            time.sleep(0.1)

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(line for file in (self.log, self.directory / "log/console") if file.exists()
                         for line in file.read_text(errors="replace").splitlines()[-lines:])
