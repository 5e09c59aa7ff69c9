# SPDX-License-Identifier: GPL-3.0-or-later
"""How much the product carries on this machine: `python -m tests.peers.bench [--quick]` (`make bench`).

Three loads, each between SIPp and SIPp on the same machine: calls set up and torn down at a rate, the same while the
API is asked, and calls that stand with sound both ways while one more call measures what it hears. Ends by itself; exit
code 1 if any call or question failed.
"""

from __future__ import annotations

import csv
import itertools
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.load.relayed import Cpu, Relayed, added_ms, nobody, under_load
from tests.load.rtpload import Sound
from tests.peers.asker import Asker
from tests.peers.ports import free_port
from tests.peers.rtp import FRAME_MS, Track
from tests.peers.rtp_end import RtpEnd
from tests.peers.sidecar import Sidecar, between, seed_document
from tests.peers.sipp import Scenario, Sipp, SippError
from tests.peers.sound import dominant_hz, encode_pcmu, tone

TRUNK, PBX, PROBE = "127.0.0.2", "127.0.0.3", "127.0.0.2"
PROBE_HZ = 500
RAMP_CPS = 40  # calls a second while the standing calls are set up
RTP_PORTS = "20000-29999"


@dataclass(frozen=True)
class Load:
    """What is asked of it."""

    rate: int = 100  # calls a second
    seconds: int = 30
    standing: int = 200  # calls at once
    standing_s: int = 30  # each of them
    asked_rate: int = 50  # calls a second while the API is asked
    questions: int = 500  # a second
    asked_s: int = 20
    relayed: int = 1000  # calls with native RTP
    relayed_s: int = 20

    @classmethod
    def quick(cls) -> Load:
        """For CI: the same shape in a third of the time."""
        return cls(seconds=6, standing=60, standing_s=6, asked_s=6, relayed=100, relayed_s=4)


@dataclass(frozen=True)
class Figures:
    """What came of one load."""

    name: str
    calls: int
    failed: int
    cpu_percent: float
    setup_ms: Sequence[float]
    note: str = ""

    def setup(self, percent: int) -> float:
        """Milliseconds from INVITE to 200, as the caller saw it."""
        if len(self.setup_ms) < 2:
            return 0.0
        return statistics.quantiles(self.setup_ms, n=100)[percent - 1]


class Bench:
    """The product between two SIPps."""

    def __init__(self, sidecar: Sidecar, workdir: Path, pbx: tuple[str, int]) -> None:
        self._sidecar, self._workdir, self._pbx = sidecar, workdir, pbx

    def _sipp(self, scenario: Scenario, host: str, port: int = 0) -> Sipp:
        return Sipp(scenario, self._workdir, host, port or free_port(host), self._sidecar.sip)

    def asked(self, load: Load) -> Figures:
        """Calls at a rate while a client asks the API at another."""
        with Asker(self._sidecar, load.questions, load.asked_s) as asker:
            figures = self.setups(replace(load, rate=load.asked_rate, seconds=load.asked_s))
        return replace(figures, note=asker.note(), failed=figures.failed + asker.failed,
                       name=f"{load.asked_rate} calls/s and {load.questions} REST GETs/s for {load.asked_s} s")

    def setups(self, load: Load) -> Figures:
        """Calls set up and torn down at a rate."""
        calls, limit_s = load.rate * load.seconds, load.seconds + 20.0
        called = Scenario("pbx-answers-expect-bye", calls=calls, trace=False, timeout_s=limit_s)
        calling = Scenario("caller-answered-expect-200-then-bye", calls=calls, rate=load.rate, talk_ms=100, trace=False,
                           timeout_s=limit_s, extra=("-trace_rtt", "-rtt_freq", "1", "-trace_stat", "-stf", "stat.csv"))
        with self._sipp(called, *self._pbx).wait_bound() as pbx, self._sipp(calling, TRUNK) as caller:
            cpu = Cpu(self._sidecar.pid)
            _ended(caller)
            percent = cpu.percent()
            _ended(pbx)
        return Figures(f"{load.rate} calls/s for {load.seconds} s", calls, calls - succeeded(caller.directory), percent,
                       setup_ms(caller.directory))

    def standing(self, load: Load) -> Figures:
        """Calls that stand with PCMU both ways (the PBX echoes), and one that listens."""
        seconds = load.standing / RAMP_CPS + load.standing_s
        limit_s = seconds + 20
        called = Scenario("pbx-answers-expect-bye", calls=load.standing + 1, trace=False, timeout_s=limit_s,
                          extra=("-rtp_echo",))
        calling = Scenario("caller-streams-expect-200-then-bye", calls=load.standing, limit=load.standing,
                           rate=RAMP_CPS, talk_ms=load.standing_s * 1000, trace=False, timeout_s=limit_s,
                           files={"tone.ulaw": encode_pcmu(tone(1000, 1.0))},
                           extra=("-trace_rtt", "-rtt_freq", "1", "-trace_stat", "-stf", "stat.csv"))
        with self._sipp(called, *self._pbx).wait_bound() as pbx, self._sipp(calling, TRUNK) as caller:
            self._sidecar.wait_metric("b2bua_calls_active", load.standing, load.standing / RAMP_CPS + 10)
            cpu = Cpu(self._sidecar.pid)
            note = self._listen(max(2.0, load.standing_s - 8.0))
            percent = cpu.percent()
            _ended(caller)
            _ended(pbx)
        return Figures(f"{load.standing} calls with two-way PCMU for {load.standing_s} s", load.standing,
                       load.standing - succeeded(caller.directory), percent, setup_ms(caller.directory), note)

    def _listen(self, seconds: float) -> str:
        with RtpEnd.open(PROBE) as end:
            scenario = Scenario("caller-answered-expect-200-then-bye", talk_ms=round(seconds * 1000) + 500,
                                rtp_port=end.port, timeout_s=seconds + 20)
            with self._sipp(scenario, PROBE) as probe:
                track = Track(PROBE_HZ).talk(seconds)
                end.play(track, to=probe.peer_sdp().media)
                probe.finish()
            heard_hz, due = dominant_hz(end.heard(seconds / 2)), len(track.packets)
            if abs(heard_hz - PROBE_HZ) > 5:
                raise SippError(f"the listening call heard {heard_hz:.0f} Hz instead of {PROBE_HZ} Hz")
            gaps = gap_ms([packet.at_s for packet in end.packets])
            return (f"one more call hears {heard_hz:.0f} Hz, {min(len(end.packets), due)} of {due} packets, "
                    f"gap {gaps:.0f} ms")


def gap_ms(times_s: Sequence[float]) -> float:
    """The longest silence between two packets."""
    return max((1000 * (b - a) for a, b in itertools.pairwise(times_s)), default=float(FRAME_MS))


def _ended(sipp: Sipp) -> None:
    try:
        sipp.finish()
    except SippError as error:
        Console(stderr=True).print(str(error)[:2000], style="red", markup=False)


def succeeded(directory: Path) -> int:
    """The calls that went well, from SIPp's statistics."""
    with (directory / "stat.csv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return int(rows[-1]["SuccessfulCall(C)"]) if rows else 0


def setup_ms(directory: Path) -> list[float]:
    """INVITE to 200 of each call, in ms, from SIPp's response times."""
    (file,) = directory.glob("*_rtt.csv")
    rows = (line.split(";") for line in file.read_text().splitlines()[1:])
    return [float(row[1]) for row in rows if len(row) > 1]


def machine() -> str:
    """What it ran on."""
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, "
            f"Linux {platform.release()}, Python {platform.python_version()}")


def table(results: Sequence[Figures]) -> Table:
    """The figures for people."""
    shown = Table(title="b2bua bench", caption=machine() + "; SIPp on the same machine")
    for heading in ("", *(f.name for f in results)):
        shown.add_column(heading)
    shown.add_row("calls", *(str(f.calls) for f in results))
    shown.add_row("failed", *(f"[red]{f.failed}[/]" if f.failed else "0" for f in results))
    shown.add_row("CPU of one core", *(f"{f.cpu_percent:.0f} %" for f in results))
    shown.add_row("set-up p50 / p99", *(f"{f.setup(50):.1f} / {f.setup(99):.1f} ms" for f in results))
    shown.add_row("meanwhile", *(f.note or "-" for f in results))
    return shown


def relayed_table(found: Relayed, baseline: Sound) -> Table:
    """What the packets of many calls say; the generator's own lateness tells how busy the machine was."""
    median_ms, p99_ms = added_ms(found.sound, baseline)
    shown = Table("", "measured", "goal", title=f"{found.calls} relayed calls, PCMU both ways, codes on both legs",
                  caption=f"generator at most {found.sound.sender_late_ms:.0f} ms late; with nobody between "
                          f"median {baseline.median_ms:.3f}, p99 {baseline.p99_ms:.3f} ms")
    shown.add_row("packets lost", f"{found.sound.loss_percent:.4f} %", "< 0.01 %")
    shown.add_row("added one-way delay, median and p99", f"{median_ms:.3f} and {p99_ms:.3f} ms", "p99 < 5 ms")
    shown.add_row("packets that reached a stranger", str(found.sound.crossed), "0")
    shown.add_row("calls that heard no code", str(found.deaf), "0")
    shown.add_row("CPU of one core", f"{found.cpu_percent:.0f} %", "")
    return shown


def main(arguments: Sequence[str]) -> int:
    """Measure and show; 1 if a call failed."""
    load = Load.quick() if "--quick" in arguments else Load()
    try:
        results = measure(load)
        baseline, relayed = nobody(load.relayed), under_load(load.relayed, load.relayed_s)
    except (SippError, RuntimeError, AssertionError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        return 1
    Console().print(table(results))
    Console().print(relayed_table(relayed, baseline))
    return 1 if any(f.failed for f in results) or relayed.sound.crossed else 0


def measure(load: Load) -> list[Figures]:
    """Run all loads against a product of their own."""
    pbx = (PBX, free_port(PBX))
    with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as name:
        config = {**between((TRUNK, free_port(TRUNK)), pbx), "media": {"ports": RTP_PORTS}, "log": {"level": "warning"}}
        sidecar = Sidecar(Path(name) / "b2bua", config, seed_document())
        with sidecar.running():
            bench = Bench(sidecar, Path(name), pbx)
            results = [bench.setups(load)]
            sidecar.wait_quiet(40)
            results.append(bench.asked(load))
            sidecar.wait_quiet(40)
            results.append(bench.standing(load))
            sidecar.wait_quiet(40)
            if sidecar.stop() != 0:
                raise RuntimeError(f"the product did not end well:\n{sidecar.log_tail()}")
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
