# SPDX-License-Identifier: GPL-3.0-or-later
"""What our far ends send is what RFC 4733, G.711 and the pcap format say."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.peers.rtp import RtpPacket, Track, presses_of, samples_of
from tests.peers.rtp_pcap import write_pcap
from tests.peers.sound import decode_pcmu, dominant_hz, encode_pcmu, has_tone, tone, tone_dbm0


def events(track: Track) -> list[tuple[RtpPacket, int, int]]:
    """Event packets with their end bit and duration."""
    return [(packet, packet.payload[1] >> 7, struct.unpack("!H", packet.payload[2:])[0])
            for packet in track.packets if packet.payload_type == 101]


def test_a_press_has_one_timestamp_one_marker_and_three_end_packets() -> None:
    press = events(Track().digits("5", digit_ms=100))
    assert len({packet.timestamp for packet, _, _ in press}) == 1
    assert [packet.marker for packet, _, _ in press] == [True] + [False] * 6
    assert [end for _, end, _ in press] == [0, 0, 0, 0, 1, 1, 1]


def test_the_duration_of_a_press_grows_by_its_packets() -> None:
    press = events(Track().digits("5", digit_ms=100))
    assert [duration for _, _, duration in press] == [160, 320, 480, 640, 800, 800, 800]


def test_sequence_numbers_have_no_gap_and_time_goes_on_over_a_press() -> None:
    track = Track(500).talk(0.1).digits("19", digit_ms=80, gap_ms=40).talk(0.1)
    sequences = [packet.sequence for packet in track.packets]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    first, last = track.packets[0], track.packets[-1]
    assert (last.timestamp - first.timestamp) / 8000 == pytest.approx(last.at_s - first.at_s)
    assert track.length_s == pytest.approx(0.1 + 2 * 0.12 + 0.1)


def test_talk_after_a_press_begins_with_the_marker() -> None:
    packets = Track(500).talk(0.04).digits("1").packets
    after = next(i for i, packet in enumerate(packets) if i > 2 and packet.payload_type == 0)
    assert packets[after].marker


def test_presses_are_read_back_whatever_arrives_twice_or_not() -> None:
    packets = Track().digits("*9#A", digit_ms=120).packets
    lossy = [packet for index, packet in enumerate(packets) if index % 3] + packets[-3:]
    assert "".join(press.digit for press in presses_of(lossy)) == "*9#A"
    assert {press.duration_ms for press in presses_of(packets)} == {120}


def test_a_packet_is_read_as_it_was_written() -> None:
    packet = Track(500).talk(0.02).packets[0]
    assert RtpPacket.parse(packet.pack(), packet.at_s) == packet


def test_what_is_no_rtp_is_no_packet() -> None:
    assert RtpPacket.parse(b"OPTIONS sip:a SIP/2.0") is None
    assert RtpPacket.parse(bytes([0x80, 200]) + bytes(26)) is None  # an RTCP sender report


def test_mu_law_knows_the_values_of_g711() -> None:
    assert decode_pcmu(bytes([0xFF, 0x7F, 0x80, 0x00])).tolist() == [0, 0, 32124, -32124]
    codes = bytes(range(256))
    again = encode_pcmu(decode_pcmu(codes))
    assert [a for a, b in zip(again, codes, strict=True) if a != b] == [0xFF]  # minus zero becomes zero


def test_a_tone_has_its_frequency_and_level_after_coding() -> None:
    samples = samples_of(Track(500, dbm0=-10).talk(1).packets)
    assert dominant_hz(samples) == pytest.approx(500, abs=1)
    assert tone_dbm0(samples, 500) == pytest.approx(-10, abs=0.3)
    assert has_tone(samples, 500)
    assert not has_tone(samples, 900)


def test_silence_has_no_frequency() -> None:
    assert dominant_hz(np.zeros(8000, dtype=np.int16)) == 0
    assert not has_tone(tone(500, 1, -60), 500)


def test_a_capture_has_every_packet_at_its_time(tmp_path: Path) -> None:
    track = Track(500).talk(0.1).digits("1")
    data = write_pcap(tmp_path / "x.pcap", track).read_bytes()
    offset, found = 24, []
    while offset < len(data):
        seconds, micro, length, _ = struct.unpack("<IIII", data[offset:offset + 16])
        packet = RtpPacket.parse(data[offset + 16 + 42:offset + 16 + length], seconds + micro / 1e6)
        assert packet is not None
        found.append(packet)
        offset += 16 + length
    assert [packet.payload for packet in found] == [packet.payload for packet in track.packets]
    assert [packet.at_s for packet in found] == pytest.approx([packet.at_s for packet in track.packets], abs=1e-6)
