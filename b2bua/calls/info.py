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
    pairs = (line.partition("=") for line in body.splitlines() if "=" in line)
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    signal = fields.get("signal", body.strip() if not fields else "")
    digit = _digit(signal)
    if digit is None:
        return None
    return digit, _milliseconds(fields.get("duration", ""))


def _milliseconds(text: str) -> int:
    stated = re.fullmatch(r"0*([1-9][0-9]*)", text)
    return min(int(stated[1][:6]), MAX_MS) if stated else DEFAULT_MS  # [:6]: int() refuses thousands of digits


def _digit(signal: str) -> str | None:
    upper = _EVENTS.get(signal, signal.upper())
    return upper if len(upper) == 1 and upper in DIGITS + FLASH else None


def render(digit: str, duration_ms: int) -> str:
    """The body of an application/dtmf-relay INFO."""
    return f"Signal={'16' if digit == FLASH else digit}\r\nDuration={duration_ms}\r\n"
