# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of a leg: read by our own thread, RTCP from the far end's host only, gone with the call."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sip

FAR, STRANGER = "127.0.0.1", "127.0.0.9"
LOST = 77  # packets that a receiver report complains of


def test_rtp_is_read_by_one_thread_of_ours(play: Any) -> None:
    found = play("sockets")
    assert found["threads"].count("rtp") == 1
    assert found["fds_after"] <= found["fds_before"], "the sockets go with their call"


def test_rtcp_of_a_strangers_host_is_not_believed(play: Any) -> None:
    found = play("reports")
    assert found["after_stranger"] == 0
    assert found["after_far_end"] == LOST


def _threads() -> list[str]:
    return [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]


def _fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def sockets(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    net.connect()
    net.join()
    net.hangup()
    rig.poll(0.2)
    before = _fds()
    for _ in range(4):
        net.connect()
        net.join()
        rig.poll(0.05)
        net.hangup()
    rig.poll_until(lambda: _fds() <= before)
    found = {"threads": _threads(), "fds_before": before, "fds_after": _fds()}
    net.end()
    return found


def receiver_report(ssrc: int) -> bytes:
    """RFC 3550 section 6.4.2, one block that complains of `LOST` packets."""
    return struct.pack("!BBHIIIIIII", 0x81, 201, 7, 0xBAD, ssrc, LOST, 0, 0, 0, 0)


def reports(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    net.connect()
    info = net.legs["a"].getMedTransportInfo(0)
    host, port = info.localRtcpName.rsplit(":", 1)
    found = {}
    for name, source in (("after_stranger", STRANGER), ("after_far_end", FAR)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind((source, 0))
            out.sendto(receiver_report(0xCAFE), (host, int(port)))
        rig.poll(0.3)
        found[name] = net.stream("a").tx_lost
    net.end()
    return found


if __name__ == "__main__":
    import endpoint

    endpoint.main({"sockets": sockets, "reports": reports})
