# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers at a rate beside standing calls: `python -m tests.load.transfers [--quick]` (`make bench-transfers`).

Each transfer is a caller who sends REFER, and is told by NOTIFY how it went; then the called one talks to the target,
who hangs up. Ends with 1 if one of them failed, a leg is left, or memory or files have grown.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.load.relayed import Cpu
from tests.peers.bench import PBX, RTP_PORTS, TRUNK, machine, succeeded
from tests.peers.ports import free_port
from tests.peers.sidecar import ACCOUNT_ID, Sidecar, seed_document
from tests.peers.sipp import Scenario, Sipp, SippError
from tests.peers.sound import encode_pcmu, tone

DESK = "127.0.0.4"  # answers the standing calls
GROWTH_MB = 32.0  # of resident memory between the first and the second half, at most
STAT = ("-trace_stat", "-stf", "stat.csv")


@dataclass(frozen=True)
class Load:
    """What is asked of it: the second of two equal rounds is measured.

    spare_s  the standing calls last so much longer than both rounds
    """

    rate: int = 20
    seconds: int = 60
    standing: int = 100
    spare_s: int = 40

    @classmethod
    def quick(cls) -> Load:
        """For CI."""
        return cls(rate=20, seconds=5, standing=20, spare_s=20)


@dataclass(frozen=True)
class Used:
    """What the process holds."""

    rss_mb: float
    files: int

    @classmethod
    def by(cls, pid: int) -> Used:
        """Now."""
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir(f"/proc/{pid}/fd")))


class Transfers:
    """The product between a trunk, a PBX and a desk."""

    def __init__(self, sidecar: Sidecar, workdir: Path, ports: dict[str, int]) -> None:
        self._sidecar, self._workdir, self._ports = sidecar, workdir, ports

    def _sipp(self, scenario: Scenario, host: str, port: int = 0) -> Sipp:
        return Sipp(scenario, self._workdir, host, port or free_port(host), self._sidecar.sip)

    def run(self, load: Load) -> int:
        """Both rounds beside the standing calls; the number of what went wrong."""
        standing_s = 2 * load.seconds + load.spare_s
        called = Scenario("pbx-answers-expect-bye", calls=load.standing, trace=False, timeout_s=standing_s + 60,
                          extra=("-rtp_echo",))
        calling = Scenario("caller-streams-expect-200-then-bye", "3001", calls=load.standing, limit=load.standing,
                           rate=40, talk_ms=standing_s * 1000, trace=False, timeout_s=standing_s + 60,
                           files={"tone.ulaw": encode_pcmu(tone(1000, 1.0))}, extra=STAT)
        with self._sipp(called, DESK, self._ports[DESK]).wait_bound() as desk, self._sipp(calling, TRUNK) as callers:
            self._sidecar.wait_metric("b2bua_calls_active", load.standing, 30)
            legs = int(self._sidecar.metric("b2bua_legs"))
            failed = self._round(load, legs)
            before, cpu = Used.by(self._sidecar.pid), Cpu(self._sidecar.pid)
            failed += self._round(load, legs)
            percent, after = cpu.percent(), Used.by(self._sidecar.pid)
            callers.finish()
            desk.finish()
            failed += load.standing - succeeded(callers.directory)
        self._sidecar.wait_quiet(40)
        self._sidecar.wait_metric("b2bua_legs", 0, 40)
        grown = after.rss_mb - before.rss_mb
        Console().print(f"{load.rate} transfers/s for {load.seconds} s, twice, beside {load.standing} calls: {failed} "
                        f"failed, no leg left; CPU {percent:.0f} % of a core; memory {before.rss_mb:.0f} -> "
                        f"{after.rss_mb:.0f} MB, files {before.files} -> {after.files}\n{machine()}")
        return failed + (grown > GROWTH_MB) + (after.files > before.files + 4)

    def _round(self, load: Load, legs: int) -> int:
        count, limit_s = load.rate * load.seconds, load.seconds + 40.0
        pbx = Scenario("pbx-1003-hangs-up-1001-expect-bye", calls=2 * count, talk_ms=300, trace=False,
                       timeout_s=limit_s)
        refers = Scenario("caller-refers-expect-notify-200-then-bye", calls=count, rate=load.rate, trace=False,
                          timeout_s=limit_s, keys={"target": "1003"}, extra=STAT)
        with self._sipp(pbx, PBX, self._ports[PBX]).wait_bound() as answering, self._sipp(refers, TRUNK) as calling:
            for sipp in (calling, answering):
                try:
                    sipp.finish()
                except SippError as error:
                    Console(stderr=True).print(str(error)[:2000], style="red", markup=False)
            self._sidecar.wait_metric("b2bua_legs", legs, 40)
            return count - succeeded(calling.directory)


def measure(load: Load) -> int:
    """Run it against a product of its own."""
    ports = {host: free_port(host) for host in (TRUNK, PBX, DESK)}
    peers = {name: {"uri": f"sip:{host}:{ports[host]}", "match": [host], "connected_identity": "never"}
             for name, host in (("trunk", TRUNK), ("pbx", PBX), ("desk", DESK))}
    peers["pbx"]["account"] = peers["desk"]["account"] = ACCOUNT_ID
    config = {"peers": peers, "media": {"ports": RTP_PORTS}, "log": {"level": "warning"},
              "routes": [{"from": "trunk", "to": "desk", "numbers": r"3\d+"}, {"from": "trunk", "to": "pbx"}]}
    with tempfile.TemporaryDirectory(prefix="b2bua-transfers-") as name:
        sidecar = Sidecar(Path(name) / "b2bua", config, seed_document())
        with sidecar.running():
            failed = Transfers(sidecar, Path(name), ports).run(load)
            if sidecar.stop() != 0:
                raise RuntimeError(f"the product did not end well:\n{sidecar.log_tail()}")
    return failed


def main(arguments: Sequence[str]) -> int:
    """Measure; 1 if anything went wrong."""
    try:
        return min(1, measure(Load.quick() if "--quick" in arguments else Load()))
    except (SippError, RuntimeError, AssertionError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
