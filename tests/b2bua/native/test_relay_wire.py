# SPDX-License-Identifier: GPL-3.0-or-later
"""One outgoing stream whose source changes: numbers, timestamps, markers. The C++ is compiled alone, without PJSIP."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OWN, RELAY, OTHER = 1, 2, 3  # sources
SSRC = 0xCAFE
UNITS, CLOCK_HZ = 160, 8000
TICK_US = 20_000


@pytest.fixture(scope="module")
def library(compiled: Any) -> Any:
    """relay_wire.cpp as a shared library."""
    loaded = compiled("relay_wire")
    loaded.wire_new.restype = ctypes.c_void_p
    return loaded


@dataclass(frozen=True)
class Out:
    seq: int
    ts: int
    ssrc: int
    marker: bool


class Wire:
    """The wire with a clock: every packet is a tick later."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._wire = ctypes.c_void_p(library.wire_new(SSRC, CLOCK_HZ, UNITS))
        self.now_us = 1_000_000_000

    def place(self, source: int, seq: int, ts: int, *, ssrc: int = 7, marker: bool = False, units: int = 0,
              late_us: int = TICK_US) -> Out | None:
        self.now_us += late_us
        out = (ctypes.c_uint * 4)()
        placed = self._library.wire_place(self._wire, ctypes.c_ulonglong(source), seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc,
                                          int(marker), units, ctypes.c_longlong(self.now_us), out)
        return Out(out[0], out[1], out[2], bool(out[3])) if placed else None

    def run(self, source: int, seq: int, ts: int, count: int, **more: Any) -> list[Out]:
        """A talk of so many packets."""
        placed = [self.place(source, seq + i, ts + i * UNITS, **more) for i in range(count)]
        return [one for one in placed if one is not None]

    def skip(self, source: int, seq: int, ts: int = 0, ssrc: int = 7) -> None:
        self.now_us += TICK_US
        self._library.wire_skip(self._wire, ctypes.c_ulonglong(source), seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc)

    def close(self) -> None:
        self._library.wire_free(self._wire)


@pytest.fixture
def wire(library: Any) -> Iterator[Wire]:
    made = Wire(library)
    yield made
    made.close()


def steps(packets: list[Out]) -> list[tuple[int, int]]:
    """(sequence, timestamp) from each packet to the next."""
    return [((b.seq - a.seq) & 0xFFFF, (b.ts - a.ts) & 0xFFFFFFFF) for a, b in itertools.pairwise(packets)]


def test_every_switch_goes_on_without_a_gap_and_marks_once(wire: Wire) -> None:
    talk = [wire.run(OWN, 65_530, 2**32 - 800, 10), wire.run(RELAY, 100, 55, 10), wire.run(OWN, 65_545, 1_600, 10),
            wire.run(OTHER, 9, 9, 10)]
    whole = list(itertools.chain(*talk))
    assert {packet.ssrc for packet in whole} == {SSRC}
    assert set(steps(whole)) == {(1, UNITS)}
    assert [i for i, packet in enumerate(whole) if packet.marker] == [0, 10, 20, 30]


def test_a_pause_between_two_sources_is_a_pause_in_timestamps(wire: Wire) -> None:
    before = wire.run(OWN, 1, 1, 3)[-1]
    after = wire.place(RELAY, 500, 500, late_us=1_000_000)
    assert after is not None
    assert (after.seq - before.seq, after.ts - before.ts) == (1, CLOCK_HZ)


def test_what_the_source_lost_or_reordered_the_far_end_sees_as_it_was(wire: Wire) -> None:
    wire.run(OWN, 1, 1, 3)
    placed = [wire.place(RELAY, seq, seq * UNITS) for seq in (10, 11, 14, 13, 14, 15)]
    assert None not in placed
    base = placed[0].seq  # type: ignore[union-attr]
    assert [one.seq - base for one in placed if one] == [0, 1, 4, 3, 4, 5]
    assert [one.ts - placed[0].ts for one in placed if one] == [n * UNITS for n in (0, 1, 4, 3, 4, 5)]  # type: ignore[union-attr]


def test_a_new_ssrc_of_the_same_source_is_a_switch(wire: Wire) -> None:
    whole = wire.run(RELAY, 10, 10, 5, ssrc=1) + wire.run(RELAY, 40_000, 3_000_000, 5, ssrc=2)
    assert set(steps(whole)) == {(1, UNITS)}
    assert [packet.marker for packet in whole].count(True) == 2


def test_withheld_packets_leave_no_gap_and_late_ones_no_place(wire: Wire) -> None:
    first = wire.run(RELAY, 10, 1_600, 2)
    wire.skip(RELAY, 12)
    wire.skip(RELAY, 13)
    assert wire.place(RELAY, 12, 12 * UNITS) is None
    after = wire.place(RELAY, 14, 14 * UNITS)
    assert after is not None
    assert after.seq == first[-1].seq + 1
    assert after.ts == first[-1].ts + 3 * UNITS, "time has passed"


def test_an_event_of_our_own_stream_goes_between_and_the_relay_goes_on(wire: Wire) -> None:
    before = wire.run(RELAY, 10, 1_600, 3)[-1]
    events = [wire.place(OWN, seq, 77, units=(seq - 4) * UNITS, marker=seq == 5) for seq in range(5, 10)]
    assert None not in events
    assert [packet.seq - before.seq for packet in events if packet] == [1, 2, 3, 4, 5]
    assert len({packet.ts for packet in events if packet}) == 1, "one timestamp per event (RFC 4733 §2.1)"
    assert [packet.marker for packet in events if packet] == [True, False, False, False, False]
    wire.skip(RELAY, 17)
    after = wire.place(RELAY, 18, 18 * UNITS)
    assert after is not None
    assert after.seq == before.seq + 6
    assert (after.ts - before.ts) % UNITS == 0
    assert after.ts - before.ts >= 6 * UNITS
    assert after.marker


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from([OWN, RELAY, OTHER]), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1),
                          st.integers(1, 40)), min_size=1, max_size=12))
def test_any_order_of_sources_is_one_continuous_stream(library: Any, talks: list[tuple[int, int, int, int]]) -> None:
    wire = Wire(library)
    whole: list[Out] = []
    for index, (source, seq, ts, count) in enumerate(talks):
        whole += wire.run(source, seq, ts, count, ssrc=index)
    wire.close()
    assert set(steps(whole)) <= {(1, UNITS)}
    assert sum(packet.marker for packet in whole) == len(talks)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_within_their_bounds(library: Any, data: bytes) -> None:
    data = bytes([0x80 | data[0] & 0x3F]) + data[1:] if data else data
    out = (ctypes.c_uint * 2)()
    if library.rtp_parse(data, len(data), out) == 0:
        assert 12 <= out[0] <= len(data)
        assert out[0] + out[1] <= len(data)
