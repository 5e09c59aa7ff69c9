# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours against spandsp: every limit, latency, talk-off, throughput. `python -m tests.bench.detector --help`."""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dsp.dtmf import Detector, Event
from tests.bench.spandsp import Spandsp
from tests.corpus.limits import LIMITS, Case

BATCH = 500


def listen(recordings: list[NDArray[np.int16]], rate_hz: int) -> tuple[list[list[Event]], list[list[tuple[str, float]]]]:
    """Events of each recording, and its begins with the end of the packet that brought them, all in one bank."""
    frame = rate_hz // 50
    steps = -(-max(pcm.size for pcm in recordings) // frame) + 3
    bank = np.zeros((len(recordings), steps * frame), np.int16)
    for row, pcm in zip(bank, recordings, strict=True):
        row[: pcm.size] = pcm
    detector = Detector(len(recordings), rate_hz)
    ends: list[list[Event]] = [[] for _ in recordings]
    begins: list[list[tuple[str, float]]] = [[] for _ in recordings]
    for step in range(steps):
        for event in detector.step(bank[:, step * frame : (step + 1) * frame]):
            if event.duration_s is None:
                begins[event.leg].append((event.digit, (step + 1) * 0.02))
            else:
                ends[event.leg].append(event)
    return ends, begins


def cases(make: Callable[[np.random.Generator, int], Case], count: int, rate_hz: int, seed: int) -> list[Case]:
    """Random cases of one limit."""
    rng = np.random.default_rng(seed)
    return [make(rng, rate_hz) for _ in range(count)]


def limits(count: int, rates: list[int], peer: Spandsp | None, only: str) -> None:
    """Print the share of cases of each limit that come out right."""
    print(f"{'limit, % right of ' + str(count):42}", *(f"{rate // 1000:5} kHz" for rate in rates), "  spandsp")
    for seed, (name, make) in enumerate(LIMITS.items()):
        if only not in name:
            continue
        cells = []
        for rate_hz in rates:
            made = cases(make, count, rate_hz, seed)
            ends, _ = listen([case.pcm for case in made], rate_hz)
            right = sum("".join(e.digit for e in heard) == case.expected for heard, case in zip(ends, made, strict=True))
            cells.append(f"{100 * right / count:9.1f}")
        if peer:
            made = cases(make, count, 8000, seed)
            right = sum("".join(d for d, _ in peer.detect(case.pcm)) == case.expected for case in made)
            cells.append(f"{100 * right / count:9.1f}")
        print(f"{name:42}", *cells, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--rates", type=int, nargs="+", default=[8000, 16000])
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    limits(args.cases, args.rates, Spandsp(), args.only)


if __name__ == "__main__":
    main()
