# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP packets: reading them, and tracks of talk (a PCMU tone) and digits (RFC 4733) to be played. Pure.

A track is a timeline. Digits suspend the talk, as phones do; a press is one event: one timestamp, marker on its first
packet, a duration that grows by 20 ms a packet, and three end packets (RFC 4733 §2.5.1).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace

from dsp.tones import frequencies
from tests.peers.sound import Samples, decode_pcmu, encode_pcmu, tone

CLOCK_HZ = 8000
FRAME_MS = 20
FRAME = CLOCK_HZ * FRAME_MS // 1000  # timestamp units of one packet
EVENTS = "0123456789*#ABCD"
DYNAMIC = 96  # first payload type that SDP gives a meaning (RFC 3551 §6)
VOLUME_DBM0 = 10  # of the events we send: -10 dBm0
END = 0x80


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet; `at_s` is when it is (or was) on the wire."""

    at_s: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    def pack(self) -> bytes:
        """The UDP payload."""
        return struct.pack("!BBHII", 0x80, self.marker << 7 | self.payload_type, self.sequence & 0xFFFF,
                           self.timestamp & 0xFFFFFFFF, self.ssrc) + self.payload

    @classmethod
    def parse(cls, data: bytes, at_s: float = 0.0) -> RtpPacket | None:
        """From a UDP payload; None when it is no RTP (or is RTCP, RFC 5761 §4)."""
        if len(data) < 12 or data[0] >> 6 != 2 or 192 <= data[1] <= 223:
            return None
        _, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
        begin = 12 + 4 * (data[0] & 0x0F)
        if data[0] & 0x10 and len(data) >= begin + 4:
            begin += 4 + 4 * int.from_bytes(data[begin + 2:begin + 4], "big")
        end = len(data) - (data[-1] if data[0] & 0x20 else 0)
        return cls(at_s, second & 0x7F, bool(second >> 7), sequence, timestamp, ssrc, data[begin:end])


@dataclass(frozen=True, slots=True)
class Press:
    """A digit that was heard by RFC 4733, with its length."""

    digit: str
    duration_ms: int
    packets: int


class Track:
    """What one side sends, in order: `Track(500).talk(1).digits("*9").talk(2)`.

    hz      the talk is a tone of this frequency; 0: silence
    event   payload type of telephone-event
    """

    def __init__(self, hz: float = 0.0, *, dbm0: float = -10.0, event: int = 101, ssrc: int = 0x5EED0001) -> None:
        self.packets: list[RtpPacket] = []
        self.length_s = 0.0
        self._hz, self._dbm0, self._event, self._ssrc = hz, dbm0, event, ssrc
        self._sequence, self._timestamp = 1000, 16000
        self._marker = True

    def next(self) -> Track:
        """An empty one that goes on where this one ends: same source, sequence and timestamps."""
        track = Track(self._hz, dbm0=self._dbm0, event=self._event, ssrc=self._ssrc)
        track._sequence, track._timestamp = self._sequence, self._timestamp
        return track

    def talk(self, seconds: float) -> Track:
        """Tone (or silence) for so long."""
        for _ in range(round(seconds * 1000 / FRAME_MS)):
            samples = tone(self._hz, FRAME_MS / 1000, self._dbm0, start=self._timestamp)
            self._add(0, encode_pcmu(samples), self._timestamp, marker=self._marker)
            self._marker = False
            self._step(FRAME_MS)
        return self

    def digits(self, digits: str, *, digit_ms: int = 100, gap_ms: int = 80) -> Track:
        """Presses of `digit_ms`, each followed by talk for `gap_ms`."""
        for digit in digits:
            self._press(EVENTS.index(digit), digit_ms)
            self.talk(gap_ms / 1000)
        return self

    def tones(self, digits: str, *, digit_ms: int = 100, gap_ms: int = 80, dbm0: float = -12.0) -> Track:
        """Presses as in-band tones, each followed by talk for `gap_ms`."""
        for digit in digits:
            low, high = (tone(hz, digit_ms / 1000, dbm0) for hz in frequencies(digit))
            both = encode_pcmu(low + high)
            for at in range(0, len(both), FRAME):
                self._add(0, both[at:at + FRAME], self._timestamp, marker=False)
                self._step(FRAME_MS)
            self.talk(gap_ms / 1000)
        return self

    def both(self, digits: str, *, digit_ms: int = 100, gap_ms: int = 80, dbm0: float = -12.0) -> Track:
        """Presses as tones with their events beside them, as some gateways send them; each followed by talk."""
        for digit in digits:
            begin, sent = len(self.packets), self.length_s
            self.tones(digit, digit_ms=digit_ms, gap_ms=0, dbm0=dbm0)
            after = self._timestamp
            self._timestamp -= CLOCK_HZ * digit_ms // 1000
            self.length_s = sent
            self._press(EVENTS.index(digit), digit_ms)
            self._timestamp = after
            self.packets[begin:] = sorted(self.packets[begin:], key=lambda packet: packet.at_s)
            for index, packet in enumerate(self.packets[begin:]):
                self.packets[begin + index] = replace(packet, sequence=self.packets[begin - 1].sequence + 1 + index)
            self.talk(gap_ms / 1000)
        return self

    def _press(self, event: int, digit_ms: int) -> None:
        begin, count = self._timestamp, max(1, digit_ms // FRAME_MS)
        for index in range(1, count + 1):
            end = END if index == count else 0
            payload = struct.pack("!BBH", event, end | VOLUME_DBM0, index * FRAME)
            for _ in range(3 if end else 1):
                self._add(self._event, payload, begin, marker=index == 1)
            self._step(FRAME_MS)
        self._marker = True  # talk begins anew

    def _add(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool) -> None:
        self.packets.append(
            RtpPacket(self.length_s, payload_type, marker, self._sequence, timestamp, self._ssrc, payload))
        self._sequence += 1

    def _step(self, ms: int) -> None:
        self.length_s += ms / 1000
        self._timestamp += CLOCK_HZ * ms // 1000


def samples_of(packets: Iterable[RtpPacket]) -> Samples:
    """The PCMU audio of one stream, in sequence order."""
    ordered = sorted((p for p in packets if p.payload_type == 0), key=lambda p: p.sequence)
    return decode_pcmu(b"".join(p.payload for p in ordered))


def presses_of(packets: Iterable[RtpPacket], event: int | None = None) -> list[Press]:
    """The digits of one stream: an event is known by its timestamp, its length is the longest one told.

    event   its payload type; None: any dynamic one
    """
    seen: dict[tuple[int, int], tuple[int, int]] = {}
    for packet in packets:
        fits = packet.payload_type == event if event is not None else packet.payload_type >= DYNAMIC
        if fits and len(packet.payload) == 4:
            code, _, duration = struct.unpack("!BBH", packet.payload[:4])
            longest, count = seen.get((packet.timestamp, code), (0, 0))
            seen[packet.timestamp, code] = (max(longest, duration), count + 1)
    return [Press(EVENTS[code], duration * 1000 // CLOCK_HZ, count)
            for (_, code), (duration, count) in seen.items() if code < len(EVENTS)]
