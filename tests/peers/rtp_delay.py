# SPDX-License-Identifier: GPL-3.0-or-later
"""The delay that the product adds to sound, one way: `python -m tests.peers.rtp_delay [seconds]`.

A sends silence with a loud packet now and then; how much later B hears the first loud sample than A sent it is the
delay, measured by sample, so it does not matter how the bridge cuts its packets. Arrival times are the kernel's
(SO_TIMESTAMPNS), sending times are taken just before the system call. The same is measured without the product.
"""

from __future__ import annotations

import contextlib
import math
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.peers.ports import free_port
from tests.peers.rtp import CLOCK_HZ, FRAME, RtpPacket
from tests.peers.sidecar import Sidecar, between, seed_document
from tests.peers.sipp import Scenario, Sipp

TRUNK, PBX = "127.0.0.2", "127.0.0.3"
SO_TIMESTAMPNS = 35  # of <asm-generic/socket.h>; Python names it only from 3.14 on
TICK_S = 0.02
EVERY = 15  # packets from one loud one to the next: 300 ms, more than any delay measured here
SILENT, LOUD = b"\xff" * FRAME, b"\x80\x00" * (FRAME // 2)  # PCMU: zero, full scale at 4 kHz
THRESHOLD = 0x30  # of the inverted PCMU byte without sign: about -20 dBm0
WARM_UP_S = 1.5  # the jitter buffer settles


@contextlib.contextmanager
def ear(host: str) -> Iterator[socket.socket]:
    """A UDP socket whose packets carry their arrival time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        made.bind((host, 0))
        made.settimeout(0.2)
        yield made


def onset(payload: bytes) -> int | None:
    """The first loud sample of a packet."""
    return next((index for index, byte in enumerate(payload) if (~byte & 0x7F) > THRESHOLD), None)


class Listener(threading.Thread):
    """Collects when loud sounds began."""

    def __init__(self, heard: socket.socket) -> None:
        super().__init__(daemon=True)
        self.onsets_s: list[float] = []
        self._socket, self._done = heard, threading.Event()

    def run(self) -> None:
        quiet = True
        while not self._done.is_set():
            try:
                data, extra, _, _ = self._socket.recvmsg(2048, 256)
            except TimeoutError:
                continue
            packet = RtpPacket.parse(data)
            at = onset(packet.payload) if packet is not None and packet.payload_type == 0 else None
            if at is not None and quiet:
                self.onsets_s.append(_arrival_s(extra) + at / CLOCK_HZ)
            quiet = at is None

    def stop(self) -> None:
        """No more."""
        self._done.set()
        self.join()


def _arrival_s(extra: Any) -> float:
    seconds, nanos = next(struct.unpack("@qq", data) for level, kind, data in extra if kind == SO_TIMESTAMPNS)
    return float(seconds) + nanos / 1e9


def send(out: socket.socket, to: tuple[str, int], seconds: float) -> list[float]:
    """Send the track; when each loud packet left."""
    sent_s: list[float] = []
    begin = time.monotonic()
    for index in range(round(seconds / TICK_S)):
        loud = index % EVERY == EVERY - 1
        packet = RtpPacket(0.0, 0, index == 0, index, index * FRAME, 0xDE1A, LOUD if loud else SILENT).pack()
        time.sleep(max(0.0, begin + index * TICK_S - time.monotonic()))
        at_s = time.time()
        out.sendto(packet, to)
        if loud:
            sent_s.append(at_s)
    return sent_s


def delays_ms(sent_s: Sequence[float], heard_s: Sequence[float], skip_s: float = 0.0) -> list[float]:
    """Of each loud sound that arrived: how much later."""
    found = []
    for at_s in sent_s:
        later = [(h - at_s) * 1000 for h in heard_s if 0 <= h - at_s < EVERY * TICK_S]
        if later and at_s - sent_s[0] >= skip_s:
            found.append(later[0])
    return found


def line(name: str, ms: Sequence[float]) -> str:
    """The figures for people."""
    ordered = sorted(ms)
    p99 = ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)) - 1)]
    return (f"{name:24} {len(ms):4} sounds  min {ordered[0]:7.3f}  median {statistics.median(ms):7.3f}  "
            f"p99 {p99:7.3f}  max {ordered[-1]:7.3f} ms")


def direct(seconds: float) -> list[float]:
    """From socket to socket, without the product."""
    with ear(PBX) as heard, ear(TRUNK) as out:
        listener = Listener(heard)
        listener.start()
        sent_s = send(out, heard.getsockname(), seconds)
        time.sleep(0.3)
        listener.stop()
    return delays_ms(sent_s, listener.onsets_s)


def through(product: Sidecar, pbx: tuple[str, int], seconds: float, directory: Path) -> list[float]:
    """Through a call of the product."""
    with ear(PBX) as heard, ear(TRUNK) as out:
        called = Scenario("pbx-answers-expect-bye", timeout_s=seconds + 20, rtp_port=heard.getsockname()[1])
        calling = Scenario("caller-answered-expect-200-then-bye", talk_ms=round(seconds * 1000) + 1000,
                           timeout_s=seconds + 20, rtp_port=out.getsockname()[1])
        with Sipp(called, directory, *pbx, product.sip).wait_bound(), \
                Sipp(calling, directory, TRUNK, free_port(TRUNK), product.sip) as caller:
            listener = Listener(heard)
            listener.start()
            sent_s = send(out, caller.peer_sdp(timeout_s=10).media, seconds)
            time.sleep(0.5)
            listener.stop()
            caller.finish()
    return delays_ms(sent_s, listener.onsets_s, WARM_UP_S)


def main(arguments: Sequence[str]) -> int:
    """Measure all three."""
    seconds = float(arguments[0]) if arguments else 30.0
    print(line("no product", direct(min(seconds, 10.0))), flush=True)
    for relay in (True, False):
        pbx = (PBX, free_port(PBX))
        with tempfile.TemporaryDirectory(prefix="b2bua-delay-") as name:
            config = {**between((TRUNK, free_port(TRUNK)), pbx), "log": {"level": "warning"},
                      "media": {"ports": "24000-27999", "relay": relay}}
            with Sidecar(Path(name) / "b2bua", config, seed_document()).running() as product:
                print(line("relay" if relay else "mix", through(product, pbx, seconds, Path(name))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
