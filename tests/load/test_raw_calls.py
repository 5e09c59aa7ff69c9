# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls whose every RTP packet is ours: events at the codec's clock, and packets of those who are no longer meant.

Telephone events have the clock of the leg's own codec: 48 kHz for Opus, 8 kHz for all others, even G.722. Of the codecs
that are served none has an RTP clock of 16 kHz (RFC 3551 section 4.5.2: that of G.722 is 8 kHz).
"""

from __future__ import annotations

import asyncio
import copy
import re
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.load.calls import Dialog, Ua
from tests.load.relayed import ends, product
from tests.peers.messages import Address, SipMessage
from tests.peers.rtp import RtpPacket
from tests.peers.rtp_end import RtpEnd
from tests.peers.sidecar import Sidecar

pytestmark = pytest.mark.sip

KEYS = "0123456789*#"
NUMBER = 100000
FRAME_MS, PRESS_MS = 20, 120
TOLERANCE_MS = 25  # one packet, and rounding
WAIT_S = 10.0
CALL_PORTS = 4  # RTP and RTCP of two legs


@dataclass(frozen=True)
class Codec:
    """What one end speaks; `event` is its payload type of telephone-event at the same clock."""

    name: str
    payload_type: int
    event: int

    @property
    def clock_hz(self) -> int:
        return int(self.name.split("/")[1])

    @property
    def sdp(self) -> list[str]:
        """Types, and attributes of them."""
        return [f"{self.payload_type} {self.event}", f"a=rtpmap:{self.payload_type} {self.name}",
                f"a=rtpmap:{self.event} telephone-event/{self.clock_hz}", f"a=fmtp:{self.event} 0-16"]

    def press(self, key: str, begin: int) -> list[bytes]:
        """The packets of one press that begins at this timestamp, without their sequence numbers."""
        step, count = self.clock_hz * FRAME_MS // 1000, PRESS_MS // FRAME_MS
        ends = [(index * step, 0x80 if index == count else 0) for index in (*range(1, count + 1), count, count)]
        return [struct.pack("!BBH", KEYS.index(key), end | 10, duration) for duration, end in ends]


PCMU, G722, OPUS = Codec("PCMU/8000", 0, 101), Codec("G722/8000", 9, 101), Codec("opus/48000/2", 96, 97)
OTHER_G722, OTHER_OPUS = Codec("G722/8000", 9, 104), Codec("opus/48000/2", 110, 111)


class End(Ua):
    """A user agent that speaks one codec, and its sound."""

    codec: Codec
    rtp: RtpEnd
    sequence = 0
    version = 1

    def _sdp(self) -> str:
        types, *attributes = self.codec.sdp
        lines = ["v=0", f"o=- 1 {self.version} IN IP4 {self.rtp.host}", "s=-", f"c=IN IP4 {self.rtp.host}", "t=0 0",
                 f"m=audio {self.rtp.port} RTP/AVP {types}", *attributes, "a=ptime:20", ""]
        return "\r\n".join(lines)

    async def move(self, rtp: RtpEnd, answer: SipMessage) -> SipMessage:
        """Re-INVITE: our sound is elsewhere from now on. Returns the answer."""
        (call_id, dialog), = self.dialogs.items()
        self.rtp, self.version = rtp, self.version + 1
        dialog.answered = asyncio.get_running_loop().create_future()
        self._send(f"INVITE {answer.get('Contact').strip('<>')} SIP/2.0",
                   [*self._own(call_id, answer.get("To"), "2 INVITE"), self._contact], self._sdp())
        async with asyncio.timeout(WAIT_S):
            return await dialog.answered

    async def press(self, keys: str, their: SipMessage) -> None:
        """Press keys, 80 ms apart, in RTP to whom this message with SDP came from, on the type that it names."""
        event = re.search(rf"a=rtpmap:(\d+) telephone-event/{self.codec.clock_hz}", their.body)
        assert event, their.body
        for key in keys:
            begin = self.sequence * self.codec.clock_hz // 50
            for index, payload in enumerate(self.codec.press(key, begin)):
                self.sequence += 1
                packet = RtpPacket(0, int(event[1]), index == 0, self.sequence, begin, 0x77, payload)
                self.rtp.send(packet, their.media)
                await asyncio.sleep(FRAME_MS / 1000)
            await asyncio.sleep(0.08)

    def heard(self) -> list[tuple[str, int]]:
        """Keys that have come up again, and their ms by the clock of our codec."""
        seen: dict[tuple[int, int], tuple[int, int]] = {}
        for packet in self.rtp.packets:
            if packet.payload_type == self.codec.event:
                code, flags, duration = struct.unpack("!BBH", packet.payload)
                longest, ended = seen.get((packet.timestamp, code), (0, 0))
                seen[packet.timestamp, code] = max(duration, longest), flags & 0x80 | ended
        return [(KEYS[code], duration * 1000 // self.codec.clock_hz)
                for (_, code), (duration, ended) in seen.items() if ended]

    async def wait(self, count: int) -> list[tuple[str, int]]:
        """Until so many were heard."""
        for _ in range(round(WAIT_S / 0.05)):
            if len(self.heard()) >= count:
                break
            await asyncio.sleep(0.05)
        return self.heard()


@pytest.fixture(scope="module")
def where() -> tuple[Address, Address]:
    return ends()


@pytest.fixture(scope="module")
def ours(where: tuple[Address, Address]) -> Iterator[Sidecar]:
    """Ours, with the ports of one call: the next one has them again."""
    with product(where, CALL_PORTS) as made:
        yield made


@asynccontextmanager
async def call(ours: Sidecar, where: tuple[Address, Address], codecs: tuple[Codec, Codec],
               sound: RtpEnd | None = None) -> AsyncIterator[tuple[End, SipMessage, End, SipMessage]]:
    """A call that stands: each end, and the SDP that it was told. `sound`: of the caller, else an own one."""
    with RtpEnd.open(where[0][0]) as rtp_a, RtpEnd.open(where[1][0]) as rtp_b:
        async with (End.open(where[0], ours.sip, ("", 0), events=True) as a,
                    End.open(where[1], ours.sip, ("", 0), events=True) as b):
            a.codec, b.codec, a.rtp, b.rtp = *codecs, sound or rtp_a, rtp_b
            async with asyncio.timeout(WAIT_S):
                answer = await a.invite(NUMBER).answered
            offer = dialog_of(b).answered.result()
            yield a, answer, b, offer
            await b.press("*8", offer)  # a code at that clock
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(dialog_of(a).ended, dialog_of(b).ended)


def dialog_of(end: End) -> Dialog:
    """Its only one."""
    return next(iter(end.dialogs.values()))


@pytest.mark.parametrize("codecs", [(G722, OTHER_G722), (OPUS, OTHER_OPUS)], ids=["G.722", "Opus"])
def test_events_of_wideband_legs_pass_with_their_own_clock(
        ours: Sidecar, where: tuple[Address, Address], codecs: tuple[Codec, Codec]) -> None:
    async def run() -> None:
        async with call(ours, where, codecs) as (a, told_a, b, _):
            await asyncio.to_thread(ours.wait_metric, "b2bua_relayed_calls", 1)
            await a.press("5#", told_a)
            assert await b.wait(2) == [("5", PRESS_MS), ("#", PRESS_MS)], "to the unit, on the type of the other leg"

    asyncio.run(run())


@pytest.mark.parametrize("codecs", [(OPUS, PCMU), (PCMU, OPUS), (G722, PCMU), (OPUS, G722)],
                         ids=["Opus to PCMU", "PCMU to Opus", "G.722 to PCMU", "Opus to G.722"])
def test_events_between_legs_of_unlike_codecs_keep_their_length(
        ours: Sidecar, where: tuple[Address, Address], codecs: tuple[Codec, Codec]) -> None:
    async def run() -> None:
        async with call(ours, where, codecs) as (a, told_a, b, told_b):
            await a.press("5", told_a)
            assert await b.wait(1) == [("5", pytest.approx(PRESS_MS, abs=TOLERANCE_MS))]
            await b.press("6", told_b)
            assert await a.wait(1) == [("6", pytest.approx(PRESS_MS, abs=TOLERANCE_MS))]

    asyncio.run(run())


async def press_all(stale: End, told: SipMessage, ends: Sequence[tuple[End, SipMessage]]) -> None:
    """Somebody who is no longer meant presses 9 all the while that others press 5, one after the other."""
    async with asyncio.TaskGroup() as group:
        group.create_task(stale.press("999", told))
        for end, to in ends:
            await end.press("5", to)


def test_late_packets_of_an_ended_call_do_not_enter_the_next_one(
        ours: Sidecar, where: tuple[Address, Address]) -> None:
    async def run() -> None:
        with RtpEnd.open(where[0][0]) as old_rtp:
            async with call(ours, where, (PCMU, PCMU), old_rtp) as (old, was_told, _, _):
                await old.press("5", was_told)
            await asyncio.to_thread(ours.wait_metric, "b2bua_live_calls", 0)
            async with call(ours, where, (PCMU, PCMU)) as (a, told_a, b, told_b):
                assert was_told.media in (told_a.media, told_b.media), "the same ports"
                await press_all(old, was_told, [(a, told_a), (b, told_b)])
                assert (await b.wait(1), await a.wait(1)) == ([("5", PRESS_MS)], [("5", PRESS_MS)])

    asyncio.run(run())


def test_calls_that_outlast_a_round_of_the_ports_do_not_cost_new_ones_their_answer(
        where: tuple[Address, Address]) -> None:
    """PJSUA tries a hundred pairs of ports in a row and then answers 500."""
    standing, room = 52, 10

    async def run(ours: Sidecar) -> None:
        async with (Ua.open(where[0], ours.sip, where[0], events=True) as a,
                    Ua.open(where[1], ours.sip, where[1], events=True) as b, asyncio.timeout(4 * WAIT_S)):
            await asyncio.gather(*(a.invite(NUMBER + index).answered for index in range(standing)))
            for number in range(NUMBER + standing, NUMBER + standing + room + 5):
                a.bye(await a.invite(number).answered)
                await next(dialog for dialog in b.dialogs.values() if dialog.number == number).ended

    with product(where, CALL_PORTS * (standing + room)) as ours:
        asyncio.run(run(ours))


def test_after_a_re_invite_the_old_address_is_not_heard_any_more(
        ours: Sidecar, where: tuple[Address, Address]) -> None:
    async def run() -> None:
        with RtpEnd.open(where[0][0]) as old_rtp, RtpEnd.open(where[0][0]) as new_rtp:
            async with call(ours, where, (PCMU, PCMU), old_rtp) as (a, told_a, b, _):
                await a.press("1", told_a)
                assert await b.wait(1) == [("1", PRESS_MS)]
                told_a = await a.move(new_rtp, told_a)
                stale = copy.copy(a)
                stale.rtp = old_rtp
                await press_all(stale, told_a, [(a, told_a)])
                assert await b.wait(2) == [("1", PRESS_MS), ("5", PRESS_MS)]

    asyncio.run(run())
