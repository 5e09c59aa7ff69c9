# SPDX-License-Identifier: GPL-3.0-or-later
"""Digits and sound as they come from real networks: long events, bursts, digits told twice, moving sources, masks."""

from __future__ import annotations

import json
import struct
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.peers.rtp import RtpPacket, Track, presses_of
from tests.peers.sound import Samples, decode_pcmu, dominant_hz
from tests.sipp.conftest import STRANGER, TRUNK, Device, Stage
from tests.sipp.test_relay import relayed

A_HZ, B_HZ = 500, 900
SEGMENT = 0xFFFF  # units: the most that a duration can say
SILENT_S = 2.2  # after so long another source is taken
LOUD = 300  # int16
LISTEN_S = 0.5


def long_press(track: Track, event: int, units: int) -> Track:
    """One press of key 5 beyond 0xFFFF units, in segments (RFC 4733 section 2.5.1.3), quicker than it would be."""
    last, done = track.packets[-1], 0
    begin, sequence, at_s = last.timestamp + 160, last.sequence, last.at_s
    while done < units:
        done = min(done + 400, units)
        segment, within = divmod(done - 1, SEGMENT)
        end = 0x80 if done == units else 0
        for _ in range(3 if end else 1):
            sequence, at_s = sequence + 1, at_s + 0.004
            track.packets.append(replace(
                last, payload_type=event, payload=struct.pack("!BBH", 5, end | 10, within + 1), sequence=sequence,
                timestamp=begin + segment * SEGMENT, at_s=at_s, marker=done == 400))
    return track


def count(stage: Stage, source: str) -> float:
    """Presses heard so far by this."""
    return stage.sidecar.metric("b2bua_digits_total", source=source)


def test_an_event_beyond_65535_units_is_one_press(stage: Stage) -> None:
    caller, pbx = relayed(stage, 4000)
    before = count(stage, "rfc4733")
    caller.rtp.play(long_press(Track(A_HZ).talk(0.4), 101, 2 * SEGMENT + 4000), to=caller.sipp.peer_sdp().media).join()
    caller.rtp.play(Track(A_HZ, ssrc=0xA12).talk(0.2).digits("7"), to=caller.sipp.peer_sdp().media).join()
    stage.sidecar.wait_metric("b2bua_digits_total", before + 2, source="rfc4733")
    caller.finish()
    pbx.finish()
    segments = [p.digit for p in presses_of(pbx.rtp.packets, pbx.sipp.peer_sdp().event_type)]
    assert segments == ["5", "5", "5", "7"], "natively, with the segments as they came"
    assert count(stage, "rfc4733") == before + 2


def test_a_burst_of_more_than_32_digits_arrives_whole_and_in_order(stage: Stage) -> None:
    caller, pbx = relayed(stage, 5000)
    before, digits = count(stage, "rfc4733"), "1234567890" * 4
    track = Track(A_HZ).talk(0.4).digits(digits, digit_ms=60, gap_ms=40)
    begin_s = 0.4
    track.packets = [replace(p, at_s=min(p.at_s, begin_s) + max(0.0, p.at_s - begin_s) / 20) for p in track.packets]
    caller.rtp.play(track, to=caller.sipp.peer_sdp().media).join()
    stage.sidecar.wait_metric("b2bua_digits_total", before + len(digits), source="rfc4733")
    pbx.rtp.wait_presses(len(digits), event=pbx.sipp.peer_sdp().event_type)
    caller.finish()
    pbx.finish()
    presses = presses_of(pbx.rtp.packets, pbx.sipp.peer_sdp().event_type)
    assert "".join(press.digit for press in presses) == digits


def test_info_before_the_event_of_the_same_press_arrives_once(stage: Stage) -> None:
    pbx = stage.device()
    infos, events = count(stage, "info"), count(stage, "rfc4733")
    caller = stage.caller("caller-presses-by-info-dtmf-expect-200", talk_ms=3500)
    to = caller.sipp.peer_sdp(timeout_s=10).media
    stage.sidecar.wait_metric("b2bua_digits_total", infos + 1, source="info")
    caller.rtp.play(Track(A_HZ).digits("7", digit_ms=160).talk(0.8).digits("8").talk(0.3), to=to).join()
    caller.finish()
    pbx.finish()
    assert [press.digit for press in pbx.rtp.presses()] == ["7", "8"]
    assert (count(stage, "info"), count(stage, "rfc4733")) == (infos + 1, events + 1), "7 is one press, 8 another"


def act(stage: Stage, **data: object) -> None:
    """record_call by API on the leg of the device."""
    legs = json.loads(stage.sidecar.ask("GET", "/channels"))["data"]
    leg = next(leg for leg in legs if leg["authorizing_id"] is not None)
    stage.sidecar.ask("POST", f"/channels/{leg['uuid']}", {"action": "record_call", "data": data})


def _a_law_values() -> Samples:
    """What each code of ITU-T G.711 table 1 stands for, int16."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    size = np.where(exponent > 0, (mantissa << 4) + 264 << np.maximum(exponent - 1, 0), (mantissa << 4) + 8)
    return np.where(code & 0x80, size, -size).astype(np.int16)


A_LAW = _a_law_values()


def as_pcma(packet: RtpPacket) -> RtpPacket:
    """The same sound, of PCMU before."""
    distance = np.abs(decode_pcmu(packet.payload)[:, None].astype(np.int32) - A_LAW)
    return replace(packet, payload_type=8, payload=distance.argmin(axis=1).astype(np.uint8).tobytes())


def heard_as_pcma(device: Device) -> Samples:
    """The last LISTEN_S that a device with PCMA has heard."""
    payload = b"".join(p.payload for p in device.rtp.packets if p.payload_type == 8)[-round(LISTEN_S * 8000):]
    return A_LAW[np.frombuffer(payload, np.uint8)]


def test_a_masked_leg_is_silent_in_a_mix_and_is_heard_again_after(stage: Stage) -> None:
    pbx = stage.device("pbx-answers-with-pcma-expect-bye")  # unlike codecs: no relay
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=6500)
    pbx.rtp.wait_packets(5)
    for device, hz in ((caller, A_HZ), (pbx, B_HZ)):
        track = Track(hz).talk(6)
        if device is pbx:
            track.packets = [as_pcma(p) for p in track.packets]
        device.rtp.play(track, to=device.sipp.peer_sdp(timeout_s=10).media)
    stage.sidecar.wait_metric("b2bua_live_calls", 1)
    assert stage.sidecar.metric("b2bua_relayed_calls") == 0
    act(stage, action="start", format="wav")
    time.sleep(0.8)
    act(stage, action="mask", mask_sound=True)
    time.sleep(1.2)
    during = caller.rtp.heard(LISTEN_S), heard_as_pcma(pbx)
    act(stage, action="unmask")
    time.sleep(1.0)
    after = caller.rtp.heard(LISTEN_S), heard_as_pcma(pbx)
    caller.finish()
    pbx.finish()
    assert [int(np.abs(sound.astype(np.int32)).max()) < LOUD for sound in during] == [True, True]
    assert [dominant_hz(sound) for sound in after] == pytest.approx([B_HZ, A_HZ], abs=5)


def from_a_new_port(stage: Stage, host: str, pause_s: float) -> list[float]:
    """What the PBX hears of a caller who fell silent, of a source that begins so long after him, and of him again."""
    caller, pbx = relayed(stage, 6000)
    to = caller.sipp.peer_sdp(timeout_s=10).media
    caller.rtp.play(Track(A_HZ).talk(1), to=to).join()
    heard = [dominant_hz(pbx.rtp.heard(LISTEN_S))]
    time.sleep(pause_s)
    other = stage.rtp(host)
    other.play(Track(B_HZ, ssrc=0xB0B).talk(1), to=to).join()
    heard.append(dominant_hz(pbx.rtp.heard(LISTEN_S)))
    caller.rtp.play(Track(700, ssrc=0xA13).talk(1), to=to)
    other.play(Track(B_HZ, ssrc=0xB0B).talk(1), to=to).join()
    heard.append(dominant_hz(pbx.rtp.heard(LISTEN_S)))
    caller.finish()
    pbx.finish()
    return heard


def test_after_two_seconds_of_silence_a_new_port_of_the_same_host_is_taken(stage: Stage) -> None:
    before, after, both = from_a_new_port(stage, TRUNK, SILENT_S)
    assert (before, after) == pytest.approx((A_HZ, B_HZ), abs=5)
    assert both == pytest.approx(700, abs=5), "whom SDP names may always come back, and is not mixed with the other"


def test_a_source_that_comes_while_another_speaks_is_not_taken(stage: Stage) -> None:
    before, after, _ = from_a_new_port(stage, TRUNK, 0.2)
    assert before == pytest.approx(A_HZ, abs=5)
    assert after != pytest.approx(B_HZ, abs=5)


def test_another_host_is_not_taken_after_any_silence(stage: Stage) -> None:
    before, after, both = from_a_new_port(stage, STRANGER, SILENT_S)
    assert (before, both) == pytest.approx((A_HZ, 700), abs=5)
    assert after != pytest.approx(B_HZ, abs=5)
