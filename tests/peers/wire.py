# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture of loopback: every SIP message and RTP stream that passed. Needs root (AF_PACKET): `can_capture()`.

Only UDP is read, and only in one copy: loopback shows each packet going out and coming in.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection

from tests.peers.messages import Address, SipMessage
from tests.peers.rtp import Press, RtpPacket, presses_of, samples_of
from tests.peers.sound import Samples

ETH_P_ALL = 0x0003
ETHERNET = 14  # bytes before the IP header, on loopback too
BUFFER = 8 << 20  # bytes the kernel may keep for us
StreamKey = tuple[Address, Address, int]


def can_capture() -> bool:
    """May we open a packet socket?"""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        return False
    return True


class Capture:
    """What passes loopback between these hosts while the block runs."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = frozenset(socket.inet_aton(host) for host in hosts)
        self._changed = threading.Condition()
        self._messages: list[SipMessage] = []
        self._streams: dict[StreamKey, list[RtpPacket]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))

    def __enter__(self) -> Capture:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.bind(("lo", ETH_P_ALL))
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            if select.select([self._socket], [], [], 0.05)[0]:
                frame, (_, _, packet_type, *_) = self._socket.recvfrom(65535)
                if packet_type != socket.PACKET_OUTGOING:
                    self._read(frame[ETHERNET:])

    def _read(self, ip: bytes) -> None:
        if len(ip) < 28 or ip[0] >> 4 != 4 or ip[9] != socket.IPPROTO_UDP:
            return
        if ip[12:16] not in self._hosts and ip[16:20] not in self._hosts:
            return
        udp = ip[(ip[0] & 0x0F) * 4:]
        src_port, dst_port, length = struct.unpack("!HHH", udp[:6])
        src, dst = (socket.inet_ntoa(ip[12:16]), src_port), (socket.inet_ntoa(ip[16:20]), dst_port)
        with self._changed:
            self._keep(src, dst, udp[8:length])
            self._changed.notify_all()

    def _keep(self, src: Address, dst: Address, payload: bytes) -> None:
        packet = RtpPacket.parse(payload, time.monotonic())
        if packet is not None:
            self._streams.setdefault((src, dst, packet.ssrc), []).append(packet)
            return
        message = SipMessage.parse(payload.decode(errors="replace"), src, dst, time.time())
        if message is not None:
            self._messages.append(message)

    def wait(self, ready: Callable[[Capture], bool], timeout_s: float = 5.0) -> None:
        """Until the condition holds; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: ready(self), timeout_s):
                raise TimeoutError("what was waited for did not pass on the wire")

    @property
    def messages(self) -> list[SipMessage]:
        """Every SIP message, in order."""
        return list(self._messages)

    @property
    def streams(self) -> dict[StreamKey, list[RtpPacket]]:
        """Every RTP stream by (source, destination, SSRC)."""
        return dict(self._streams)

    def heard_by(self, address: Address) -> Samples:
        """The PCMU audio of the stream with most packets towards an address."""
        streams = [packets for (_, dst, _), packets in self.streams.items() if dst == address]
        return samples_of(max(streams, key=len, default=[]))

    def presses_to(self, address: Address, event: int | None = None) -> list[Press]:
        """The RFC 4733 digits towards an address."""
        return presses_of([packet for (_, dst, _), packets in self.streams.items() if dst == address
                           for packet in packets], event)
