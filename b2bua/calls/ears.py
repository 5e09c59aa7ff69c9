# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens to the keys of a call. SIP thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from b2bua.calls.digit import Digit
from b2bua.calls.leg import Leg


class Ears(Protocol):
    """Who listens to the keys of a call (the metaflow session). By default digits just pass."""

    def pressed(self, leg: Leg, digit: Digit) -> None:
        """A key went down on a leg of the pair."""

    def released(self, leg: Leg, digit: Digit, duration_ms: int) -> None:
        """It came up again."""

    def is_armed(self, leg: Leg) -> bool:
        """Has this leg begun a code?"""

    def changed(self, came: Leg | None = None) -> None:
        """Someone answered, or a leg was replaced; `came`: by one that came of its own accord, so its codes count."""

    def closed(self) -> None:
        """The call is over."""


class PassDigits:
    """Ears that hear nothing: every digit goes to the other leg when its key comes up."""

    def __init__(self, other: Callable[[Leg], Leg | None]) -> None:
        self._other = other

    def pressed(self, leg: Leg, digit: Digit) -> None:
        """Nothing yet: the length is known at the end."""

    def released(self, leg: Leg, digit: Digit, duration_ms: int) -> None:
        """On it goes."""
        other = self._other(leg)
        if other is not None and not digit.passed:
            other.send_digit(digit.digit, duration_ms)

    def is_armed(self, leg: Leg) -> bool:
        """There are no codes."""
        return False

    def changed(self, came: Leg | None = None) -> None:
        """Makes no difference."""

    def closed(self) -> None:
        """Makes no difference."""
