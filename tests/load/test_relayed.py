# SPDX-License-Identifier: GPL-3.0-or-later
"""The load in small: the generator itself, and a few calls of the product that nothing may be lost of."""

from __future__ import annotations

import pytest

from tests.load.relayed import nobody, under_load
from tests.load.rtpload import RtpLoad


def test_the_generator_counts_every_packet() -> None:
    found = nobody(20, 0.5)
    assert found.sent > 20 * 2 * 15
    assert (found.received, found.duplicates, found.crossed, found.foreign) == (found.sent, 0, 0, 0)
    assert 0 <= found.median_ms <= found.p99_ms <= found.max_ms


def test_the_generator_knows_lost_and_crossed_packets() -> None:
    with RtpLoad.open("127.0.0.2", "127.0.0.4") as sound:
        sound.call(0, sound.b, ("127.0.0.4", 9))  # what A sends comes from where B does not send to
        crossed = sound.measure(0.2)
        assert crossed.crossed > 0
        assert crossed.received == 0
        sound.stop()
        sound.call(0, ("127.0.0.4", 9), ("127.0.0.2", 9))
        assert sound.measure(0.2).loss_percent == 100


@pytest.mark.sip
def test_relayed_calls_lose_nothing_and_hear_their_codes() -> None:
    found = under_load(20, 1.0)
    assert (found.sound.loss_percent, found.sound.crossed, found.deaf) == (0, 0, 0)


@pytest.mark.sip
def test_two_hundred_who_press_in_the_same_instant_are_all_heard() -> None:
    assert under_load(200, 0.1).deaf == 0
