# SPDX-License-Identifier: GPL-3.0-or-later
"""The RTP of a SIPp call in Python: one socket that keeps what it hears and plays a track. No root needed."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator

from tests.peers.rtp import Press, RtpPacket, Track, presses_of, samples_of
from tests.peers.sound import Samples


class RtpEnd:
    """One audio port. Its SIPp partner names `port` in its SDP (`-key rtp_port`)."""

    def __init__(self, host: str, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()
        self._changed = threading.Condition()
        self._packets: list[RtpPacket] = []
        self._source: tuple[str, int] | None = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._run(self._listen)

    @classmethod
    @contextlib.contextmanager
    def open(cls, host: str, port: int = 0) -> Iterator[RtpEnd]:
        """An end that is closed afterwards."""
        end = cls(host, port)
        try:
            yield end
        finally:
            end.close()

    def _run(self, work: object, *args: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
        return thread

    def _listen(self) -> None:
        while not self._stop.is_set():
            if not select.select([self._socket], [], [], 0.05)[0]:
                continue
            try:
                data, source = self._socket.recvfrom(4096)
            except (ConnectionRefusedError, BlockingIOError):  # the ICMP answer to an earlier packet of ours
                continue
            packet = RtpPacket.parse(data, time.monotonic())
            if packet is not None:
                with self._changed:
                    self._packets.append(packet)
                    self._source = source
                    self._changed.notify_all()

    def wait_packets(self, count: int = 1, timeout_s: float = 5.0) -> tuple[str, int]:
        """Until so many packets were heard; returns where the last one came from. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._packets) >= count, timeout_s) or self._source is None:
                raise TimeoutError(f"{self.host}:{self.port} heard {len(self._packets)} of {count} RTP packets")
            return self._source

    def wait_presses(self, count: int, timeout_s: float = 5.0, *, event: int | None = None) -> list[Press]:
        """Until so many digits were heard. Raises TimeoutError."""
        with self._changed:
            ready = self._changed.wait_for(lambda: len(presses_of(self._packets, event)) >= count, timeout_s)
            presses = presses_of(self._packets, event)
        if not ready:
            raise TimeoutError(f"{self.host}:{self.port} heard {presses}, not {count} digits")
        return presses

    def play(self, track: Track, to: tuple[str, int] | None = None) -> threading.Thread:
        """Send the track, to where the last packet came from unless told; returns the thread that does it."""
        return self._run(self._play, track, to or self.wait_packets())

    def _play(self, track: Track, to: tuple[str, int]) -> None:
        begin = time.monotonic()
        for packet in track.packets:
            if self._stop.wait(max(0.0, begin + packet.at_s - time.monotonic())):
                return
            self.send(packet, to)

    def send(self, packet: RtpPacket, to: tuple[str, int]) -> None:
        """One packet, now; one that the system refuses is lost."""
        with contextlib.suppress(ConnectionRefusedError, BlockingIOError):
            self._socket.sendto(packet.pack(), to)

    @property
    def packets(self) -> list[RtpPacket]:
        """What was heard so far."""
        with self._changed:
            return list(self._packets)

    def heard(self, last_s: float | None = None) -> Samples:
        """The PCMU audio heard; of the stream that sent last, or its last seconds only."""
        packets = self.packets
        samples = samples_of(p for p in packets if p.ssrc == packets[-1].ssrc)
        return samples if last_s is None else samples[-round(last_s * 8000):]

    def presses(self, event: int | None = None) -> list[Press]:
        """The RFC 4733 digits heard."""
        return presses_of(self.packets, event)

    def close(self) -> None:
        """Stop playing and listening."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2)
        self._socket.close()
