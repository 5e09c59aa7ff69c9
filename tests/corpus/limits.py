# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits: what ITU-T Q.24 and the issue ask of a receiver, each as a generator of random cases at that limit.

A case draws digit, phases, place on the packet grid, and a harmless level and length where its limit leaves them free.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dsp.tones import DIGITS, amplitude, to_int16
from tests.corpus import g711
from tests.corpus.keys import Key, Sound, echo, lose, noise_below, play

LEAD_S = 0.1  # silence before the first key, and more by the place on the grid
TAIL_S = 0.2


@dataclass(frozen=True)
class Case:
    """A recording and the digits that must be heard in it."""

    pcm: NDArray[np.int16]
    expected: str
    keys: tuple[Key, ...]


Make = Callable[[np.random.Generator, int], Case]


def some_key(rng: np.random.Generator, **fixed: float) -> Key:
    """A key within the limits: -5 to -20 dBm0, 60 to 120 ms, exact frequencies, level tones."""
    level = fixed.pop("level", rng.uniform(-20, -5))
    twist = fixed.pop("twist", 0.0)
    key = Key(
        digit=str(rng.choice(list(DIGITS))),
        start_s=LEAD_S + rng.uniform(0, 0.02),
        on_s=rng.uniform(0.06, 0.12),
        low_dbm0=level - max(twist, 0.0),
        high_dbm0=level + min(twist, 0.0),
        phases=(rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)),
    )
    return replace(key, **fixed)


def sign(rng: np.random.Generator) -> float:
    """-1 or 1."""
    return float(rng.choice([-1.0, 1.0]))


def case(keys: list[Key], expected: str, rate_hz: int, change: Callable[[Sound], Sound] | None = None) -> Case:
    """A recording of some keys, with one thing done to it."""
    sound = play(keys, keys[-1].start_s + keys[-1].on_s + TAIL_S, rate_hz)
    return Case(to_int16(change(sound) if change else sound), expected, tuple(keys))


def alone(change: Callable[[np.random.Generator, Key], Key], is_heard: bool = True) -> Make:
    """One key, changed to sit at a limit."""

    def make(rng: np.random.Generator, rate_hz: int) -> Case:
        key = change(rng, some_key(rng))
        return case([key], key.digit if is_heard else "", rate_hz)

    return make


def over(change: Callable[[np.random.Generator, Key, Sound, int], Sound]) -> Make:
    """One key, and something on the line."""

    def make(rng: np.random.Generator, rate_hz: int) -> Case:
        key = some_key(rng)
        return case([key], key.digit, rate_hz, lambda sound: change(rng, key, sound, rate_hz))

    return make


def level(dbm0: float) -> Callable[[np.random.Generator, Key], Key]:
    """Both tones at this level."""
    return lambda rng, key: replace(key, low_dbm0=dbm0, high_dbm0=dbm0)


def detuned(both: float) -> Callable[[np.random.Generator, Key], Key]:
    """Both tones off by this much, each to either side."""
    return lambda rng, key: replace(key, low_detuning=sign(rng) * both, high_detuning=sign(rng) * both)


def detuned_one(by: float) -> Callable[[np.random.Generator, Key], Key]:
    """One of the tones off by this much, the other exact."""
    return lambda rng, key: replace(key, **{str(rng.choice(["low_detuning", "high_detuning"])): sign(rng) * by})


def twisted(by_db: float) -> Callable[[np.random.Generator, Key], Key]:
    """High tone over low tone, the louder one where the key was."""
    return lambda rng, key: replace(
        key, low_dbm0=key.low_dbm0 - max(by_db, 0.0), high_dbm0=key.low_dbm0 + min(by_db, 0.0)
    )


def twice(on_s: float, pause_s: float) -> Make:
    """The same key twice."""

    def make(rng: np.random.Generator, rate_hz: int) -> Case:
        key = some_key(rng, on_s=on_s)
        again = replace(key, start_s=key.start_s + on_s + pause_s, phases=(rng.uniform(0, 6), rng.uniform(0, 6)))
        return case([key, again], key.digit * 2, rate_hz)

    return make


def broken(gap_s: float) -> Make:
    """One key that is interrupted, phase going on."""

    def make(rng: np.random.Generator, rate_hz: int) -> Case:
        key = some_key(rng, on_s=rng.uniform(0.1, 0.2))
        at_s = key.start_s + rng.uniform(0.035, key.on_s - gap_s - 0.035)
        return case([key], key.digit, rate_hz, lambda sound: lose(sound, at_s, gap_s, rate_hz))

    return make


def packet(is_repeated: bool) -> Make:
    """One key that loses a packet of the grid after its 40 ms, or gets one twice."""

    def make(rng: np.random.Generator, rate_hz: int) -> Case:
        key = some_key(rng, on_s=rng.uniform(0.12, 0.25))
        grid = rng.integers(int(key.start_s / 0.02) + 1, int((key.start_s + key.on_s) / 0.02) + 1)
        return case([key], key.digit, rate_hz, lambda sound: lose(sound, 0.02 * grid, 0.02, rate_hz, is_repeated))

    return make


def row(rng: np.random.Generator, rate_hz: int) -> Case:
    """Six keys at 93 ms each."""
    keys = [some_key(rng, start_s=LEAD_S + 0.093 * n, on_s=float(rng.uniform(0.042, 0.053))) for n in range(6)]
    return case(keys, "".join(key.digit for key in keys), rate_hz)


def hum(*tones: tuple[float, float]) -> Callable[[np.random.Generator, Key, Sound, int], Sound]:
    """Steady tones under the key: frequency, level over one tone of the key in dB."""

    def change(rng: np.random.Generator, key: Key, sound: Sound, rate_hz: int) -> Sound:
        time_s = np.arange(sound.size) / rate_hz
        for tone_hz, over_db in tones:
            peak = amplitude(min(key.low_dbm0 + over_db, -3.0))
            sound = sound + peak * np.sin(2 * np.pi * tone_hz * time_s + rng.uniform(0, 6))
        return sound

    return change


def corner(rng: np.random.Generator, rate_hz: int) -> Case:
    """All at once: 40 ms on and off, 1.5 %, a twist limit, a level limit, 12 dB SNR, a companding law."""
    twist = float(rng.choice([4.0, -8.0]))
    loudest = float(rng.choice([-3.0 if rng.random() < 0.5 else 0.0, -25.0 + abs(twist)]))
    key = twisted(twist)(rng, detuned(0.015)(rng, some_key(rng, level=loudest, on_s=0.04)))
    keys = [replace(key, start_s=key.start_s + 0.08 * n, digit=str(rng.choice(list(DIGITS)))) for n in range(2)]
    law = g711.mu_law if rng.random() < 0.5 else g711.a_law
    made = case(keys, keys[0].digit + keys[1].digit, rate_hz, lambda s: noise_below(rng, s, key, 12.0, rate_hz))
    return replace(made, pcm=law(made.pcm))


def through(law: Callable[[NDArray[np.int16]], NDArray[np.int16]]) -> Make:
    """One key at any level through a companding law."""

    def make(rng: np.random.Generator, rate_hz: int) -> Case:
        key = some_key(rng, level=rng.uniform(-25, -3))
        return replace(made := case([key], key.digit, rate_hz), pcm=law(made.pcm))

    return make


LIMITS: dict[str, Make] = {
    "plain digits": alone(lambda rng, key: key),
    "1.5 % on both tones accepted": alone(detuned(0.015)),
    "1.5 % + 2 Hz on both tones accepted": alone(detuned(0.0165)),
    "3.5 % on one tone refused": alone(detuned_one(0.035), is_heard=False),
    "3.5 % on both tones refused": alone(detuned(0.035), is_heard=False),
    "high 4 dB over low accepted": alone(twisted(4.0)),
    "high 8 dB under low accepted": alone(twisted(-8.0)),
    "0 dBm0 a tone (clips) accepted": alone(level(0.0)),
    "-3 dBm0 a tone accepted": alone(level(-3.0)),
    "-25 dBm0 accepted": alone(level(-25.0)),
    "-55 dBm0 refused": alone(level(-55.0), is_heard=False),
    "40 ms accepted": alone(lambda rng, key: replace(key, on_s=0.040)),
    "23 ms refused": alone(lambda rng, key: replace(key, on_s=0.023), is_heard=False),
    "40 ms pause separates": twice(0.04, 0.04),
    "30 ms pause separates": twice(0.05, 0.03),
    "10 ms interruption is one digit": broken(0.010),
    "20 ms interruption is one digit": broken(0.020),
    "lost packet is one digit": packet(is_repeated=False),
    "repeated packet is one digit": packet(is_repeated=True),
    "93 ms a digit": row,
    "12 dB SNR": over(lambda rng, key, sound, rate_hz: noise_below(rng, sound, key, 12.0, rate_hz)),
    "mu-law": through(g711.mu_law),
    "A-law": through(g711.a_law),
    "dial tone at the level of the key": over(hum((350.0, 0.0), (440.0, 0.0))),
    "dial tone 6 dB over the key": over(hum((350.0, 6.0), (440.0, 6.0))),
    "425 Hz dial tone 6 dB over the key": over(hum((425.0, 6.0))),
    "180 Hz hum 10 dB over the key": over(hum((180.0, 10.0))),
    "echo at 20 ms, -10 dB": over(lambda rng, key, sound, rate_hz: echo(sound, 0.02, -10.0, rate_hz)),
    "all limits at once": corner,
}
