# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector against a plain model of the rules: whole sentences of presses and pauses, all settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.metaflows.collector import Collector, Decision, Keep, Literal, Matched, Rejected, Rules
from b2bua.metaflows.match import Matcher

TIMEOUT_S = 0.5
NUMBERS = ["1", "12", "112", "2"]
Sentence = list[tuple[str, float]]  # a digit, and how long after it nothing is pressed


@dataclass
class Fate:
    """What became of everything that was typed: codes that ran, and what the far party heard, in order."""

    codes: list[str] = field(default_factory=list)
    heard: str = ""


def by_model(rules: Rules, sentence: Sentence) -> Fate:
    """Word by word: everything from a binding digit to where its code ends is one word."""
    fate, rest = Fate(), list(sentence)
    while rest:
        digit, pause_s = rest.pop(0)
        if digit != rules.binding_digit:
            fate.heard += digit
            continue
        word, buffer, doubled = digit, "", False
        while pause_s < TIMEOUT_S and rest:
            digit, pause_s = rest.pop(0)
            word += digit
            if digit == "*" and not buffer:
                doubled = True
                break
            if digit == "*" and rules.fast_rearm:
                buffer = ""
                continue
            if digit == rules.terminator or len(buffer) == rules.max_digits:
                buffer += "" if digit == rules.terminator else "x"
                break
            buffer += digit
            longer = [n for n in NUMBERS if n.startswith(buffer) and n != buffer and len(buffer) < rules.max_digits]
            if rules.fire_early and not longer:
                break
        judge(fate, rules, word, buffer, doubled)
    return fate


def judge(fate: Fate, rules: Rules, word: str, buffer: str, doubled: bool) -> None:
    """One word is complete."""
    if buffer in NUMBERS:
        fate.codes.append(buffer)
        fate.heard += "" if rules.hide_codes else word
    elif doubled:
        fate.heard += "*" if rules.hide_codes else word
    else:
        fate.heard += word


def by_collector(rules: Rules, sentence: Sentence) -> Fate:
    """The same through the real one."""
    fate, now_s, kept = Fate(), 0.0, ""
    one = Collector(rules, Matcher(NUMBERS, []))

    def settle(decisions: list[Decision], digit: str) -> None:
        nonlocal kept
        mine = digit != ""
        for decision in decisions:
            if isinstance(decision, Keep):
                kept, mine = kept + digit, False
            elif isinstance(decision, Matched):
                fate.codes.append(decision.match.key)
                kept = ""
            elif isinstance(decision, Rejected):
                fate.heard, kept = fate.heard + kept, ""
            elif isinstance(decision, Literal):
                kept = ""
        fate.heard += digit if mine else ""

    for digit, pause_s in sentence:
        settle(one.press("self", digit, now_s), digit)
        now_s += pause_s
        settle(one.expire("self", now_s), "")
    settle(one.expire("self", now_s + TIMEOUT_S), "")
    assert one.deadline_s("self") is None
    assert kept == ""
    return fate


RULES = st.builds(Rules, timeout_s=st.just(TIMEOUT_S), fire_early=st.booleans(), hide_codes=st.booleans(),
                  terminator=st.sampled_from([None, "#"]), fast_rearm=st.booleans(), max_digits=st.integers(1, 4))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from("**1123#"), st.sampled_from([0.1, 0.1, 0.1, 0.499, 0.5, 3.0])), max_size=14),
       RULES)
def test_the_collector_does_what_the_rules_say(sentence: Sentence, rules: Rules) -> None:
    assert by_collector(rules, sentence) == by_model(rules, sentence)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from("**1123#"), st.sampled_from([0.1, 0.3, 0.499, 0.5, 0.6]),
                          st.sampled_from(["self", "peer"])), max_size=16), RULES)
def test_what_one_side_types_changes_nothing_on_the_other(typed: list[tuple[str, float, str]], rules: Rules) -> None:
    """So each of two legs that type at once is what the model says of it alone."""
    together, alone = (Collector(rules, Matcher(NUMBERS, [])) for _ in range(2))
    own = {"self": alone, "peer": Collector(rules, Matcher(NUMBERS, []))}
    now_s = 0.0
    for digit, pause_s, side in typed:
        assert together.press(side, digit, now_s) == own[side].press(side, digit, now_s)
        now_s += pause_s
        for name, one in own.items():
            assert together.deadline_s(name) == one.deadline_s(name)
            assert together.expire(name, now_s) == one.expire(name, now_s)
