# SPDX-License-Identifier: GPL-3.0-or-later
"""A press of a key, however it was carried. Pure; any thread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DIGITS = "0123456789*#ABCD"
FLASH = "!"  # hook flash, event 16 of RFC 4733; never collected, only passed on


class Source(StrEnum):
    """What carried the press."""

    RFC4733 = "rfc4733"
    INFO = "info"
    INBAND = "inband"
    API = "api"


@dataclass(frozen=True, slots=True)
class Digit:
    """The begin of one press.

    digit     one of DIGITS, or FLASH
    at_s      monotonic time of the onset
    passed    its packets go to the other leg by themselves (relay): it must not be sent there again
    """

    digit: str
    source: Source
    at_s: float
    passed: bool = False

    def __post_init__(self) -> None:
        if len(self.digit) != 1 or self.digit not in DIGITS + FLASH:
            raise ValueError(f"{self.digit!r} is not a DTMF digit")
