# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong, or not as it looks, with a valid document: codes that never run, clash, wait. Pure; any thread.

What can be shown for every code is `proved`; the rest is `sampled`, over the codes that were tried (see `clashes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import ValidationError

from b2bua.metaflows.clashes import Found, contest, loose, typable
from b2bua.metaflows.collector import Collector, Decision, Matched, Rejected, Rules
from b2bua.metaflows.collector import Literal as Doubled
from b2bua.metaflows.match import TIMEOUT_S, Matcher, PatternError, compiled
from b2bua.metaflows.modules import MODULES
from b2bua.metaflows.modules.transfer import SENTINEL
from b2bua.metaflows.schema import Metaflows, Node
from b2bua.metaflows.validation import InvalidDocument, validate

Level = Literal["error", "warning", "note"]
_ORDER = ("error", "warning", "note")
KEYSTROKE_S = 0.01  # [s] between the digits of a code of the PBX, when it is tried
_SHOWN = 3  # examples in one sentence


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    key     where: `numbers.2`, `patterns.^2`, `pbx_codes.*98`
    basis   proved: for every code; sampled: for those that were tried, all short ones and some longer
    """

    level: Level
    kind: str
    key: str
    text: str
    advice: str
    basis: Literal["proved", "sampled"] = "proved"

    def as_json(self) -> dict[str, str]:
        """For the API."""
        return asdict(self)


def check_metaflows(document: Mapping[str, Any], pbx_codes: Iterable[str] = ()) -> list[Finding]:
    """Everything there is to say of a (merged) metaflows object, the worst first. Never raises."""
    try:
        parsed = Metaflows.model_validate(validate(document).sent)
    except InvalidDocument as refused:
        return [Finding("error", "invalid", path.replace("%2E", "."), details["message"], "correct it; it is refused")
                for path, codes in refused.errors.items() for details in codes.values()]
    except ValidationError as error:
        return [Finding("error", "invalid", ".".join(map(str, item["loc"])), item["msg"], "correct it")
                for item in error.errors()]
    if not parsed.has_codes:
        return []
    one = _Check(parsed, tuple(pbx_codes))
    return sorted(one.findings(), key=lambda finding: _ORDER.index(finding.level))


class _Check:
    """One document under examination."""

    def __init__(self, document: Metaflows, pbx_codes: Sequence[str]) -> None:
        self.document, self.pbx_codes, self.rules = document, pbx_codes, Rules.of(document)
        self.numbers, every = document.numbers or {}, document.patterns or {}
        slow = {pattern for pattern in every if _is_slow(pattern)}
        self.slow, self.patterns = slow, {key: node for key, node in every.items() if key not in slow}
        self.matcher = Matcher(self.numbers, self.patterns)
        self.alone = {pattern: Matcher((), (pattern,)) for pattern in self.patterns}

    def findings(self) -> Iterator[Finding]:
        """In no order."""
        if not self.rules.fire_early:
            yield Finding("note", "waits", "fire_early", f"every code waits {self.document.timeout_ms} ms",
                          "with fire_early: true a code runs as soon as it is complete")
        for pattern in self.slow:
            yield Finding("error", "slow_pattern", f"patterns.{pattern}",
                          f"some digits keep it busy for over {TIMEOUT_S * 1000:.0f} ms; it then counts as no match",
                          "avoid repetitions inside repetitions, such as (a+)+", "sampled")
        yield from self._numbers()
        found, proved = contest(list(self.patterns), self.numbers, self.rules, self.matcher)
        for (pattern, node), one in zip(self.patterns.items(), found, strict=True):
            yield from self._pattern(f"patterns.{pattern}", node, one, "proved" if proved else "sampled")
            yield from self._anchors(pattern)
        for code in self.pbx_codes:
            yield from self._pbx_code(code)
        for kind, nodes in (("numbers", self.numbers), ("patterns", self.patterns)):
            for key, node in nodes.items():
                yield from _modules(f"{kind}.{key}", node)

    # -- numbers ------------------------------------------------------------------------------------------------

    def _numbers(self) -> Iterator[Finding]:
        may = typable(self.rules, self.matcher)
        for number in self.numbers:
            key = f"numbers.{number}"
            if len(number) > self.rules.max_digits:
                yield Finding("error", "unreachable", key, f"it is longer than max_digits ({self.rules.max_digits})",
                              "raise max_digits or shorten the code")
            elif not all(may(number[:place], digit) for place, digit in enumerate(number)):
                yield Finding("error", "unreachable", key, self._untypable(), "choose other digits")
            elif self.rules.fire_early and self.matcher.can_grow(number):
                yield self._waiting(number)

    def _untypable(self) -> str:
        if self.rules.timeout_s == 0:
            return "digit_timeout is 0, so nothing can be typed after the binding digit"
        return "it holds the terminator, or the binding digit while fast_rearm is on, so it cannot be typed"

    def _waiting(self, number: str) -> Finding:
        longer = [f"numbers.{other}" for other in self.numbers if other != number and other.startswith(number)]
        growing = [f"patterns.{pattern}" for pattern, alone in self.alone.items() if alone.can_grow(number)]
        wait = f"{self.document.timeout_ms} ms" + (" or the terminator" if self.rules.terminator else "")
        kind = "prefix_clash" if longer else "waits"
        return Finding("warning", kind, f"numbers.{number}",
                       f"it waits {wait} for more digits, because of {_some(longer + growing)}",
                       "choose codes of which none begins another, anchor patterns, or set a terminator")

    # -- patterns -----------------------------------------------------------------------------------------------

    def _pattern(self, key: str, node: Node, one: Found, basis: Literal["proved", "sampled"]) -> Iterator[Finding]:
        if one.word is None:
            yield Finding("error" if basis == "proved" else "warning", "unreachable", key,
                          f"{_tried(basis)}no digits that can be typed match it", "correct it, or remove it", basis)
            return
        if one.won is None:
            yield Finding("error" if basis == "proved" else "warning", "unreachable", key,
                          f"{_tried(basis)}all it matches is taken by {_some(list(one.losing_to))}",
                          "put it before the other pattern, or remove it", basis)
            return
        numbers = [other for other in one.losing_to if other.startswith("numbers.")]
        if numbers:
            yield Finding("note", "overlaps_number", key, f"it also matches {_some(numbers)}; the number wins",
                          "nothing to do if that is meant")
        for other, word in one.losing_to.items():
            if other.startswith("patterns."):
                yield Finding("warning", "overlaps_pattern", key, f"{other} stands before it and wins, e.g. for {word}",
                              "put the more special pattern first, or narrow the earlier one")
        if one.word == "":
            yield Finding("warning", "matches_nothing_typed", key,
                          "the binding digit alone runs it, after digit_timeout",
                          "demand at least one digit")
        if one.waits:
            yield Finding("note", "waits", key, f"{_tried(basis)}every code of it waits for digit_timeout "
                          f"({self.document.timeout_ms} ms), for more digits could follow",
                          "a fixed number of digits, or a terminator, makes it run at once", basis)

    def _anchors(self, pattern: str) -> Iterator[Finding]:
        before, after, proved = loose(pattern, self.rules, self.matcher)
        words = [word for word in (before, after) if word is not None]
        ends = " and ".join(name for name, word in (("start", before), ("end", after)) if word is not None)
        if words:
            yield Finding("warning", "unanchored", f"patterns.{pattern}",
                          f"it is not anchored at its {ends}: {_some(words)} matches too", "write it as ^...$",
                          "proved" if proved else "sampled")

    # -- the PBX's own codes ------------------------------------------------------------------------------------

    def _pbx_code(self, code: str) -> Iterator[Finding]:
        """Type it, as the collector would hear it."""
        collector, now_s, key = Collector(self.rules, self.matcher), 0.0, f"pbx_codes.{code}"
        pressed: list[tuple[int, Decision]] = []
        for place, digit in enumerate(code, start=1):
            pressed += [(place, decision) for decision in collector.press("self", digit, now_s)]
            now_s += KEYSTROKE_S
        late = collector.expire("self", now_s + self.rules.timeout_s)
        for place, decision in [*pressed, *((len(code), decision) for decision in late)]:
            if isinstance(decision, Matched):
                ours = f"{decision.match.kind}.{decision.match.key}"
                after = "" if place == len(code) else f", after {place} of its digits"
                yield Finding("error", "pbx_clash", key, f"{ours} runs instead of the code of the PBX{after}",
                              "choose another code or another binding digit")
            elif isinstance(decision, Doubled):
                yield Finding("error", "pbx_clash", key, "the binding digit typed twice arrives once at the PBX",
                              "choose another binding digit")
        if any(isinstance(decision, Rejected) for decision in late) and self.rules.hide_codes:
            yield Finding("note", "pbx_delay", key,
                          f"the PBX hears it {self.document.timeout_ms} ms late, for it begins like a code of ours",
                          "choose another binding digit, or set hide_codes to false")


def _modules(key: str, node: Node) -> Iterator[Finding]:
    if MODULES[node.module].run is None:
        yield Finding("warning", "unavailable", key, f"the module {node.module} cannot be run yet",
                      "leave it out for now")
    if node.module == "transfer" and not _has_number(key, node):
        yield Finding("warning", "no_number", key, "it transfers, but nothing says whereto",
                      "set data.target, or use a pattern with a group: ^2(\\d+)$")
    for name, child in (node.children or {}).items():
        yield from _modules(f"{key}.children.{name}", child)


def _has_number(key: str, node: Node) -> bool:
    captures = node.data.get("captures") or ()
    if any(value and value != SENTINEL for value in (node.data.get("target"), *captures)):
        return True
    pattern = key.removeprefix("patterns.").partition(".children.")[0]
    return key.startswith("patterns.") and bool(compiled(pattern).groups)


def _is_slow(pattern: str) -> bool:
    """Does it take too long for digits like those that make bad patterns slow?"""
    try:
        expression = compiled(pattern)
        for digit in {"1", "*", *(sign for sign in pattern if sign.isdigit())}:
            for end in ("#", "x"):
                expression.search(digit * 31 + end, timeout=TIMEOUT_S)
    except PatternError:
        return False
    except (TimeoutError, MemoryError, RuntimeError):
        return True
    return False


def _tried(basis: str) -> str:
    return "" if basis == "proved" else "in all codes that were tried, "


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name or "(nothing)" for name in names[:_SHOWN]) + more
