# SPDX-License-Identifier: GPL-3.0-or-later
"""When words were said, told by RTP time: an hour of two parties, packet by packet. The C++ is compiled alone."""

from __future__ import annotations

import ctypes
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

HOUR_S = float(os.environ.get("B2BUA_PLAYOUT_S", "900"))  # how much of it
SETTLES_S = 1.0  # after a stream has begun anew
STEP_S = 0.020  # two channels are in step when they are apart by no more
NETWORK_S = 0.030  # of the least delayed packets


@pytest.fixture(scope="module")
def library(compiled: Any) -> Any:
    """playout.cpp as a shared library."""
    loaded = compiled("playout")
    loaded.playout_new.restype = ctypes.c_void_p
    loaded.playout_hear.restype = ctypes.c_longlong
    return loaded


@dataclass
class Party:
    """Who talks into a network.

    clock    how much longer its seconds are than ours
    late_s   what the network adds to a packet that leaves at this second
    ptime_s  sound in a packet that begins at this second
    """

    clock: float = 1.0
    clock_hz: int = 8000
    ptime_s: Callable[[float], float] = lambda at_s: 0.020
    late_s: Callable[[float, random.Random], float] = lambda at_s, luck: 0.0
    lost: float = 0.0
    silent: tuple[tuple[float, float], ...] = ()
    ssrc: Callable[[float], int] = lambda at_s: 1

    def packets(self, seconds: float) -> Iterator[tuple[float, float, int, int, bool, int]]:
        """Arrival, when it began to be said, sequence, timestamp, marker, SSRC; in the order of arrival."""
        luck, sent, at_s, seq, ts, quiet = random.Random(1), [], 0.0, 4_000_000_000 % 65536, 4_294_000_000, True
        while at_s < seconds:
            length_s = self.ptime_s(at_s)
            units = round(length_s * self.clock_hz)
            if any(begin <= at_s < end for begin, end in self.silent):
                quiet = True
            else:
                late_s = self.late_s(at_s, luck)
                if luck.random() >= self.lost:
                    sent.append((at_s + length_s * self.clock + NETWORK_S + late_s, at_s, seq % 65536, ts % 2 ** 32,
                                 quiet, self.ssrc(at_s)))
                seq, quiet = seq + 1, False
            at_s, ts = at_s + length_s * self.clock, ts + units
        return iter(sorted(sent))


def errors(library: Any, party: Party, seconds: float = 60.0) -> tuple[Any, Any]:
    """When words were said, and how far from there they are placed, in seconds; NETWORK_S is the same for both."""
    playout, said, off = ctypes.c_void_p(library.playout_new()), [], []
    for arrival_s, began_s, seq, ts, marker, ssrc in party.packets(seconds):
        at_us = library.playout_hear(playout, seq, ts, ssrc, marker, party.clock_hz,
                                     ctypes.c_longlong(round((1000 + arrival_s) * 1e6)))
        said.append(began_s)
        off.append(at_us / 1e6 - 1000 - began_s - NETWORK_S)
    library.playout_free(playout)
    order = np.argsort(said)
    return np.array(said)[order], np.array(off)[order]


def jitter(most_s: float) -> Callable[[float, random.Random], float]:
    return lambda at_s, luck: luck.uniform(0, most_s)


def test_an_hour_of_jitter_loss_hold_clocks_and_unlike_packets_keeps_both_in_step(library: Any) -> None:
    hold, anew_s, long_s = ((200.0, 290.0), (500.0, 503.0)), 400.0, 50.0
    a = Party(clock=1.0001, late_s=jitter(0.040), lost=0.03, silent=hold)
    b = Party(clock=0.9999, clock_hz=48000, late_s=jitter(0.080), ptime_s=lambda at_s: 0.06 if at_s > long_s else 0.02,
              lost=0.01, silent=hold, ssrc=lambda at_s: 1 + (at_s > anew_s))
    (a_s, a_off), (b_s, b_off) = (errors(library, party, HOUR_S) for party in (a, b))
    apart = np.interp(a_s, b_s, b_off) - a_off
    begins_s = (0.0, long_s, anew_s, *np.ravel(hold))
    settled = np.all([(a_s < begin_s - 0.1) | (a_s > begin_s + SETTLES_S) for begin_s in begins_s], axis=0)
    worst = np.abs(apart[settled]).max()
    print(f"{HOUR_S:g} s: apart by {1000 * worst:.1f} ms at most, median {1000 * np.median(np.abs(apart)):.1f} ms")
    assert worst <= STEP_S


def test_a_clock_that_is_2500_ppm_slow_is_followed(library: Any) -> None:
    _, off = errors(library, Party(clock=1.0025))
    assert np.abs(off[100:]).max() <= 0.012


def test_sixty_ms_in_a_packet_are_placed_as_twenty(library: Any) -> None:
    for length_s in (0.010, 0.020, 0.030, 0.060):
        _, off = errors(library, Party(ptime_s=lambda at_s, length_s=length_s: length_s))  # type: ignore[misc]
        assert np.abs(off[3:]).max() <= 0.001


def test_a_network_or_a_machine_that_stalls_moves_nothing(library: Any) -> None:
    def stalled(at_s: float, luck: random.Random) -> float:
        return 0.1 if 10.0 < at_s < 11.5 else 0.0  # everything comes later for longer than two windows

    said, off = errors(library, Party(late_s=stalled))
    assert np.abs(off[(said > 0.1) & (said < 10)]).max() <= 0.001
    assert np.abs(off[said > 12]).max() <= 0.001
    assert np.abs(off[50:]).max() <= 0.010


def test_who_begins_to_talk_again_may_count_from_anywhere(library: Any) -> None:
    said, off = errors(library, Party(silent=((20.0, 25.0),), late_s=lambda at_s, luck: 0.2 if at_s > 20 else 0.0))
    assert np.abs(off[said > 26] - 0.2).max() <= 0.001
