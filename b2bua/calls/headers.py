# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP header fields as text: reading one message's, and choosing which go across the B2BUA. Pure; any thread.

PJSIP has already checked the syntax; this file only splits lines (RFC 3261 §7.3) and knows what crosses a B2BUA
(RFC 7092): identity and call information pass, everything that belongs to one dialog stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

COMPACT = {"f": "from", "t": "to", "i": "call-id", "m": "contact", "c": "content-type", "l": "content-length",
           "v": "via", "k": "supported", "s": "subject", "e": "content-encoding", "r": "refer-to", "b": "referred-by"}
OURS = frozenset(("x-account-id", "x-user-id", "x-device-id"))  # believed only from a peer with trust_headers
IDENTITY = frozenset(("p-asserted-identity", "privacy"))  # pass only inside the trust domain (RFC 3325)
ACROSS = frozenset(("diversion", "history-info", "call-info", "alert-info", "session-id", "user-to-user", "subject",
                    "accept-language", "priority", "organization"))
ANSWER_ACROSS = frozenset(("www-authenticate", "proxy-authenticate", "retry-after", "unsupported", "warning"))
MAX_VALUE = 1000  # characters of one header field that we carry across

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Headers:
    """The header fields of one message, in order, names as received."""

    fields: tuple[Header, ...] = ()

    @classmethod
    def parse(cls, message: str) -> Headers:
        """From a whole SIP message; folded lines are joined, the body is left out.

        A lone CR ends a line, as it does for PJSIP: else it would smuggle a field past `across`.
        """
        head = as_text(message).replace("\r\n", "\n").replace("\r", "\n").split("\n\n", 1)[0]
        lines = re.sub(r"\n[ \t]+", " ", head).split("\n")[1:]
        pairs = (line.partition(":") for line in lines if ":" in line)
        return cls(tuple((name.strip(), value.strip()) for name, _, value in pairs))

    def all(self, name: str) -> Iterator[str]:
        """Every value of a field, compact forms included."""
        wanted = name.lower()
        for field, value in self.fields:
            lower = field.lower()
            if COMPACT.get(lower, lower) == wanted:
                yield value

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field."""
        return next(self.all(name), default)

    def max_forwards(self, default: int = 70) -> int:
        """Max-Forwards, or the default where it is absent or no number."""
        value = self.get("max-forwards")
        return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else default

    def expires_s(self) -> int | None:
        """How long an INVITE may go without a final answer (RFC 3261 section 13.3.1); None: it does not say."""
        value = self.get("expires")
        return int(value) if re.fullmatch(r"[0-9]{1,10}", value) else None


@dataclass(frozen=True, slots=True)
class Party:
    """A name-addr: who someone is."""

    display: str
    user: str
    uri: str

    @classmethod
    def parse(cls, value: str) -> Party:
        """From a From, To, or P-Asserted-Identity value. Never raises; unknown shapes give empty parts."""
        match = re.match(r'(?:"((?:[^"\\]|\\.)*)"\s*|([^<"]*))<\s*([^>]*)>', value.lstrip())
        if match:
            display = re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2].strip()
            uri = match[3]
        else:
            display, uri = "", value.split(";", 1)[0].strip()
        return cls(display, user_of(uri), uri)

    def name_addr(self, host: str) -> str:
        """This party at another host, fit for From."""
        quoted = self.display.replace("\\", "\\\\").replace('"', '\\"')
        user = f"{escape_user(self.user)}@" if self.user else ""
        return f'"{quoted}" <sip:{user}{host}>' if quoted else f"<sip:{user}{host}>"


def as_text(received: str) -> str:
    """What PJSIP gives us as text; bytes that are no UTF-8 (Python holds them as surrogates) become `?`."""
    return received.encode("utf-8", "replace").decode()


def user_of(uri: str) -> str:
    """The user part of a SIP or tel URI, unescaped, without parameters; empty if there is none."""
    match = re.match(r"(?i)(?:sips?:([^@]*)@|tel:([^;?]*))", uri.strip())
    if not match:
        return ""
    user = match[1] if match[1] is not None else match[2]
    return unquote(re.split(r"[;:]", user, maxsplit=1)[0])


def escape_user(user: str) -> str:
    """Escape a user part for a SIP URI (RFC 3261 §25.1); `;` too, since `user_of` leaves parameters out."""
    return re.sub(r"[^A-Za-z0-9\-_.!~*'()&=+$,?/]", lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), user)


def answer_across(headers: Headers, code: int) -> tuple[Header, ...]:
    """The fields of a final answer that the caller needs to try again: challenges, Retry-After, where to go (3xx)."""
    wanted = ANSWER_ACROSS | {"contact", "m"} if 300 <= code < 400 else ANSWER_ACROSS
    return tuple((name, value) for name, value in headers.fields
                 if name.lower() in wanted and len(value) <= MAX_VALUE)


def across(headers: Headers, *, trust_headers: bool, trust_identity: bool) -> list[Header]:
    """The fields of an INVITE that go on to the other leg.

    trust_headers   the sender may name accounts and endpoints by X-Account-ID and the like
    trust_identity  the sender and the receiver are one trust domain for P-Asserted-Identity (RFC 3325)
    """
    return list(_across(headers.fields, trust_headers, trust_identity))


def _across(fields: Iterable[Header], trust_headers: bool, trust_identity: bool) -> Iterator[Header]:
    for name, value in fields:
        lower = COMPACT.get(name.lower(), name.lower())
        if len(value) > MAX_VALUE:
            continue
        wanted = lower in ACROSS or (lower in IDENTITY and trust_identity) or lower.startswith("x-")
        if wanted and (trust_headers or lower not in OURS):
            yield name, value
