# SPDX-License-Identifier: GPL-3.0-or-later
"""The product beside Asterisk 22, one after the other, same calls, same packets: `make bench-asterisk`.

Both stand between the same two ends, hear codes on both legs of every call (Asterisk: features.conf with all Dial
options, sound kept by the PBX) and prove it at the end: every call is ended by a code typed in it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.interop.asterisk import Asterisk
from tests.interop.root import UnavailableError, obtain
from tests.load.relayed import Relayed, added_ms, ends, measure, nobody, under_load
from tests.load.rtpload import Sound
from tests.peers.bench import machine

CALLS, SECONDS = 200, 20.0
GOAL = 4.0  # times Asterisk's calls per core


def of_asterisk(count: int, seconds: float) -> Relayed:
    """Asterisk 22 under the load."""
    where = ends()
    pbx = Asterisk(obtain(), verbose=False)
    with pbx.running({"caller": where[0], "callee": where[1]}):
        return asyncio.run(measure(pbx.pid, pbx.sip, where, count, seconds))


def table(ours: Relayed, theirs: Relayed, baseline: Sound, version: str) -> Table:
    """The figures side by side, with ratios."""
    shown = Table("", "b2bua", version, "ratio", title=f"{ours.calls} calls, PCMU both ways, codes heard on both legs",
                  caption=machine() + "; load generator on the same machine")
    ours_delay, their_delay = added_ms(ours.sound, baseline), added_ms(theirs.sound, baseline)
    rows = [("CPU of one core", "{:.1f} %", ours.cpu_percent, theirs.cpu_percent),
            ("CPU of a call", "{:.3f} %", ours.cpu_percent / ours.calls, theirs.cpu_percent / theirs.calls),
            ("calls per core", "{:.0f}", ours.calls_per_core, theirs.calls_per_core),
            ("added one-way delay, median", "{:.3f} ms", ours_delay[0], their_delay[0]),
            ("added one-way delay, p99", "{:.3f} ms", ours_delay[1], their_delay[1])]
    for name, form, our, their in rows:
        shown.add_row(name, form.format(our), form.format(their), f"{our / their:.2f}" if their else "-")
    shown.add_row("packets lost", f"{ours.sound.loss_percent:.4f} %", f"{theirs.sound.loss_percent:.4f} %", "")
    shown.add_row("calls that heard no code", str(ours.deaf), str(theirs.deaf), "")
    return shown


def main(arguments: Sequence[str]) -> int:
    """Measure both; 1 where a call was deaf or the goal is missed."""
    console = Console(width=max(Console().width, 100))
    count = int(arguments[0]) if arguments else CALLS
    seconds = float(arguments[1]) if len(arguments) > 1 else SECONDS
    try:
        version = (obtain() / "asterisk.version").read_text().partition("+")[0]
    except UnavailableError as missing:
        console.print(f"not measured: {missing}", style="yellow", markup=False)
        return 0
    baseline = nobody(count)
    theirs, ours = of_asterisk(count, seconds), under_load(count, seconds)
    console.print(table(ours, theirs, baseline, version))
    ratio = ours.calls_per_core / theirs.calls_per_core
    console.print(f"{ratio:.1f} times Asterisk's calls per core; the goal is {GOAL:g}")
    return 1 if ours.deaf or theirs.deaf or ratio < GOAL else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
