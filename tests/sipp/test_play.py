# SPDX-License-Identifier: GPL-3.0-or-later
"""What codes let people hear, told by frequency: who hears it, when it ends, and what becomes of the line."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.peers.rtp import RtpPacket, Track
from tests.peers.sound import AUDIBLE_DBM0, dominant_hz, tone_dbm0
from tests.sipp.conftest import Device, Stage
from tests.sipp.sounds import FILE_HZ, FILE_S, NUMBER

A_HZ, B_HZ = 500, 900
FRAME_S = 0.02


def call(stage: Stage, part: Callable[[Track], Track], talk_ms: int) -> tuple[Device, Device]:
    """The trunk calls 1005, who does this; the caller talks all the time."""
    before = stage.sidecar.metric("b2bua_metaflows_total")
    phone = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=talk_ms, service=NUMBER)
    caller.plays(A_HZ, lambda track: track.talk(talk_ms / 1000 - 0.3))
    phone.plays(B_HZ, part)
    caller.finish()
    phone.finish()
    assert stage.sidecar.metric("b2bua_metaflows_total") > before
    return caller, phone


def audible_s(device: Device, hz: float) -> float:
    """For how long it heard this frequency, in blocks of 100 ms."""
    samples = device.rtp.heard()
    blocks = [samples[at:at + 800] for at in range(0, len(samples) - 799, 800)]
    return 0.1 * sum(tone_dbm0(block, hz) > AUDIBLE_DBM0 for block in blocks)


def assert_unbroken(packets: list[RtpPacket]) -> None:
    """One stream, no packet missing, no time jumped over, none late by more than a few frames."""
    heard = sorted((p for p in packets if p.payload_type == 0), key=lambda p: p.sequence)
    pairs = list(itertools.pairwise(heard))
    assert len({p.ssrc for p in heard}) == 1
    assert {b.sequence - a.sequence for a, b in pairs} == {1}
    assert max(b.at_s - a.at_s for a, b in pairs) < 0.15


@pytest.mark.parametrize(("code", "hear"), [("*51", "b"), ("*52", "a"), ("*53", "ab")])
def test_F74_play_is_heard_by_whom_it_is_for_seen_from_who_typed(stage: Stage, code: str, hear: str) -> None:
    caller, phone = call(stage, lambda track: track.talk(0.5).digits(code).talk(2.3), 3800)
    for name, device, other_hz in (("a", caller, B_HZ), ("b", phone, A_HZ)):
        assert audible_s(device, FILE_HZ) == pytest.approx(FILE_S if name in hear else 0.0, abs=0.25)
        assert dominant_hz(device.rtp.heard(0.6)[:3200]) == pytest.approx(other_hz, abs=5), "and then the other again"
        assert_unbroken(device.rtp.packets)


def test_F74_any_key_stops_what_is_played_and_the_child_of_that_outcome_runs(stage: Stage) -> None:
    before = stage.sidecar.metric("b2bua_metaflows_total", module="play", outcome="interrupted")
    phone = stage.device()
    caller = stage.caller("caller-answered-expect-bye-from-pbx", service=NUMBER)
    caller.plays(A_HZ, lambda track: track.talk(4))
    phone.plays(B_HZ, lambda track: track.talk(0.5).digits("*54").talk(2).digits("7").talk(0.3))
    caller.finish()
    phone.finish()
    assert audible_s(phone, FILE_HZ) == pytest.approx(2.0, abs=0.4), "twice the file: it was played again and again"
    assert stage.sidecar.metric("b2bua_metaflows_total", module="play", outcome="interrupted") == before + 1


def test_F75_play_of_what_is_not_there_plays_nothing_and_goes_on(stage: Stage) -> None:
    failed = stage.sidecar.metric("b2bua_metaflows_total", module="play", outcome="failed")
    _, phone = call(stage, lambda track: track.talk(0.5).digits("*55").talk(2.3), 3800)
    assert audible_s(phone, FILE_HZ) == pytest.approx(FILE_S, abs=0.25), "the child's file"
    assert stage.sidecar.metric("b2bua_metaflows_total", module="play", outcome="failed") == failed + 1
