# SPDX-License-Identifier: GPL-3.0-or-later
"""The little that we read and change in SDP (RFC 8866, RFC 3264) so that two legs which can agree on a codec do. Pure.

Codecs are named as in rtpmap, name/clock rate, lower case: "pcmu/8000", "telephone-event/8000".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from b2bua.calls.headers import as_text

STATIC = {"0": "pcmu/8000", "3": "gsm/8000", "8": "pcma/8000", "9": "g722/8000", "18": "g729/8000"}  # RFC 3551 §6
EVENT = "telephone-event/"


def body_of(message: str) -> str:
    """The body of a SIP message as text, empty if it has none."""
    head, separator, body = as_text(message).replace("\r\n", "\n").partition("\n\n")
    return body if separator and head else ""


def _audio(sdp: str) -> tuple[list[str], dict[str, str]]:
    """Payload types of the first audio line in order, and their names."""
    formats: list[str] = []
    names = dict(STATIC)
    inside = False
    for line in sdp.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            inside = line.startswith("m=audio") and not formats
            formats = line.split()[3:] if inside else formats
        elif inside and (match := re.match(r"a=rtpmap:(\d+) ([^/\s]+/\d+)", line)):
            names[match[1]] = match[2].lower()
    return formats, names


def codecs(sdp: str) -> tuple[str, ...]:
    """What the first audio line offers, in its order; telephone-event included."""
    formats, names = _audio(sdp)
    return tuple(names[payload] for payload in formats if payload in names)


def chosen(sdp: str) -> str | None:
    """The codec that an answer settles on: its first that is no telephone-event."""
    return next((codec for codec in codecs(sdp) if not codec.startswith(EVENT)), None)


def is_secure(sdp: str) -> bool:
    """An offer or answer with keys in it (RFC 4568)."""
    return re.search(r"(?m)^a=crypto:", sdp) is not None


def refuses(sdp: str) -> bool:
    """An answer whose audio line has port 0 (RFC 3264 §6)."""
    ports = re.findall(r"(?m)^m=audio (\d+)", sdp)
    return bool(ports) and all(port == "0" for port in ports)


def prefer(sdp: str, wanted: Sequence[str]) -> str:
    """The same SDP with the audio formats in `wanted`'s order first; the others keep theirs behind."""
    formats, names = _audio(sdp)
    rank = {codec.lower(): index for index, codec in enumerate(wanted)}
    ordered = sorted(formats, key=lambda payload: rank.get(names.get(payload, ""), len(rank)))
    return _with_formats(sdp, formats, ordered)


def _with_formats(sdp: str, before: list[str], after: list[str]) -> str:
    if before == after or not before:
        return sdp
    return re.sub(r"(?m)^(m=audio \S+ \S+ )" + re.escape(" ".join(before)), lambda m: m[1] + " ".join(after), sdp,
                  count=1)
