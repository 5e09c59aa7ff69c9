# SPDX-License-Identifier: GPL-3.0-or-later
"""Which codes of one document get in each other's way: every code that can be typed is walked through. Pure.

All patterns run at once, as automata, over the digits that a person can type, shortest codes first. Two codes after
which everything is in the same state have the same future, so each state is looked at once. When no new state is left,
what was found is proved for all codes of any length; when the walk has to stop earlier (MAX_STATES; a pattern that
is no plain automaton soon leads there) some longer codes are tried at random, the same ones each time, and the result
is marked `sampled`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from b2bua.calls.digit import DIGITS
from b2bua.metaflows.collector import Rules
from b2bua.metaflows.match import Matcher, compiled
from b2bua.metaflows.regular import Automaton, Unproved

MAX_STATES = 4000
MAX_WORK = 60_000  # sizes of all states together: patterns that blow up are not followed to the end
MORE_WORDS = 1500  # tried when there are more states
ORACLE_S = 0.002  # [s] for one question to a pattern that is no automaton
_DEAD = "dead"


class Machine(Protocol):
    """A pattern that reads digits one by one."""

    start: Any

    def step(self, state: Any, digit: str) -> Any:
        """After one more digit."""

    def accepts(self, state: Any) -> bool:
        """Is it a match now?"""


class Oracle:
    """A pattern that is asked as a whole: its state is all digits so far, or that none can help any more."""

    start = ""

    def __init__(self, pattern: str, *, from_start: bool = False, to_end: bool = False) -> None:
        whole = f"(?:{pattern}){chr(92) + 'Z' if to_end else ''}"
        try:
            expression = compiled(whole)
        except ValueError:  # flags that must stand first
            expression = compiled(pattern)
        self._ask = expression.match if from_start else expression.search

    def step(self, state: str, digit: str) -> str:
        """One more digit."""
        if state == _DEAD:
            return _DEAD
        return state + digit if self._holds(state + digit, partial=True) else _DEAD

    def accepts(self, state: str) -> bool:
        """Does it match?"""
        return state != _DEAD and self._holds(state, partial=False)

    def _holds(self, digits: str, *, partial: bool) -> bool:
        try:
            return self._ask(digits, partial=partial, timeout=ORACLE_S) is not None
        except (TimeoutError, MemoryError, RuntimeError):
            return partial


def machine(pattern: str, **anchors: bool) -> Machine:
    """The pattern as an automaton, or else as an oracle."""
    try:
        return Automaton(pattern, **anchors)
    except Unproved:
        return Oracle(pattern, **anchors)


@dataclass(slots=True)
class Walk:
    """Every state that typing can lead to.

    typable   may this digit follow these?
    is_whole  set at the end: no state was left out
    """

    machines: Sequence[Machine]
    typable: Callable[[str, str], bool]
    numbers: frozenset[str] = frozenset()
    max_digits: int = 32
    is_whole: bool = False
    _prefixes: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._prefixes = frozenset(number[:end] for number in self.numbers for end in range(len(number) + 1))

    def states(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The shortest digits that lead to a state, and each machine's state then."""
        start = tuple(one.start for one in self.machines)
        seen = {("", start)}
        todo, work = deque([("", start)]), 0
        while todo:
            digits, states = todo.popleft()
            yield digits, states
            if len(digits) >= self.max_digits:
                continue
            for digit in DIGITS:
                if not self.typable(digits, digit):
                    continue
                more = digits + digit
                after = tuple(one.step(state, digit) for one, state in zip(self.machines, states, strict=True))
                key = (more if more in self._prefixes else "-", after)
                if key not in seen:
                    work += sum(map(len, after))
                    if len(seen) >= MAX_STATES or work > MAX_WORK:
                        yield from self._at_random()
                        return
                    seen.add(key)
                    todo.append((more, after))
        self.is_whole = True

    def _at_random(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Longer codes, of few different digits each: repetitions are what patterns ask for."""
        chance = random.Random(MORE_WORDS)
        for _ in range(MORE_WORDS):
            choice, digits = chance.sample(DIGITS, chance.randint(1, 3)), ""
            states = tuple(one.start for one in self.machines)
            for digit in chance.choices(choice, k=chance.randint(3, 9)):
                if len(digits) < self.max_digits and self.typable(digits, digit):
                    digits += digit
                    states = tuple(one.step(state, digit) for one, state in zip(self.machines, states, strict=True))
            yield digits, states


@dataclass(slots=True)
class Found:
    """What the walk says of one pattern; the words are the shortest.

    word       that it matches, whoever wins
    won        that it matches and wins; None: it never runs
    losing_to  keys (`numbers.2`, `patterns.^2`) that win against it, each with digits where they do
    waits      every one of its codes could still grow, so it never runs before the time-out
    """

    word: str | None = None
    won: str | None = None
    losing_to: dict[str, str] = field(default_factory=dict)
    waits: bool = True


def typable(rules: Rules, matcher: Matcher) -> Callable[[str, str], bool]:
    """Can this digit be part of a code after these? As the collector has it."""
    may_begin = {digit: matcher.begins(digit) for digit in (rules.binding_digit,)}

    def may(before: str, digit: str) -> bool:
        if digit == rules.terminator or rules.timeout_s == 0:
            return False
        if digit != rules.binding_digit:
            return True
        return not rules.fast_rearm if before else may_begin[digit]
    return may


def contest(patterns: Sequence[str], numbers: Iterable[str], rules: Rules,
            matcher: Matcher) -> tuple[list[Found], bool]:
    """For each pattern what becomes of its codes; and whether that is proved."""
    machines = [machine(pattern) for pattern in patterns]
    walk = Walk(machines, typable(rules, matcher), frozenset(numbers), rules.max_digits)
    found = [Found() for _ in patterns]
    for digits, states in walk.states():
        accepting = [place for place, state in enumerate(states) if machines[place].accepts(state)]
        if not accepting:
            continue
        winner = f"numbers.{digits}" if digits in walk.numbers else None
        for place in accepting:
            one = found[place]
            one.word = digits if one.word is None else one.word
            if winner is not None:
                one.losing_to.setdefault(winner, digits)
                continue
            winner = f"patterns.{patterns[place]}"
            one.won = digits if one.won is None else one.won
            one.waits = one.waits and rules.fire_early and len(digits) < rules.max_digits and matcher.can_grow(digits)
    return found, walk.is_whole


def loose(pattern: str, rules: Rules, matcher: Matcher) -> tuple[str | None, str | None, bool]:
    """Digits that match only because the pattern is not anchored at its start, at its end; and whether that is proved.

    None: there are none.
    """
    whole, proved = machine(pattern), True
    result: list[str | None] = []
    for anchors in ({"from_start": True}, {"to_end": True}):
        strict = machine(pattern, **anchors)
        walk = Walk((whole, strict), typable(rules, matcher), max_digits=rules.max_digits)
        result.append(next((digits for digits, (one, other) in walk.states()
                            if whole.accepts(one) and not strict.accepts(other)), None))
        proved = proved and (walk.is_whole or result[-1] is not None)
    return result[0], result[1], proved
