# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are all recorded, beside the same calls that are not: `python -m tests.load.recorded [calls] [seconds]`.

The same standing calls are measured twice, first as they are, then while every one of them is recorded in stereo (the
callees press *9): processor time, of the writer thread too, loss and added delay of their sound, frames that the bank
lost, and how long it takes to set up and end more calls at the same time.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from tests.load import calls
from tests.load.relayed import CALLEE, CALLER, HANGUP_CODE, RATE_CPS, SETTLE_S, Cpu
from tests.load.rtpload import RtpLoad, Sound
from tests.peers.bench import Bench, Figures, Load
from tests.peers.ports import free_port
from tests.peers.sidecar import ACCOUNT_ID, METAFLOWS, Sidecar, between, seed_document

CODE = "*9"
TOGETHER = 10  # who press at the same moment
MORE_CPS = 20  # further calls a second, while the others stand


@dataclass(frozen=True)
class Measured:
    """What was seen while the calls stood."""

    sound: Sound
    setups: Figures
    cpu_percent: float
    writer_percent: float
    overruns: float


async def measure(product: Sidecar, sound: RtpLoad, bench: Bench, seconds: float) -> Measured:
    """Sound first, then set-ups, so that the one does not disturb the other."""
    cpu, writer_s, began_s = Cpu(product.pid), product.metric("b2bua_writer_cpu_seconds"), time.monotonic()
    heard = await asyncio.to_thread(sound.measure, seconds)
    percent = cpu.percent()
    writer = 100 * (product.metric("b2bua_writer_cpu_seconds") - writer_s) / (time.monotonic() - began_s)
    setups = await asyncio.to_thread(bench.setups, Load(rate=MORE_CPS, seconds=round(seconds)))
    return Measured(heard, setups, percent, writer, product.metric("b2bua_bank_overruns_total"))


async def run(product: Sidecar, bench: Bench, ends: tuple[tuple[str, int], tuple[str, int]], count: int,
              seconds: float) -> list[Measured]:
    """Without recordings, then with them."""
    async with calls.between(*ends, product.sip) as (standing, sound):
        await standing.establish(count, RATE_CPS)
        await asyncio.sleep(SETTLE_S)
        found = [await measure(product, sound, bench, seconds)]
        for first in range(0, count, TOGETHER):
            sound.press("b", first, min(first + TOGETHER, count) - 1, CODE)
            await asyncio.sleep(TOGETHER / MORE_CPS)
        await asyncio.to_thread(product.wait_metric, "b2bua_recordings_total", count, 20, outcome="started")
        await asyncio.sleep(SETTLE_S)
        found.append(await measure(product, sound, bench, seconds))
        for first in range(0, count, TOGETHER):
            sound.press("b", first, min(first + TOGETHER, count) - 1, HANGUP_CODE)
            await asyncio.sleep(TOGETHER / MORE_CPS)
        await standing.ended(20.0)
    return found


def product_between(directory: Path, ends: tuple[tuple[str, int], tuple[str, int]], pbx: tuple[str, int]) -> Sidecar:
    """Every call of the load may record itself; further calls go to another PBX."""
    config = between(*ends)
    for peer in config["peers"].values():
        peer |= {"account": ACCOUNT_ID, "anonymous": "account"}
    config["peers"]["more"] = {"uri": f"sip:{pbx[0]}:{pbx[1]}", "match": [pbx[0]]}
    config["routes"] = [{"from": "trunk", "to": "more", "numbers": r"\d{4}"}, *config["routes"]]
    seed = seed_document()
    seed["accounts"][0]["metaflows"] = METAFLOWS
    whole = {**config, "media": {"ports": "20000-29999"}, "log": {"level": "warning"},
             "recordings": {"min_free_mb": 0}}
    return Sidecar(directory, whole, seed)


def shown(name: str, m: Measured) -> str:
    """One row for people."""
    return (f"{name:9} {m.cpu_percent:5.1f} % of a core, writer {m.writer_percent:4.1f} %  "
            f"loss {m.sound.loss_percent:.4f} %  delay median {m.sound.median_ms:.3f} p99 {m.sound.p99_ms:.3f} "
            f"max {m.sound.max_ms:.1f} ms  set-up p50 {m.setups.setup(50):.1f} p99 {m.setups.setup(99):.1f} ms "
            f"({m.setups.failed} of {m.setups.calls} failed)  bank overruns {m.overruns:g}")


def main(arguments: Sequence[str]) -> int:
    """Measure and show; 1 when something was lost."""
    count = int(arguments[0]) if arguments else 200
    seconds = float(arguments[1]) if len(arguments) > 1 else 15.0
    ends, pbx = ((CALLER, free_port(CALLER)), (CALLEE, free_port(CALLEE))), ("127.0.0.3", free_port("127.0.0.3"))
    with tempfile.TemporaryDirectory(prefix="b2bua-recorded-") as name:
        product = product_between(Path(name) / "b2bua", ends, pbx)
        with product.running():
            plain, recorded = asyncio.run(run(product, Bench(product, Path(name), pbx), ends, count, seconds))
            product.wait_recorded(60)
            files = list(product.recordings.glob("*/*/*.wav"))
        short = [file for file in files if soundfile.info(file).duration < 2 * seconds - 1]
    print(shown("plain", plain))
    print(shown("recorded", recorded))
    print(f"{len(files)} of {count} recordings, {len(short)} shorter than they should be")
    return 0 if len(files) == count and not short and not recorded.overruns else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
