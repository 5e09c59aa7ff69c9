# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a press is heard, and what listening costs: `python -m tests.load.digits [legs] [seconds]`.

Calls stand with two-way PCMU, first with telephone-event, then without, so that every leg is listened to for tones.
Every 100 ms another end presses keys; latencies are those of /metrics of the running service, processor time is that of
its DSP thread.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.load import calls
from tests.load.relayed import HANGUP_CODE, RATE_CPS, SETTLE_S, Cpu, ends, product
from tests.peers.messages import Address
from tests.peers.sidecar import Sidecar

KEYS = "147"  # no code, so they are heard and go on
EACH_S = 0.1  # from one end that presses to the next: 30 keys a second
LISTEN_S = 4.0
LATENCY, DSP = "b2bua_digit_latency_seconds", "b2bua_dsp_cpu_seconds"


@dataclass(frozen=True)
class Heard:
    """What came of it.

    pressed, heard   keys
    below            cumulated counts of the histogram by upper bound in ms
    listening_percent, dsp_percent   the DSP thread while nobody presses (but everybody is heard), and while they do
    """

    source: str
    legs: int
    pressed: int
    heard: int
    below: tuple[tuple[float, float], ...]
    cpu_percent: float
    listening_percent: float
    dsp_percent: float

    def ms(self, percent: float) -> float:
        """Below which so many presses were heard, linear within a bucket as Prometheus does it; inf above the last."""
        wanted = self.heard * percent / 100
        for (low_ms, fewer), (high_ms, count) in itertools.pairwise(((0.0, 0.0), *self.below)):
            if count >= wanted and not math.isinf(high_ms):
                return low_ms + (high_ms - low_ms) * (wanted - fewer) / (count - fewer)
        return math.inf


def buckets(ours: Sidecar, source: str) -> dict[float, float]:
    """Upper bound in ms -> how many presses were heard within it."""
    return {1000 * float(dict(labels)["le"]): value for (name, labels), value in ours.metrics().items()
            if name == f"{LATENCY}_bucket" and dict(labels)["source"] == source}


async def dsp_percent(ours: Sidecar, seconds: float) -> float:
    """Of one core, in the next seconds."""
    begin_s, used_s = time.monotonic(), ours.metric(DSP)
    await asyncio.sleep(seconds)
    return 100 * (ours.metric(DSP) - used_s) / (time.monotonic() - begin_s)


async def measure(ours: Sidecar, where: tuple[Address, Address], source: str, legs: int, seconds: float) -> Heard:
    """Half as many calls as legs, whose ends press by "rfc4733" or "inband" for so long."""
    count, by_tones = legs // 2, source == "inband"
    async with calls.between(*where, ours.sip, events=not by_tones) as (standing, sound):
        press = sound.tone if by_tones else sound.press
        await standing.establish(count, RATE_CPS)
        if by_tones:
            await asyncio.to_thread(ours.wait_metric, "b2bua_legs_listened_to", 2 * count)
        await asyncio.sleep(SETTLE_S)
        listening = await dsp_percent(ours, LISTEN_S)
        before, dsp_s, cpu = buckets(ours, source), ours.metric(DSP), Cpu(ours.pid)
        times = round(seconds / EACH_S)
        for index in range(times):
            press("ab"[index % 2], index // 2 % count, index // 2 % count, KEYS)
            await asyncio.sleep(EACH_S)
        percent, dsp = cpu.percent(), 100 * (ours.metric(DSP) - dsp_s) / cpu.elapsed_s
        await asyncio.sleep(SETTLE_S)
        after = buckets(ours, source)
        press("a", 0, count - 1, HANGUP_CODE)
        await standing.ended(10.0)
    below = tuple(sorted((bound, value - before.get(bound, 0)) for bound, value in after.items()))
    return Heard(source, 2 * count, times * len(KEYS), int(below[-1][1]), below, percent, listening, dsp)


def under_load(legs: int, seconds: float) -> list[Heard]:
    """Ours with so many legs for so long, by events and then by tones."""
    where = ends()
    with product(where) as ours:
        found = []
        for source in ("rfc4733", "inband"):
            found.append(asyncio.run(measure(ours, where, source, legs, seconds)))
            ours.wait_quiet(40)
        return found


def table(found: Sequence[Heard]) -> Table:
    """The figures for people."""
    shown = Table("", *(f.source for f in found), "goal", title="from an event's first packet or a tone's onset")
    shown.add_row("legs that listen", *(str(f.legs) for f in found), "")
    shown.add_row("keys pressed, heard", *(f"{f.pressed}, {f.heard}" for f in found), "all")
    shown.add_row("latency p50", *(f"{f.ms(50):.1f} ms" for f in found), "")
    shown.add_row("latency p95", *(f"{f.ms(95):.1f} ms" for f in found), "< 20 and < 60 ms")
    shown.add_row("DSP thread, of one core", *(f"{f.listening_percent:.1f} %" for f in found), "< 5 %")
    shown.add_row("  while they press", *(f"{f.dsp_percent:.1f} %" for f in found), "")
    shown.add_row("CPU of one core", *(f"{f.cpu_percent:.0f} %" for f in found), "")
    return shown


def main(arguments: Sequence[str]) -> int:
    """Measure and show; 1 when a press was not heard, or heard twice."""
    legs = int(arguments[0]) if arguments else 300
    found = under_load(legs, float(arguments[1]) if len(arguments) > 1 else 15.0)
    Console().print(table(found))
    return 0 if all(f.heard == f.pressed for f in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
