# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be said, and what every language reads out of it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to say.

    method  pronounced, iterated (each digit) or counted (first, second)
    gender  of the thing that is counted, where a language cares
    now     what "current" and "today" mean, in the zone of the listener
    """

    text: str
    method: str
    gender: str | None
    now: datetime

    @property
    def number(self) -> Decimal:
        """Raises ValueError."""
        text = re.sub(r"[ _,'](?=[0-9]{3})", "", self.text)
        if not re.fullmatch(r"[+-]?[0-9]{1,15}([.][0-9]{1,9})?", text):
            raise ValueError("the text is no number")
        return Decimal(text)

    @property
    def whole(self) -> int:
        """Raises ValueError."""
        if self.number != int(self.number):
            raise ValueError("the text is no whole number")
        return int(self.number)

    @property
    def moment(self) -> datetime:
        """The text as seconds since 1970 or as an ISO date; now where there is none. Raises ValueError."""
        if not self.text:
            return self.now
        try:
            if re.fullmatch(r"\d{5,12}", self.text):
                return datetime.fromtimestamp(int(self.text), self.now.tzinfo)
            found = datetime.fromisoformat(self.text)
            return found.astimezone(self.now.tzinfo) if found.tzinfo else found.replace(tzinfo=self.now.tzinfo)
        except (ValueError, OverflowError, OSError):
            raise ValueError("the text is no date: seconds since 1970, or 2026-11-23T09:30") from None

    @property
    def duration_s(self) -> int:
        """The text as seconds, mm:ss or hh:mm:ss. Raises ValueError."""
        parts = self.text.split(":")
        if not all(re.fullmatch(r"\d{1,9}", part) for part in parts) or len(parts) > 3:
            raise ValueError("the text is no time: seconds, mm:ss or hh:mm:ss")
        return sum(int(part) * 60 ** place for place, part in enumerate(reversed(parts)))
