# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours against spandsp: every limit, times, talk-off, throughput.

python -m tests.bench.detector                           some minutes
python -m tests.bench.detector --cases 5000 --hours 20 --prompts FOLDER --only talk-off
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsp.dtmf import Detector, Event
from dsp.tones import DIGITS, press, to_int16
from tests.bench.spandsp import Spandsp
from tests.corpus import speech
from tests.corpus.keys import noise_below
from tests.corpus.limits import LIMITS, Case, Make, case, some_key, twisted
from tests.corpus.noises import noises

Pcm = NDArray[np.int16]
MINUTE, HOUR = 60 * 8000, 3600 * 8000  # samples
PITCHES = (1.0, 0.9, 1.1, 1.2)  # a recording at another speed is another speaker


def listen(recordings: list[Pcm], rate_hz: int) -> tuple[list[list[Event]], list[list[tuple[str, float]]]]:
    """Ends of each recording, and its begins with the end of the packet that brought them, all in one bank."""
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


def passed(make: Make, count: int, rate_hz: int, seed: int, peer: Spandsp | None = None) -> float:
    """Per cent of random cases of one limit that come out right, ours or the peer's."""
    rng = np.random.default_rng(seed)
    made = [make(rng, rate_hz) for _ in range(count)]
    if peer:
        heard = ["".join(digit for digit, _ in peer.detect(one.pcm)) for one in made]
    else:
        heard = ["".join(event.digit for event in ends) for ends in listen([one.pcm for one in made], rate_hz)[0]]
    return 100.0 * sum(got == one.expected for got, one in zip(heard, made, strict=True)) / count


def limits(count: int, rates: list[int], peer: Spandsp, seed: int) -> None:
    """Print how every limit is kept."""
    print(f"{'limit, % right of ' + str(count):42}", *(f"{rate // 1000:5} kHz" for rate in rates), "  spandsp")
    for number, (name, make) in enumerate(LIMITS.items(), seed):
        cells = [passed(make, count, rate_hz, number) for rate_hz in rates] + [passed(make, count, 8000, number, peer)]
        print(f"{name:42}", *(f"{cell:9.1f}" for cell in cells), flush=True)


def held_keys(count: int, rate_hz: int, seed: int) -> list[Case]:
    """Keys of any length, twist and detuning, at any SNR from 12 dB."""
    rng = np.random.default_rng(seed)

    def one() -> Case:
        key = twisted(rng.uniform(-8, 4))(rng, some_key(rng, on_s=rng.uniform(0.06, 2.0)))
        key, snr_db = replace(key, low_detuning=rng.uniform(-0.015, 0.015)), rng.uniform(12, 40)
        return case([key], key.digit, rate_hz, lambda sound: noise_below(rng, sound, key, snr_db, rate_hz))

    return [one() for _ in range(count)]


def times(count: int, rates: list[int], peer: Spandsp, seed: int) -> None:
    """Print latency of the begin, and errors of onset and duration."""
    print("held keys, ms, median / p95")
    for rate_hz in rates:
        made, rows = held_keys(count, rate_hz, seed), []
        for one, end, begin in zip(made, *listen([one.pcm for one in made], rate_hz), strict=True):
            if len(end) == 1:
                key, event = one.keys[0], end[0]
                late = begin[0][1] - key.start_s
                rows.append((late, abs(event.onset_s - key.start_s), abs((event.duration_s or 0.0) - key.on_s)))
        cells = [f"{low:.1f} / {high:.1f}" for low, high in 1000 * np.percentile(rows, (50, 95), axis=0).T]
        print(f"ours {rate_hz:5} Hz, {len(rows)} of {count}: latency {cells[0]}, onset {cells[1]}, duration {cells[2]}")
    heard = [(peer.detect(one.pcm), one.keys[0].start_s) for one in held_keys(count, 8000, seed)]
    late = [found[0][1] - start_s for found, start_s in heard if len(found) == 1]
    low, high = 1000 * np.percentile(late, (50, 95))
    print(f"spandsp 8000 Hz, {len(late)} of {count}: latency {low:.1f} / {high:.1f}", flush=True)


def voices(hours: float, prompts: list[Path], seed: int) -> Iterator[tuple[str, Pcm]]:
    """Speech from every source at hand, a minute or more at a time; synthetic speech makes up the hours."""
    rng = np.random.default_rng(seed)
    for folder in prompts:
        for pitch in PITCHES:
            for pcm in speech.recorded(folder, pitch):
                yield folder.name[:16], pcm
    with tempfile.TemporaryDirectory() as room:
        made = 0.0
        while made < hours:
            for name, pcm in (("espeak-ng", speech.espeak(rng)), ("flite", speech.flite(rng, Path(room, "flite.wav")))):
                made += pcm.size / HOUR
                yield name, pcm


def talk_off(hours: float, prompts: list[Path], peer: Spandsp, seed: int) -> None:
    """Print false digits an hour at -15 dBm0."""
    tally: dict[str, list[float]] = {}
    for name, pcm in voices(hours, prompts, seed):
        rows = [pcm[first : first + MINUTE] for first in range(0, pcm.size, MINUTE)]
        sums = tally.setdefault(name, [0.0, 0.0, 0.0])
        sums[0] += pcm.size / HOUR
        sums[1] += sum(map(len, listen(rows, 8000)[0]))
        sums[2] += len(peer.detect(pcm))
    for name, (length, ours, theirs) in [*tally.items(), ("all", np.sum(list(tally.values()), axis=0))]:
        print(f"talk-off {name:18} {length:7.2f} h   ours {int(ours):3}   spandsp {int(theirs):3}", end="")
        print(f"   an hour {ours / length:.3f}   {theirs / length:.3f}", flush=True)


def calm(peer: Spandsp, length_s: float, seed: int) -> None:
    """Print false digits on everything that is neither speech nor a key."""
    for name, pcm in noises(np.random.default_rng(seed), length_s):
        ours, theirs = len(listen([pcm], 8000)[0][0]), len(peer.detect(pcm))
        if ours or theirs:
            print(f"false digits in {length_s:.0f} s of {name:26} ours {ours:4}   spandsp {theirs:4}", flush=True)
    print("false digits on all other noises: none")


def throughput(legs: int, rates: list[int], steps: int = 100) -> None:
    """Print what a step costs when all legs are silent, when all speak, and when all press five keys a second."""
    rng = np.random.default_rng(1)
    talk = speech.espeak(rng, 200)
    for rate_hz in rates:
        frame, pause = rate_hz // 50, np.zeros(rate_hz // 10, np.int16)
        keys = np.concatenate([part for digit in DIGITS for part in (to_int16(press(digit, 0.1, rate_hz)), pause)])
        for name, sound in {"silence": pause, "speech": np.repeat(talk, rate_hz // 8000), "keys": keys}.items():
            starts = rng.integers(0, sound.size, legs)[:, None]
            detector, spent = Detector(legs, rate_hz), []
            for step in range(steps):
                frames = sound[(starts + np.arange(step * frame, (step + 1) * frame)) % sound.size]
                start = time.process_time()
                detector.step(frames)
                spent.append(time.process_time() - start)
            cost = float(np.median(spent[5:]))
            print(
                f"{rate_hz:5} Hz, {legs} legs, {name:7} {1000 * cost:6.2f} ms a step, {legs * 0.02 / cost:6.0f} a core"
            )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=500, help="random cases of each limit")
    parser.add_argument("--rates", type=int, nargs="+", default=[8000, 16000, 48000], help="Hz")
    parser.add_argument("--hours", type=float, default=0.5, help="synthetic speech")
    parser.add_argument("--prompts", type=Path, nargs="*", default=[], help="folders of recorded speech, WAV")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=["limits", "times", "talk-off", "calm", "throughput"])
    args = parser.parse_args()
    try:
        peer = Spandsp()
    except OSError:
        sys.exit("libspandsp2 is not installed")
    parts = {
        "limits": lambda: limits(args.cases, args.rates, peer, args.seed),
        "times": lambda: times(args.cases, args.rates, peer, args.seed),
        "calm": lambda: calm(peer, 300.0, args.seed),
        "talk-off": lambda: talk_off(args.hours, args.prompts, peer, args.seed),
        "throughput": lambda: throughput(1000, args.rates),
    }
    for name, run in parts.items():
        if name in args.only:
            run()


if __name__ == "__main__":
    main()
