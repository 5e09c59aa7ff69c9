# SPDX-License-Identifier: GPL-3.0-or-later
"""The native RTP generator (rtpload.c) as an object: compiled with cc when it changed, told what to do line by line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from b2bua.native.build import cache_folder

SOURCE = Path(__file__).with_name("rtpload.c")
FLAGS = ("-O2", "-Wall", "-Wextra", "-pthread")


@dataclass(frozen=True)
class Sound:
    """What came of the packets of one measurement, both directions together.

    sender_late_ms   how far behind its clock the generator itself was at worst; delays include none of it
    """

    sent: int
    received: int
    duplicates: int
    crossed: int
    foreign: int
    median_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    sender_late_ms: float

    @property
    def loss_percent(self) -> float:
        """Of what was sent."""
        return 100 * (1 - self.received / self.sent) if self.sent else 100.0


def program() -> Path:
    """The compiled generator, from the cache or made now. Raises CalledProcessError with what cc said."""
    key = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    path = cache_folder() / f"rtpload-{key}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{os.getpid()}")
        subprocess.run(["cc", *FLAGS, "-o", str(made), str(SOURCE), "-lm"], check=True)
        made.replace(path)
    return path


class RtpLoad:
    """One running generator: all A ends at one port, all B ends at another."""

    def __init__(self, host_a: str, host_b: str) -> None:
        self._process = subprocess.Popen([str(program()), host_a, host_b], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        ports = self._answer()
        self.a, self.b = (host_a, int(ports["a"])), (host_b, int(ports["b"]))

    @classmethod
    @contextmanager
    def open(cls, host_a: str, host_b: str) -> Iterator[RtpLoad]:
        """A generator that ends with the block."""
        load = cls(host_a, host_b)
        try:
            yield load
        finally:
            load.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"rtpload ended with {self._process.wait(5)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _tell(self, *words: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def call(self, number: int, to_a: tuple[str, int], to_b: tuple[str, int]) -> None:
        """A call talks from now on; its A end sends to the address `to_a`, its B end to `to_b`."""
        self._tell("call", number, *to_a, *to_b)

    def press(self, side: str, first: int, last: int, digits: str) -> None:
        """The "a" or "b" ends of these calls press keys, 100 ms each with 80 ms between (RFC 4733)."""
        self._tell("press", side, first, last, digits)

    def tone(self, side: str, first: int, last: int, digits: str) -> None:
        """The same as tones in the audio."""
        self._tell("tone", side, first, last, digits)

    def measure(self, seconds: float) -> Sound:
        """Loss and delay of all that is sent in so many seconds."""
        return Sound(**self._tell("measure", seconds))

    def stop(self) -> None:
        """All calls fall silent."""
        self._tell("stop")

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
