# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages as they were seen, from SIPp's own log or from the wire, and the ladder that shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rich.text import Text

Address = tuple[str, int]
_ENTRY = re.compile(r"^-{20,} (\d{4}-\d\d-\d\d)\s+(\d\d:\d\d:\d\d\.\d+)\n"
                    r"(?:UDP|TCP|TLS) message (sent|received)[^\n]*\n\n?", re.M)

_START = re.compile(r"SIP/2\.0 \d{3}\b|\S+ .+ SIP/2\.0$")


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One message; `at_s` is wall-clock time."""

    at_s: float
    src: Address
    dst: Address
    start_line: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: str = field(repr=False)

    @classmethod
    def parse(cls, text: str, src: Address, dst: Address, at_s: float = 0.0) -> SipMessage | None:
        """From its text; None when it is no SIP."""
        head, _, body = text.replace("\r\n", "\n").lstrip("\n").partition("\n\n")
        lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
        if not _START.match(lines[0]):
            return None
        pairs = (line.partition(":") for line in lines[1:] if ":" in line)
        return cls(at_s, src, dst, lines[0], tuple((name.strip(), value.strip()) for name, _, value in pairs), body)

    @property
    def is_request(self) -> bool:
        """A request, not a response?"""
        return not self.start_line.startswith("SIP/2.0")

    @property
    def method(self) -> str:
        """Of the request, or of the one it answers."""
        return self.start_line.split()[0] if self.is_request else self.get("CSeq").rpartition(" ")[2]

    @property
    def code(self) -> int:
        """Of a response; 0 for a request."""
        return 0 if self.is_request else int(self.start_line.split()[1])

    def get(self, name: str) -> str:
        """The first value of a header field, or an empty string."""
        return next((value for field_name, value in self.headers if field_name.lower() == name.lower()), "")

    @property
    def label(self) -> str:
        """For people: `INVITE sip:1001 (SDP)`, `183 Session Progress (SDP)`, `NOTIFY (200 OK)`."""
        if self.is_request:
            method, uri = self.start_line.split()[:2]
            text = f"{method} {uri.partition('@')[0]}" if method == "INVITE" else method
        else:
            text = self.start_line.removeprefix("SIP/2.0 ")
        if self.method == "REFER" and self.is_request:
            text += f" ({self.get('Refer-To').strip('<>').partition('@')[0]})"
        if "sipfrag" in self.get("Content-Type"):
            text += f" ({self.body.strip().removeprefix('SIP/2.0 ')})"
        return text + (" (SDP)" if "m=audio" in self.body else "")

    @property
    def media(self) -> Address:
        """Where the SDP wants the audio."""
        host = re.search(r"^c=IN IP4 (\S+)", self.body, re.M)
        port = re.search(r"^m=audio (\d+)", self.body, re.M)
        if not host or not port:
            raise ValueError(f"{self.start_line}: no audio in its SDP")
        return host[1], int(port[1])

    @property
    def event_type(self) -> int | None:
        """The payload type on which its SDP wants telephone-event, None where it wants none."""
        found = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", self.body, re.M)
        return int(found[1]) if found else None


def read_sipp_log(text: str, local: Address, remote: Address) -> list[SipMessage]:
    """The messages in a file of `sipp -trace_msg`; SIPp writes no addresses, so they are given."""
    entries = list(_ENTRY.finditer(text))
    messages = []
    for index, entry in enumerate(entries):
        raw = text[entry.end():entries[index + 1].start() if index + 1 < len(entries) else None]
        src, dst = (local, remote) if entry[3] == "sent" else (remote, local)
        at_s = datetime.fromisoformat(f"{entry[1]}T{entry[2]}").timestamp()
        message = SipMessage.parse(raw, src, dst, at_s)
        if message is not None:
            messages.append(message)
    return messages


def find(messages: Iterable[SipMessage], method: str, code: int = 0) -> list[SipMessage]:
    """Requests of this method, or the responses to it with this code."""
    return [m for m in messages if m.method == method and m.code == code]


def ladder(messages: Sequence[SipMessage], names: Mapping[str, str], *, width: int = 34) -> Text:
    """A call as a picture: one column per name, one arrow per message.

    names   host -> column heading, from left to right
    """
    columns = list(dict.fromkeys(names.values()))
    text = Text()
    text.append("          " + "".join(name.ljust(width) for name in columns).rstrip() + "\n", style="bold")
    ordered = sorted((m for m in messages if m.src[0] in names and m.dst[0] in names), key=lambda m: m.at_s)
    for message in ordered:
        left, right = columns.index(names[message.src[0]]), columns.index(names[message.dst[0]])
        text.append(f"{message.at_s - ordered[0].at_s:8.3f}  ", style="dim")
        text.append(_arrow(message.label, left, right, width, len(columns)) + "\n", style=_style(message))
    return text


def _arrow(label: str, start: int, end: int, width: int, columns: int) -> str:
    first, last = sorted((start, end))
    space = (last - first) * width - 1
    inner = f" {label[:space - 6]} ".center(space - 1, "-")
    arrow = f"{inner}>" if end > start else f"<{inner}"
    cells = [*("|".ljust(width) for _ in range(first)), "|" + arrow]
    cells += ["|".ljust(width) for _ in range(last, columns)]
    return "".join(cells).rstrip()


def _style(message: SipMessage) -> str:
    if message.is_request:
        return "cyan"
    return "green" if message.code < 300 else "red"
