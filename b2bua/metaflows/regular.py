# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns as finite automata over the sixteen digits, so that questions about them can be answered by proof. Pure.

Only what is certain is understood: digits and other characters, `.`, classes, `\\d \\D \\w \\W \\s \\S`, groups,
alternatives, `? * + {m,n}` greedy or lazy, and the anchors `^ $ \\A \\Z`. For anything else (`Unproved`) the checker
samples instead, and says so.

A pattern is made into a nondeterministic automaton (Thompson); a state of the deterministic one is the set of its
states that are possible after some digits. Anchors are moves that cost no digit and hold only at the start or the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from b2bua.calls.digit import DIGITS

MAX_STATES = 3000  # of one pattern
_BEGUN = -1  # in the state before the first digit: `^` still holds
_ALL = frozenset(DIGITS)
_CLASSES = {"d": frozenset("0123456789"), "w": frozenset("0123456789ABCD"), "s": frozenset[str]()}
_CLASSES |= {name.upper(): _ALL - members for name, members in _CLASSES.items()}
_REPEAT = re.compile(r"\{(\d*)(,?)(\d*)\}")
_LITERAL_ESCAPES = frozenset("*#.+?()[]{}|^$\\-/")

State = frozenset[int]


class Unproved(Exception):  # noqa: N818 - not a fault
    """The pattern uses something that is not understood here; the text says what."""


@dataclass(slots=True)
class _Net:
    """The automaton while it is built: for each state its moves.

    free     without a digit: (condition, target), condition `""`, `"^"` or `"$"`
    by_digit  (digits, target), at most one
    """

    free: list[list[tuple[str, int]]] = field(default_factory=list)
    by_digit: list[tuple[frozenset[str], int] | None] = field(default_factory=list)

    def new(self) -> int:
        if len(self.free) >= MAX_STATES:
            raise Unproved("too many repetitions")
        self.free.append([])
        self.by_digit.append(None)
        return len(self.free) - 1


Part = tuple[int, int]


class _Parser:
    """Recursive descent; every method returns the first and the last state of what it read."""

    def __init__(self, pattern: str) -> None:
        self.text, self.at, self.net = pattern, 0, _Net()

    def whole(self) -> Part:
        part = self.choice()
        if self.at < len(self.text):
            raise Unproved("a bracket too many")
        return part

    def peek(self) -> str:
        return self.text[self.at:self.at + 1]

    def take(self, expected: str) -> bool:
        found = self.text.startswith(expected, self.at)
        self.at += len(expected) if found else 0
        return found

    def free(self, source: int, target: int, condition: str = "") -> None:
        self.net.free[source].append((condition, target))

    def choice(self) -> Part:
        first, last = self.net.new(), self.net.new()
        while True:
            begin, end = self.sequence()
            self.free(first, begin)
            self.free(end, last)
            if not self.take("|"):
                return first, last

    def sequence(self) -> Part:
        first = last = self.net.new()
        while self.peek() not in ("", "|", ")"):
            begin, end = self.repeated()
            self.free(last, begin)
            last = end
        return first, last

    def repeated(self) -> Part:
        start = self.at
        part = self.atom()
        low, high = self.limits()
        if (low, high) == (1, 1):
            return part
        if self.peek() in ("?", "+", "*", "{") and not (self.take("?") and self.peek() not in ("?", "+", "*", "{")):
            raise Unproved("possessive or doubled repetition")
        end = self.at
        parts = [part]
        for _ in range(max(low, high or 0, 1) - 1):
            self.at = start
            parts.append(self.atom())
        self.at = end
        return self.chained(parts, low, high)

    def chained(self, parts: list[Part], low: int, high: int | None) -> Part:
        first, last = self.net.new(), self.net.new()
        here = first
        for index, (begin, end) in enumerate(parts):
            if index >= low:
                self.free(here, last)
            self.free(here, begin)
            here = end
        self.free(here, last)
        if high is None:
            self.free(here, parts[-1][0])
        elif high == 0:
            first, last = self.net.new(), self.net.new()
            self.free(first, last)
        return first, last

    def limits(self) -> tuple[int, int | None]:
        for sign, limits in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self.take(sign):
                return limits
        if self.peek() != "{":
            return 1, 1
        match = _REPEAT.match(self.text, self.at)
        if match is None or not match[1] + match[3]:
            raise Unproved("a brace that is no repetition")
        self.at = match.end()
        low = int(match[1] or 0)
        high = (int(match[3]) if match[3] else None) if match[2] else low
        if max(low, high or 0) > MAX_STATES:
            raise Unproved("too many repetitions")
        return low, high

    def atom(self) -> Part:
        if self.take("("):
            return self.group()
        if self.take("["):
            return self.one_of(self.members())
        sign = self.peek()
        self.at += 1
        if sign == ".":
            return self.one_of(_ALL)
        if sign == "^":
            return self.anchor("^")
        if sign == "$":
            return self.anchor("$")
        if sign == "\\":
            return self.escaped()
        if sign in "?*+{":
            raise Unproved("a repetition of nothing")
        return self.one_of(frozenset((sign,)) & _ALL)

    def group(self) -> Part:
        if self.take("?") and not self.take(":"):
            named = re.compile(r"P<\w+>").match(self.text, self.at)
            if named is None:
                raise Unproved("a group with an extension")
            self.at = named.end()
        part = self.choice()
        if not self.take(")"):
            raise Unproved("a bracket is missing")
        return part

    def escaped(self) -> Part:
        sign = self.peek()
        self.at += 1
        if sign in ("A", "Z"):
            return self.anchor("^" if sign == "A" else "$")
        return self.one_of(self.of_escape(sign))

    def of_escape(self, sign: str) -> frozenset[str]:
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign in _LITERAL_ESCAPES and sign:
            return frozenset((sign,)) & _ALL
        raise Unproved(f"\\{sign}")

    def members(self) -> frozenset[str]:
        negated, found, first = self.take("^"), set[str](), True
        while first or self.peek() != "]":
            first, sign = False, self.peek()
            self.at += 1
            if not sign or sign in "[&~|" or (sign == "-" and self.peek() == "-"):
                raise Unproved("a set in a set")
            if sign == "\\":
                found |= self.of_escape(self.peek())
                self.at += 1
            elif self.peek() == "-" and self.text[self.at + 1:self.at + 2] not in ("]", "\\", "[", ""):
                last = self.text[self.at + 1]
                self.at += 2
                found |= {digit for digit in DIGITS if sign <= digit <= last}
            else:
                found.add(sign)
        self.at += 1
        return _ALL - found if negated else _ALL & found

    def one_of(self, digits: frozenset[str]) -> Part:
        first, last = self.net.new(), self.net.new()
        self.net.by_digit[first] = (digits, last)
        return first, last

    def anchor(self, condition: str) -> Part:
        first, last = self.net.new(), self.net.new()
        self.free(first, last, condition)
        return first, last


class Automaton:
    """Which strings of digits a pattern accepts, as the matcher searches: anywhere in them.

    from_start, to_end   accept only matches that begin with the first digit, or end with the last

    raises   Unproved
    """

    def __init__(self, pattern: str, *, from_start: bool = False, to_end: bool = False) -> None:
        parser = _Parser(pattern)
        try:
            first, last = parser.whole()
        except RecursionError:
            raise Unproved("too many brackets in brackets") from None
        self._net, self._goal = parser.net, last
        self._anywhere = None if from_start else first
        self._loops = not to_end
        self._moves: dict[tuple[State, str], State] = {}
        self.start = self._closed(frozenset((_BEGUN, first)), at_start=True)

    def step(self, state: State, digit: str) -> State:
        """After one more digit."""
        found = self._moves.get((state, digit))
        if found is None:
            moves = (self._net.by_digit[one] for one in state if one != _BEGUN)
            targets = {move[1] for move in moves if move is not None and digit in move[0]}
            if self._anywhere is not None:
                targets.add(self._anywhere)
            if self._loops and self._goal in state:
                targets.add(self._goal)
            found = self._moves[state, digit] = self._closed(frozenset(targets), at_start=False)
        return found

    def accepts(self, state: State) -> bool:
        """Would these digits be a match if they were all?"""
        return self._goal in state or self._goal in self._closed(state, at_start=_BEGUN in state, at_end=True)

    def _closed(self, states: State, *, at_start: bool, at_end: bool = False) -> State:
        """All that can be reached without a digit."""
        holds = {"", *("^" if at_start else ""), *("$" if at_end else "")}
        found, todo = set(states), list(states)
        while todo:
            here = todo.pop()
            for condition, target in self._net.free[here] if here != _BEGUN else ():
                if condition in holds and target not in found:
                    found.add(target)
                    todo.append(target)
        return frozenset(found)
