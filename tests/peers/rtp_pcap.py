# SPDX-License-Identifier: GPL-3.0-or-later
"""pcap files for SIPp's `play_pcap_audio`, written at run time. SIPp replaces addresses and ports by those of the SDP.

Of SIPp 3.6.1's ways to send sound, `play_pcap_audio` is the one that sends tone and digits on one stream with true
timing (`play_dtmf` is fixed to 200 ms and payload type 96, `rtp_stream` knows no digits). It opens a raw socket, which
needs root or CAP_NET_RAW: `can_play()`.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from tests.peers.rtp import RtpPacket, Track

MAGIC = 0xA1B2C3D4
LINKTYPE_ETHERNET = 1
SNAP_LENGTH = 65535
PORT = 6000


def write_pcap(path: Path, track: Track) -> Path:
    """The track as a capture."""
    header = struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_ETHERNET)
    path.write_bytes(header + b"".join(_record(packet) for packet in track.packets))
    return path


def _record(packet: RtpPacket) -> bytes:
    rtp = packet.pack()
    udp = struct.pack("!HHHH", PORT, PORT, 8 + len(rtp), 0) + rtp
    loopback = socket.inet_aton("127.0.0.1")
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, loopback, loopback)
    frame = bytes(12) + b"\x08\x00" + ip + udp
    seconds, micro = divmod(round(packet.at_s * 1_000_000), 1_000_000)
    return struct.pack("<IIII", seconds, micro, len(frame), len(frame)) + frame


def can_play() -> bool:
    """May SIPp open the raw socket that playing a capture needs?"""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except PermissionError:
        return False
    return True
