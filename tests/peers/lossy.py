# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad line between the product and a telephone: SIP over UDP, of which a share is lost both ways, or all of it.

The product knows the telephone by `outer`, the telephone knows the product by `inner`; both addresses are put in place
of the true ones in each message (equally long, so nothing else changes). Sound goes its own way.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
from collections.abc import Iterator

from tests.peers.ports import free_port

Address = tuple[str, int]


class _End:
    """Where packets come in; they go on `to` there, with the addresses renamed."""

    def __init__(self, at: Address, to: Address, names: dict[Address, Address]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(at)
        self.to, self.names = to, names

    def fileno(self) -> int:
        """For select."""
        return self.socket.fileno()


class Line:
    """share: how many of a hundred packets are lost; 100: the line is dead."""

    def __init__(self, outer: Address, phone: Address, product: Address, share: int, seed: int) -> None:
        self.share, self.lost = share, 0
        self.inner = (phone[0], free_port(phone[0]))
        self._ends = (_End(outer, phone, {product: self.inner, outer: phone}),
                      _End(self.inner, product, {phone: outer, self.inner: product}))
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @classmethod
    @contextlib.contextmanager
    def open(cls, outer: Address, phone: Address, product: Address, share: int, seed: int = 1) -> Iterator[Line]:
        """A line that is taken down afterwards."""
        line = cls(outer, phone, product, share, seed)
        try:
            yield line
        finally:
            line.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for end in select.select(self._ends, [], [], 0.05)[0]:
                with contextlib.suppress(ConnectionRefusedError):
                    self._carry(end, end.socket.recv(65535))

    def _carry(self, end: _End, packet: bytes) -> None:
        """What comes in at one end leaves by the other, with the addresses that are known there."""
        if self._random.randrange(100) < self.share:
            self.lost += 1
            return
        for known, meant in end.names.items():
            packet = packet.replace(_name(known), _name(meant))
        (other,) = (one for one in self._ends if one is not end)
        other.socket.sendto(packet, end.to)

    def close(self) -> None:
        """Take it down."""
        self._stop.set()
        self._thread.join(2)
        for end in self._ends:
            end.socket.close()


def _name(address: Address) -> bytes:
    return f"{address[0]}:{address[1]}".encode()
