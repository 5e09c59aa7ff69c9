# SPDX-License-Identifier: GPL-3.0-or-later
"""The SIP of many calls in one asyncio process: a caller and a callee on loopback, where no message is lost.

Both name the ports of one RtpLoad in their SDP. Who is measured may be anything that takes a call to a number from one
address and places it to the other with the number kept.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Self

from tests.load.rtpload import RtpLoad
from tests.peers.messages import Address, SipMessage

FIRST_NUMBER = 100000  # of call 0; every call has a number of its own
ANSWER_S = 20.0
BUFFER = 4 << 20  # a burst of a thousand BYEs waits here
COPIED = {"via", "from", "to", "call-id", "cseq"}  # from a request into its answer


class Dialog:
    """One call as one of us sees it."""

    def __init__(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.answered: asyncio.Future[SipMessage] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()


class Ua(asyncio.DatagramProtocol):
    """A user agent without any state but its dialogs: enough SIP for calls between friends."""

    def __init__(self, local: Address, remote: Address, media: Address, events: bool) -> None:
        self.local, self.remote, self._media, self._events = local, remote, media, events
        self.dialogs: dict[str, Dialog] = {}  # by Call-ID
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, local: Address, remote: Address, media: Address, events: bool) -> AsyncIterator[Self]:
        """One that listens at `local`, talks to `remote`, has its sound at `media` and knows telephone-event or not."""
        made = cls(local, remote, media, events)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: made, local_addr=local)
        transport.get_extra_info("socket").setsockopt(1, 33, BUFFER)  # SOL_SOCKET, SO_RCVBUFFORCE
        made._transport = transport
        try:
            yield made
        finally:
            transport.close()

    def _send(self, start: str, headers: Iterable[tuple[str, str]], body: str = "") -> None:
        assert self._transport is not None
        lines = [start, *(f"{name}: {value}" for name, value in headers)]
        if body:
            lines.append("Content-Type: application/sdp")
        text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
        self._transport.sendto(text.encode(), self.remote)

    @property
    def _contact(self) -> tuple[str, str]:
        return "Contact", f"<sip:load@{self.local[0]}:{self.local[1]}>"

    def _sdp(self) -> str:
        host, port = self._media
        types, events = ("0", []) if not self._events else \
            ("0 101", ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"])
        lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP {types}",
                 "a=rtpmap:0 PCMU/8000", *events, "a=ptime:20", ""]
        return "\r\n".join(lines)

    def invite(self, number: int) -> Dialog:
        """Call this number; `answered` of the dialog is its 200."""
        call_id = f"{number}-{time.monotonic_ns()}@{self.local[0]}"
        dialog = self.dialogs[call_id] = Dialog(number)
        self._send(f"INVITE sip:{number}@{self.remote[0]}:{self.remote[1]} SIP/2.0",
                   [*self._own(call_id, f"<sip:{number}@{self.remote[0]}>", "1 INVITE"), self._contact], self._sdp())
        return dialog

    def bye(self, answer: SipMessage) -> None:
        """Hang up the call that was answered so."""
        call_id = answer.get("Call-ID")
        self._send(f"BYE {answer.get('Contact').strip('<>')} SIP/2.0", self._own(call_id, answer.get("To"), "2 BYE"))

    def _own(self, call_id: str, to: str, cseq: str) -> list[tuple[str, str]]:
        host, port = self.local
        return [("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{time.monotonic_ns()}"), ("Max-Forwards", "70"),
                ("From", f"<sip:load@{host}:{port}>;tag={call_id.partition('@')[0]}"), ("To", to),
                ("Call-ID", call_id), ("CSeq", cseq), ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS")]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """One SIP message."""
        message = SipMessage.parse(data.decode(errors="replace"), addr, self.local)
        if message is None:
            return
        if message.is_request:
            self._request(message)
        elif message.method == "INVITE" and message.code >= 200:
            self._final(message)

    def _final(self, message: SipMessage) -> None:
        dialog = self.dialogs.get(message.get("Call-ID"))
        if dialog is None:
            return
        uri = re.search(r"<([^>]+)>", message.get("Contact"))
        target = uri[1] if uri else f"sip:{self.remote[0]}:{self.remote[1]}"
        self._send(f"ACK {target} SIP/2.0", self._own(message.get("Call-ID"), message.get("To"),
                                                   f"{message.get('CSeq').split()[0]} ACK"))
        if dialog.answered.done():
            return
        if message.code < 300:
            dialog.answered.set_result(message)
        else:
            dialog.answered.set_exception(RuntimeError(f"{dialog.number}: {message.start_line}"))

    def _request(self, message: SipMessage) -> None:
        if message.method == "ACK":
            return
        headers = [(name, value) for name, value in message.headers if name.lower() in COPIED]
        if "tag=" not in message.get("To"):
            headers = [(n, f"{v};tag=load" if n == "To" else v) for n, v in headers]
        body = self._sdp() if message.method == "INVITE" else ""
        self._send("SIP/2.0 200 OK", [*headers, self._contact], body)
        dialog = self.dialogs.get(message.get("Call-ID"))
        if message.method == "INVITE" and dialog is None:
            number = re.search(r"sip:(\d+)@", message.start_line)
            dialog = self.dialogs[message.get("Call-ID")] = Dialog(int(number[1]) if number else -1)
            dialog.answered.set_result(message)
        if message.method == "BYE" and dialog is not None and not dialog.ended.done():
            dialog.ended.set_result(None)


class Calls:
    """Calls through `product` between two ends; the sound of each begins when it stands."""

    def __init__(self, caller: Ua, callee: Ua, sound: RtpLoad) -> None:
        self._caller, self._callee, self._sound = caller, callee, sound
        self.setup_ms: list[float] = []

    async def establish(self, count: int, rate: float) -> None:
        """So many calls, `rate` of them a second. Raises when one is not answered."""
        begin = time.monotonic()
        tasks = []
        for index in range(count):
            await asyncio.sleep(max(0.0, begin + index / rate - time.monotonic()))
            tasks.append(asyncio.create_task(self._one(index)))
        await asyncio.gather(*tasks)

    async def _one(self, index: int) -> None:
        number, begin = FIRST_NUMBER + index, time.monotonic()
        async with asyncio.timeout(ANSWER_S):
            answer = await self._caller.invite(number).answered
        self.setup_ms.append(1000 * (time.monotonic() - begin))
        offer = next(d for d in self._callee.dialogs.values() if d.number == number).answered.result()
        self._sound.call(index, answer.media, offer.media)

    async def ended(self, timeout_s: float) -> int:
        """How many calls got BYE on both sides within this time."""
        sides = [ua.dialogs.values() for ua in (self._caller, self._callee)]
        await asyncio.wait([dialog.ended for side in sides for dialog in side], timeout=timeout_s)
        gone = [{d.number for d in side if d.ended.done()} for side in sides]
        return len(gone[0] & gone[1])


@asynccontextmanager
async def between(caller: Address, callee: Address, product: Address,
                  events: bool = True) -> AsyncIterator[tuple[Calls, RtpLoad]]:
    """Calls from one address to the other through whoever listens at `product`, with telephone-event or without."""
    with RtpLoad.open(caller[0], callee[0]) as sound:
        async with Ua.open(caller, product, sound.a, events) as a, Ua.open(callee, product, sound.b, events) as b:
            yield Calls(a, b, sound), sound


