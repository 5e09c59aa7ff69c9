# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls whose legs hear each other packet by packet: what arrives is what was sent, to the bit, and nothing else."""

from __future__ import annotations

import itertools
import random
import socket
import struct
import time
from dataclasses import dataclass

import pytest

from tests.peers.rtp import RtpPacket, Track, presses_of
from tests.peers.sound import dominant_hz
from tests.sipp.conftest import STRANGER, Device, Stage

A_HZ, B_HZ = 500, 900
FRAME = 160


@dataclass(frozen=True)
class Raw:
    """Bytes to be sent at a moment, whatever they are."""

    at_s: float
    data: bytes

    def pack(self) -> bytes:
        return self.data


def relayed(stage: Stage, talk_ms: int, event: str = "101") -> tuple[Device, Device]:
    """A call of the trunk to the PBX, both with PCMU."""
    pbx = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=talk_ms, keys={"event": event})
    stage.sidecar.wait_metric("b2bua_relayed_calls", 1)
    return caller, pbx


def sound(packets: list[RtpPacket]) -> list[RtpPacket]:
    """The audio of the call, in order."""
    return sorted((p for p in packets if p.payload_type == 0), key=lambda p: p.sequence)


def test_the_sound_arrives_to_the_bit_in_one_continuous_stream(stage: Stage) -> None:
    caller, pbx = relayed(stage, 3000)
    tracks = {}
    for device, hz in ((caller, A_HZ), (pbx, B_HZ)):
        tracks[device] = Track(hz, ssrc=0x1000 + hz).talk(2)
        device.rtp.play(tracks[device], to=device.sipp.peer_sdp(timeout_s=10).media)
    caller.finish()
    for device, other, hz in ((caller, pbx, B_HZ), (pbx, caller, A_HZ)):
        heard = sound(device.rtp.packets)
        assert dominant_hz(device.rtp.heard(1.0)) == pytest.approx(hz, abs=5)
        payloads = b"".join(p.payload for p in heard)
        assert b"".join(p.payload for p in tracks[other].packets) in payloads, "not a bit was changed on the way"
        assert len({p.ssrc for p in heard}) == 1
        assert 0x1000 + hz not in {p.ssrc for p in heard}, "the leg's own SSRC, the one of its SDP"
        steps = {(b.sequence - a.sequence & 0xFFFF, b.timestamp - a.timestamp & 0xFFFFFFFF)
                 for a, b in itertools.pairwise(heard)}
        assert all(seq == 1 and ts % FRAME == 0 and ts > 0 for seq, ts in steps), steps
        switches = len({p.payload == heard[0].payload for p in heard})
        assert 1 <= sum(p.marker for p in heard) <= switches + 1
    pbx.finish()


@pytest.mark.parametrize("event", ["101", "96"])
def test_digits_pass_packet_by_packet_with_their_own_timing_and_once(stage: Stage, event: str) -> None:
    caller, pbx = relayed(stage, 3500, event)
    track = Track(A_HZ, event=int(event)).talk(0.4).digits("1#", digit_ms=120, gap_ms=120).digits("9", digit_ms=60)
    track.digits("5", digit_ms=400).talk(0.6)
    caller.rtp.play(track, to=caller.sipp.peer_sdp(timeout_s=10).media)
    event_type = pbx.sipp.peer_sdp(timeout_s=10).event_type
    pbx.rtp.wait_presses(4, event=event_type)
    caller.finish()
    pbx.finish()
    sent = [p.payload for p in track.packets if p.payload_type == int(event)]
    heard = [p for p in pbx.rtp.packets if p.payload_type == event_type]
    assert [p.payload for p in heard] == sent, "every packet of every event, and no other"
    assert [p.digit for p in presses_of(heard, event_type)] == ["1", "#", "9", "5"]
    assert len({p.timestamp for p in heard}) == 4, "one timestamp per event (RFC 4733 §2.1)"
    assert sum(p.marker for p in heard) == 4
    everything = sorted(pbx.rtp.packets, key=lambda p: p.sequence)
    assert {b.sequence - a.sequence for a, b in itertools.pairwise(everything)} == {1}


def test_the_digits_of_a_leg_with_codes_pass_but_for_the_hidden_ones(stage: Stage) -> None:
    caller, pbx = relayed(stage, 5000)
    sdp = pbx.sipp.peer_sdp(timeout_s=10)
    track = Track(B_HZ, event=sdp.event_type).talk(0.4).digits("12", digit_ms=120, gap_ms=200)
    track.digits("*7", digit_ms=120, gap_ms=200).talk(1.4).digits("3", digit_ms=120).talk(0.4)
    pbx.rtp.play(track, to=sdp.media)
    caller.rtp.wait_presses(5, event=101, timeout_s=6)
    caller.finish()
    pbx.finish()
    presses = caller.rtp.presses(101)
    assert [press.digit for press in presses] == ["1", "2", "*", "7", "3"], "*7 was no code and was given back"
    assert [press.duration_ms for press in presses] == [pytest.approx(120, abs=40)] * 5
    assert [press.packets for press in (presses[0], presses[1], presses[4])] == [8, 8, 8], "those passed natively"


def test_unlike_codecs_go_through_the_bridge(stage: Stage) -> None:
    pbx = stage.device("pbx-answers-with-pcma-expect-bye")
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=2000)
    caller.plays(A_HZ, lambda track: track.talk(1.5))
    pbx.rtp.wait_packets(40)
    assert stage.sidecar.metric("b2bua_relayed_calls") == 0
    caller.finish()
    pbx.finish()
    assert {p.payload_type for p in pbx.rtp.packets} == {8}
    loud = [p for p in pbx.rtp.packets if len(set(p.payload)) > 8]
    assert len(loud) > 20, "the tone arrives all the same"


def test_nobody_else_can_speak_into_a_call(stage: Stage) -> None:
    caller, pbx = relayed(stage, 2500)
    to = caller.sipp.peer_sdp(timeout_s=10).media
    caller.rtp.play(Track(A_HZ).talk(2), to=to)
    pbx.rtp.wait_packets(20)
    before = stage.sidecar.metric("b2bua_digits_total", source="rfc4733")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((STRANGER, 0))
        for packet in Track(B_HZ, ssrc=0xBAD).talk(1).digits("5").packets:
            stranger.sendto(packet.pack(), to)
            time.sleep(0.005)
    caller.finish()
    pbx.finish()
    assert dominant_hz(pbx.rtp.heard(1.5)) == pytest.approx(A_HZ, abs=5)
    assert pbx.rtp.presses() == []
    assert stage.sidecar.metric("b2bua_digits_total", source="rfc4733") == before


def mutations(seed: int, count: int) -> list[Raw]:
    """Packets of a talk with digits, each damaged: bytes changed, cut, lengths and versions wrong; and plain noise."""
    dice = random.Random(seed)
    source = Track(A_HZ).talk(0.2).digits("1234").packets
    made = []
    for index in range(count):
        data = bytearray(dice.choice(source).pack())
        kind = dice.randrange(4)
        if kind == 0:
            data = bytearray(dice.randbytes(dice.randrange(0, 1500)))
        elif kind == 1:
            del data[dice.randrange(len(data)):]
        else:
            data[0] = data[0] & 0xC0 | dice.randrange(64) if kind == 2 else dice.randrange(256)
            data[12:16] = struct.pack("!BBH", dice.randrange(17, 256), dice.randrange(256), dice.randrange(65536))
        if len(data) > 1 and data[1] & 0x7F == 101 and kind != 2:
            data[1] = 0x7F  # a whole event would be a digit, rightly
        made.append(Raw(index * 0.001, bytes(data)))
    return made


def test_damaged_packets_do_no_harm_and_make_no_digit(stage: Stage) -> None:
    caller, pbx = relayed(stage, 5000)
    to = caller.sipp.peer_sdp(timeout_s=10).media
    before = stage.sidecar.metric("b2bua_digits_total", source="rfc4733")
    noise = Track(A_HZ)
    noise.packets = mutations(4733, 2000)  # type: ignore[assignment]
    caller.rtp.play(noise, to=to).join()
    begin = len(pbx.rtp.packets)
    caller.rtp.play(Track(A_HZ, ssrc=0xA11).talk(1.2), to=to).join()
    caller.finish()
    pbx.finish()
    assert stage.sidecar.metric("b2bua_digits_total", source="rfc4733") == before
    assert all(len(p.payload) < 1500 for p in pbx.rtp.packets)
    heard = [p for p in pbx.rtp.packets[begin:] if p.payload_type == 0 and len(p.payload) == FRAME]
    assert len(heard) >= 55, "the call goes on"
