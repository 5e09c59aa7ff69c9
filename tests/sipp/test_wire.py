# SPDX-License-Identifier: GPL-3.0-or-later
"""What really passes the wire, captured on loopback (root only)."""

from __future__ import annotations

import pytest

from tests.peers.messages import find
from tests.peers.sound import dominant_hz
from tests.peers.wire import Capture, can_capture
from tests.sipp.conftest import PBX, TRUNK, Stage

pytestmark = pytest.mark.skipif(not can_capture(), reason="capturing needs root or CAP_NET_RAW")

US = "127.0.0.1"


def test_signalling_and_sound_pass_only_through_the_product(stage: Stage) -> None:
    with Capture([TRUNK, PBX]) as wire:
        pbx = stage.device()
        caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=1500)
        caller.plays(500, lambda track: track.talk(1.5))
        pbx.plays(900, lambda track: track.talk(1.5))
        caller.finish()
        pbx.finish()
        wire.wait(lambda seen: len(find(seen.messages, "BYE", 200)) >= 2)
    assert {US in (message.src[0], message.dst[0]) for message in wire.messages} == {True}
    assert {US in (src[0], dst[0]) for src, dst, _ in wire.streams} == {True}
    assert dominant_hz(wire.heard_by(PBX)) == pytest.approx(500, abs=5)
    assert dominant_hz(wire.heard_by(TRUNK)) == pytest.approx(900, abs=5)


def test_each_leg_has_an_rtp_stream_of_its_own(stage: Stage) -> None:
    with Capture([TRUNK, PBX]) as wire:
        pbx = stage.device()
        caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=1500)
        caller.plays(500, lambda track: track.talk(1.5))
        pbx.plays(900, lambda track: track.talk(1.5))
        caller.finish()
        pbx.finish()
    ours = [(dst[0], ssrc) for src, dst, ssrc in wire.streams if src[0] == US]
    assert sorted(host for host, _ in ours) == [TRUNK, PBX]  # one SSRC per leg, from begin to end
    for (src, _, _), packets in wire.streams.items():
        if src[0] == US:
            sequences = [packet.sequence for packet in packets]
            assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
