# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that stand with two-way PCMU while both ends may press codes: `python -m tests.load.relayed [calls] [seconds]`.

Loss and added delay come from the packets themselves, processor time from /proc. At the end half of the callers and the
other half's callees press a hang-up code: a call that does not end was not listened to, and is counted as deaf.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.load import calls
from tests.load.rtpload import RtpLoad, Sound
from tests.peers.messages import Address
from tests.peers.ports import free_port
from tests.peers.sidecar import ACCOUNT_ID, METAFLOWS, Sidecar, between, seed_document

CALLER, CALLEE = "127.0.0.2", "127.0.0.4"
HANGUP_CODE = "*8"
RATE_CPS = 50
SETTLE_S = 2.0


class Cpu:
    """Processor time of a process between two moments."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._begin_s, self._used_s = time.monotonic(), self._used()

    def _used(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def percent(self) -> float:
        """Of one core, since this object was made."""
        return 100 * (self._used() - self._used_s) / self.elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Since this object was made."""
        return time.monotonic() - self._begin_s


@dataclass(frozen=True)
class Relayed:
    """What came of it."""

    calls: int
    sound: Sound
    cpu_percent: float
    deaf: int

    @property
    def calls_per_core(self) -> float:
        """If processor time grows with the calls."""
        return 100 * self.calls / self.cpu_percent


async def measure(pid: int, product: Address, ends: tuple[Address, Address], count: int, seconds: float) -> Relayed:
    """Load whoever listens at `product` (process `pid`) with calls from the first end to the second."""
    async with calls.between(*ends, product) as (standing, sound):
        await standing.establish(count, RATE_CPS)
        await asyncio.sleep(SETTLE_S)
        cpu = Cpu(pid)
        heard = await asyncio.to_thread(sound.measure, seconds)
        percent = cpu.percent()
        half = count // 2
        sound.press("a", 0, half - 1, HANGUP_CODE)
        sound.press("b", half, count - 1, HANGUP_CODE)
        return Relayed(count, heard, percent, count - await standing.ended(10.0))


def nobody(count: int, seconds: float = 5.0) -> Sound:
    """The same packets with nobody in between: what the machine and the generator add themselves."""
    with RtpLoad.open(CALLER, CALLEE) as sound:
        for index in range(count):
            sound.call(index, sound.b, sound.a)
        return sound.measure(seconds)


def added_ms(found: Sound, baseline: Sound) -> tuple[float, float]:
    """Median and p99 of the one-way delay, without what the machine itself takes."""
    return max(0.0, found.median_ms - baseline.median_ms), max(0.0, found.p99_ms - baseline.p99_ms)


@contextmanager
def product(ends: tuple[Address, Address], ports: int = 6700) -> Iterator[Sidecar]:
    """Ours, between two ends whose every call may press the account's codes on both legs; it has so many RTP ports."""
    config = between(*ends)
    first = 20000 + os.getpid() % 3 * 1000  # another load on this machine has most likely others
    for peer in config["peers"].values():
        peer |= {"account": ACCOUNT_ID, "anonymous": "account"}
    seed = seed_document()
    seed["accounts"][0]["metaflows"] = METAFLOWS
    whole = {**config, "media": {"ports": f"{first}-{first + ports - 1}"}, "log": {"level": "warning"}}
    with (tempfile.TemporaryDirectory(prefix="b2bua-load-") as name,
          Sidecar(Path(name), whole, seed).running() as made):
        yield made


def under_load(count: int, seconds: float) -> Relayed:
    """Ours with so many calls for so long."""
    where = ends()
    with product(where) as ours:
        return asyncio.run(measure(ours.pid, ours.sip, where, count, seconds))


def ends() -> tuple[Address, Address]:
    """A caller and a callee with a free SIP port each."""
    return (CALLER, free_port(CALLER)), (CALLEE, free_port(CALLEE))


def line(name: str, sound: Sound) -> str:
    """One row for people."""
    return (f"{name:14} {sound.sent} packets  loss {sound.loss_percent:.4f} %  delay median {sound.median_ms:.3f}  "
            f"p99 {sound.p99_ms:.3f}  max {sound.max_ms:.1f} ms  crossed {sound.crossed}  "
            f"generator late {sound.sender_late_ms:.1f} ms")


def main(arguments: Sequence[str]) -> int:
    """Measure ours and show it."""
    count = int(arguments[0]) if arguments else 200
    seconds = float(arguments[1]) if len(arguments) > 1 else 10.0
    print(line("nobody between", nobody(count)), flush=True)
    found = under_load(count, seconds)
    print(line("b2bua", found.sound))
    print(f"{count} calls: {found.cpu_percent:.1f} % of a core, {found.calls_per_core:.0f} calls per core, "
          f"{found.deaf} deaf")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
