# SPDX-License-Identifier: GPL-3.0-or-later
"""From presses to codes: pure and clockless, events in, decisions out (A.4; KAZOO §3.2, §3.5).

One collector serves one endpoint in one call. It listens on one side or on both; each side has its own buffer and its
own time-out, and neither touches the other's. All rules:

| state   | event                       | condition                            | decisions                            |
|---------|-----------------------------|--------------------------------------|--------------------------------------|
| unarmed | press                       | not the binding digit                | none: the press is not ours          |
| unarmed | press                       | the binding digit                    | Armed, Keep; armed, buffer empty     |
|         |                             | ... and digit_timeout is 0           | ... then evaluate                    |
| armed   | press when time is up       |                                      | evaluate; then as unarmed            |
| armed   | press of the binding digit  | buffer empty, no code begins with it | Literal: one goes on; unarmed        |
| armed   | press of the binding digit  | fast_rearm, buffer not empty         | Keep; the buffer is emptied          |
| armed   | press of the terminator     |                                      | Keep, then evaluate                  |
| armed   | any other press             | buffer has max_digits already        | Keep, Rejected; unarmed              |
| armed   | any other press             |                                      | Keep; buffer += digit; deadline anew |
|         |                             | ... fire_early, and no more digits   | ... then evaluate                    |
|         |                             | could make a code of it              |                                      |
| armed   | expire                      | the deadline has come                | evaluate                             |
| armed   | drop                        | the leg ended                        | none; unarmed, nothing is run        |

evaluate = Matched if the buffer is a code, else Rejected; unarmed. Keep stands only where hide_codes is set: that press
is withheld from the far party. Matched and Literal throw away what was kept, Rejected gives it back; what a fast rearm
left behind shares the fate of what follows. With an empty buffer Rejected has the reason `empty`; no tone is heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from b2bua.metaflows.match import Match, Matcher
from b2bua.metaflows.schema import Metaflows


class Why(StrEnum):
    """Why a buffer was rejected."""

    NO_CODE = "no_code"
    EMPTY = "empty"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Armed:
    """The binding digit was pressed."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The press that is being decided on is withheld."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A code; `digits` is how many presses it took, the binding digit included."""

    match: Match
    digits: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """No code; what was kept goes to the far party after all."""

    why: Why
    digits: int


@dataclass(frozen=True, slots=True)
class Literal:
    """The binding digit was doubled: what was kept is dropped, the press that is being decided on goes on."""


Decision = Armed | Keep | Matched | Rejected | Literal


@dataclass(frozen=True, slots=True)
class Rules:
    """How a collector listens."""

    binding_digit: str = "*"
    timeout_s: float = 0.8
    fire_early: bool = True
    terminator: str | None = None
    hide_codes: bool = True
    fast_rearm: bool = False
    max_digits: int = 32

    @classmethod
    def of(cls, document: Metaflows) -> Rules:
        """As a merged document says."""
        return cls(document.binding_digit, document.timeout_ms / 1000, document.fire_early, document.terminator,
                   document.hide_codes, document.fast_rearm, document.max_digits)


@dataclass(slots=True)
class _Buffer:
    """What one side has typed since it armed."""

    deadline_s: float
    digits: str = ""
    presses: int = 1


class Collector:
    """Hears the codes of one endpoint in one call."""

    def __init__(self, rules: Rules, matcher: Matcher) -> None:
        self.rules = rules
        self._matcher = matcher
        self._armed: dict[str, _Buffer] = {}

    def deadline_s(self, side: str) -> float | None:
        """When `expire` is due for this side; None while it is not armed."""
        buffer = self._armed.get(side)
        return None if buffer is None else buffer.deadline_s

    def press(self, side: str, digit: str, now_s: float) -> list[Decision]:
        """A key went down on a side."""
        decisions = self.expire(side, now_s)
        buffer = self._armed.get(side)
        if buffer is not None:
            return decisions + self._collect(side, buffer, digit, now_s)
        if digit == self.rules.binding_digit:
            self._armed[side] = _Buffer(now_s + self.rules.timeout_s)
            decisions += [Armed(), *self._keep()]
            if self.rules.timeout_s == 0:
                decisions += self.expire(side, now_s)
        return decisions

    def expire(self, side: str, now_s: float) -> list[Decision]:
        """Time has passed; evaluates if the deadline has come. Harmless at any moment."""
        buffer = self._armed.get(side)
        if buffer is None or now_s < buffer.deadline_s:
            return []
        return self._evaluate(side, buffer)

    def drop(self, side: str) -> None:
        """This side has gone: what it typed counts for nothing."""
        self._armed.pop(side, None)

    def _keep(self) -> list[Decision]:
        return [Keep()] if self.rules.hide_codes else []

    def _collect(self, side: str, buffer: _Buffer, digit: str, now_s: float) -> list[Decision]:
        rules = self.rules
        binding = digit == rules.binding_digit
        if binding and not buffer.digits and not self._matcher.begins(digit):
            del self._armed[side]
            return [Literal()]
        buffer.presses += 1
        buffer.deadline_s = now_s + rules.timeout_s
        if binding and rules.fast_rearm and buffer.digits:
            buffer.digits = ""
            return self._keep()
        if digit == rules.terminator:
            return self._keep() + self._evaluate(side, buffer)
        if len(buffer.digits) >= rules.max_digits:
            del self._armed[side]
            return [*self._keep(), Rejected(Why.TOO_LONG, buffer.presses)]
        buffer.digits += digit
        if rules.fire_early and not self._can_grow(buffer.digits):
            return self._keep() + self._evaluate(side, buffer)
        return self._keep()

    def _can_grow(self, digits: str) -> bool:
        return len(digits) < self.rules.max_digits and self._matcher.can_grow(digits)

    def _evaluate(self, side: str, buffer: _Buffer) -> list[Decision]:
        del self._armed[side]
        match = self._matcher.match(buffer.digits)
        if match is not None:
            return [Matched(match, buffer.presses)]
        return [Rejected(Why.NO_CODE if buffer.digits else Why.EMPTY, buffer.presses)]
