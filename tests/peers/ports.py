# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports on loopback, and who has bound one."""

from __future__ import annotations

import socket
import time
from pathlib import Path


def free_port(host: str) -> int:
    """A port that neither UDP nor TCP uses at this address, below the range that the system hands out itself."""
    return _free(host, range(15060 + time.monotonic_ns() % 4000, 20000), 1)


def free_media_port(host: str) -> int:
    """Four in a row, where `free_port` never looks: SIPp binds audio and, two above it, video."""
    return _free(host, range(11000 + time.monotonic_ns() % 3000 // 4 * 4, 15000, 4), 4)


def _free(host: str, ports: range, span: int) -> int:
    for port in ports:
        if all(_is_free(host, port + more) for more in range(span)):
            return port
    raise RuntimeError(f"no free port at {host}")


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((host, port))
            tcp.bind((host, port))
    except OSError:
        return False
    return True


def is_bound(host: str, port: int, transport: str = "udp") -> bool:
    """Does somebody listen there? Reads the kernel's table, disturbs nobody."""
    wanted = {f"{int.from_bytes(socket.inet_aton(h), 'little'):08X}:{port:04X}" for h in (host, "0.0.0.0")}
    rows = (line.split() for line in Path(f"/proc/net/{transport}").read_text().splitlines()[1:])
    return any(row[1] in wanted and (transport == "udp" or row[3] == "0A") for row in rows)
