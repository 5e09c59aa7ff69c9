# SPDX-License-Identifier: GPL-3.0-or-later
"""Which code a string of digits is (A.5). Pure but for the clock that guards against slow patterns; SIP thread.

Numbers first, exact; then patterns in their order, searched anywhere in the digits; the first that matches wins. A
pattern that takes too long counts as no match, is logged and counted, and rests for a minute, so that it costs this
thread no more than TIMEOUT_S each minute; when several are slow at once, those after the first BUDGET_S get a glance
each. Patterns that are well made need microseconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import regex

from b2bua.calls.digit import DIGITS

log = logging.getLogger(__name__)

TIMEOUT_S = 0.05  # [s] one search; A.5
BUDGET_S = 0.1  # [s] all searches of one evaluation together; after that GLANCE_S each
GLANCE_S = 0.002  # [s]
REST_S = 60.0  # [s] for which a slow pattern is not tried again
MAX_PATTERN = 1000  # characters; a longer one is refused when saved


class PatternError(ValueError):
    """This pattern cannot be used; the text says why."""


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """The pattern, compiled once. Raises PatternError."""
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"longer than {MAX_PATTERN} characters")
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise PatternError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Match:
    """A code was found.

    kind, key  where its node stands: ("numbers" | "patterns", the key)
    captures   groups of the pattern without the whole match; those at the end that took no part are left out. None for
               numbers
    collected  all digits; None for numbers
    """

    kind: str
    key: str
    captures: tuple[str, ...] | None = None
    collected: str | None = None


@dataclass(slots=True)
class Slow:
    """Which patterns were too slow, and until when each rests. One for all calls. SIP thread."""

    resting: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def strike(self, pattern: str, place: int, now_s: float) -> None:
        """It took too long."""
        self.count += 1
        self.resting[pattern] = now_s + REST_S
        log.warning("pattern %d of a metaflows document takes too long (over %d ms); for %d s it counts as no match",
                    place, TIMEOUT_S * 1000, REST_S)

    def rests(self, pattern: str, now_s: float) -> bool:
        """Is it left out now?"""
        until_s = self.resting.get(pattern)
        if until_s is None:
            return False
        if now_s < until_s:
            return True
        del self.resting[pattern]
        return False


class Matcher:
    """The codes of one document."""

    def __init__(self, numbers: Iterable[str], patterns: Iterable[str], slow: Slow | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._numbers = frozenset(numbers)
        self._prefixes = frozenset(number[:end] for number in self._numbers for end in range(len(number)))
        self._slow = slow if slow is not None else Slow()
        self._clock = clock
        self._patterns: list[tuple[str, Any]] = []
        for place, pattern in enumerate(patterns, start=1):
            try:
                self._patterns.append((pattern, compiled(pattern)))
            except PatternError as error:
                log.error("pattern %d of a metaflows document is left out, it does not compile: %s", place, error)

    def match(self, digits: str) -> Match | None:
        """The code that these digits are, or None."""
        if digits in self._numbers:
            return Match("numbers", digits)
        found: list[Match] = []

        def search(pattern: str, expression: Any, timeout_s: float) -> bool:
            result = expression.search(digits, timeout=timeout_s)
            if result is not None:
                found.append(Match("patterns", pattern, _captures(result), digits))
            return result is not None

        self._any(search)
        return found[0] if found else None

    def can_grow(self, digits: str) -> bool:
        """Could more digits after these be a code? (If not, there is nothing to wait for.)

        Numbers: a longer one begins so. Patterns: with any further digit a match is there or still possible, which
        is always so for one that is not anchored at its end; a pattern that rests is left out.
        """
        if digits in self._prefixes:
            return True

        def possible(pattern: str, expression: Any, timeout_s: float) -> bool:
            until_s = self._clock() + timeout_s
            if expression.search(digits, partial=True, timeout=timeout_s) is None:
                return False  # what cannot begin a match now cannot after one more digit
            return any(expression.search(digits + digit, partial=True, timeout=max(GLANCE_S, until_s - self._clock()))
                       for digit in DIGITS)

        return self._any(possible)

    def begins(self, digits: str) -> bool:
        """Is a code what these digits are, or what they begin, starting with the first of them?"""
        if digits in self._numbers or digits in self._prefixes or self.match(digits) is not None:
            return True
        return self._any(lambda _, expression, timeout_s: (
            expression.match(digits, partial=True, timeout=timeout_s) is not None))

    def _any(self, holds: Callable[[str, Any, float], bool]) -> bool:
        """Does it hold for one of the patterns? Stops at the first; keeps the budget."""
        began_s = self._clock()
        for place, (pattern, expression) in enumerate(self._patterns, start=1):
            now_s = self._clock()
            if self._slow.rests(pattern, now_s):
                continue
            timeout_s = max(GLANCE_S, min(TIMEOUT_S, BUDGET_S - (now_s - began_s)))
            try:
                if holds(pattern, expression, timeout_s):
                    return True
            except (TimeoutError, MemoryError, RuntimeError):  # RuntimeError: the expression's own stack overflowed
                self._slow.strike(pattern, place, now_s)
        return False


def _captures(result: Any) -> tuple[str, ...]:
    groups: list[str | None] = list(result.groups())
    while groups and groups[-1] is None:
        groups.pop()
    return tuple(group or "" for group in groups)
