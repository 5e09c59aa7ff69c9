# SPDX-License-Identifier: GPL-3.0-or-later
"""What really passes the wire, captured on loopback (root only)."""

from __future__ import annotations

import itertools

import pytest

from tests.peers.messages import find
from tests.peers.sound import dominant_hz
from tests.peers.wire import Capture, can_capture
from tests.sipp.conftest import PBX, TRUNK, Stage

pytestmark = pytest.mark.skipif(not can_capture(), reason="capturing needs root or CAP_NET_RAW")

US = "127.0.0.1"


def talk_captured(stage: Stage) -> tuple[Capture, tuple[str, int], tuple[str, int]]:
    """A call with sound both ways; what passed, and the RTP addresses of the caller and the PBX."""
    with Capture([TRUNK, PBX]) as wire:
        pbx = stage.device()
        caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=1500)
        caller.plays(500, lambda track: track.talk(1.5))
        pbx.plays(900, lambda track: track.talk(1.5))
        call_ids = {m.get("Call-ID") for m in caller.finish() + pbx.finish()}
        wire.wait(lambda seen: len([m for m in find(seen.messages, "BYE", 200) if m.get("Call-ID") in call_ids]) >= 2)
    return wire, (caller.rtp.host, caller.rtp.port), (pbx.rtp.host, pbx.rtp.port)


def test_signalling_and_sound_pass_only_through_the_product(stage: Stage) -> None:
    wire, caller, pbx = talk_captured(stage)
    assert {US in (message.src[0], message.dst[0]) for message in wire.messages} == {True}
    assert {US in (src[0], dst[0]) for src, dst, _ in wire.streams} == {True}
    assert dominant_hz(wire.heard_by(pbx)) == pytest.approx(500, abs=5)
    assert dominant_hz(wire.heard_by(caller)) == pytest.approx(900, abs=5)


def test_each_leg_has_one_rtp_stream_from_begin_to_end(stage: Stage) -> None:
    wire, caller, pbx = talk_captured(stage)
    for address in (caller, pbx):
        (packets,) = [packets for (_, dst, _), packets in wire.streams.items() if dst == address]
        steps = {(after.sequence - before.sequence) & 0xFFFF for before, after in itertools.pairwise(packets)}
        assert steps == {1}
