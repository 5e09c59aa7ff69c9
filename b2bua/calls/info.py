# SPDX-License-Identifier: GPL-3.0-or-later
"""Digits in INFO bodies (RFC 6086's legacy usage): lenient in what we read, plain in what we write. Pure."""

from __future__ import annotations

import re

from b2bua.calls.digit import DIGITS, FLASH

RELAY = "application/dtmf-relay"
BARE = "application/dtmf"
HOOK_FLASH = "application/hook-flash"
DEFAULT_MS = 160  # where the body gives no duration
MAX_MS = 10_000
_EVENTS = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D", "16": FLASH}


def parse(content_type: str, body: str) -> tuple[str, int] | None:
    """Digit and duration in ms; None when the body is no digit.

    `Signal` and `Duration` in any order and case, LF or CRLF, spaces round `=`; bare digits; 10 to 16 as event numbers.
    """
    kind = content_type.split(";", 1)[0].strip().lower()
    if kind == HOOK_FLASH:
        return FLASH, DEFAULT_MS
    if kind not in (RELAY, BARE):
        return None
    fields = {name.lower(): value for name, value in re.findall(r"(?m)^\s*(\w+)\s*=\s*(\S+)\s*$", body)}
    signal = fields.get("signal", body.strip() if not fields else "")
    digit = _digit(signal)
    if digit is None:
        return None
    duration = fields.get("duration", "")
    return digit, min(int(duration), MAX_MS) if duration.isdigit() and int(duration) > 0 else DEFAULT_MS


def _digit(signal: str) -> str | None:
    upper = _EVENTS.get(signal, signal.upper())
    return upper if len(upper) == 1 and upper in DIGITS + FLASH else None


def render(digit: str, duration_ms: int) -> str:
    """The body of an application/dtmf-relay INFO."""
    return f"Signal={'16' if digit == FLASH else digit}\r\nDuration={duration_ms}\r\n"
