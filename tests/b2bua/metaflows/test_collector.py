# SPDX-License-Identifier: GPL-3.0-or-later
"""From presses to codes, without a clock."""

from __future__ import annotations

import pytest

from b2bua.metaflows.collector import (
    Armed,
    Collector,
    Decision,
    Keep,
    Literal,
    Matched,
    Rejected,
    Rules,
    Why,
)
from b2bua.metaflows.documents import Metaflows
from b2bua.metaflows.match import Match, Matcher

LATE = Rules(fire_early=False, hide_codes=False)
NO_CODE, EMPTY, TOO_LONG = Why.NO_CODE, Why.EMPTY, Why.TOO_LONG


def collector(rules: Rules, *keys: str) -> Collector:
    """Keys of digits only are numbers, all others patterns."""
    return Collector(rules, Matcher([key for key in keys if key.isdigit()], [key for key in keys if not key.isdigit()]))


def typed(one: Collector, digits: str, gap_s: float = 0.1, side: str = "self") -> list[Decision]:
    """All decisions on these digits, typed from 0 s on."""
    return [decision for index, digit in enumerate(digits) for decision in one.press(side, digit, index * gap_s)]


def collected(decisions: list[Decision]) -> list[str | None]:
    """What the matches had in their buffers."""
    return [decision.match.collected for decision in decisions if isinstance(decision, Matched)]


def test_F41_the_binding_digit_arms_and_is_not_collected() -> None:
    one = collector(LATE, ".*")
    assert typed(one, "*21") == [Armed()]
    assert collected(one.expire("self", 5)) == ["21"]


def test_F42_digits_before_arming_are_not_ours() -> None:
    one = collector(LATE, ".*")
    assert typed(one, "123*4") == [Armed()]
    assert collected(one.expire("self", 5)) == ["4"]


def test_F43_the_timer_starts_at_arming_and_again_with_each_digit() -> None:
    one = collector(LATE, "12")
    one.press("self", "*", 10.0)
    assert one.deadline_s("self") == pytest.approx(10.8)
    one.press("self", "1", 10.7)
    assert one.deadline_s("self") == pytest.approx(11.5)
    one.press("self", "2", 11.4)
    assert one.expire("self", 12.1) == []
    assert one.expire("self", 12.25) == [Matched(Match("numbers", "12"), 3)]
    assert one.deadline_s("self") is None


@pytest.mark.parametrize(("document", "timeout_s"), [
    ({}, 0.8), ({"digit_timeout": 300}, 0.3), ({"digit_timeout": 0}, 0), ({"digit_timeout": None}, 0.8)])
def test_F44_default_timeout_is_800_ms(document: dict[str, int], timeout_s: float) -> None:
    assert Rules.of(Metaflows.model_validate(document)).timeout_s == timeout_s


def test_F45_without_fire_early_a_code_waits_for_the_timeout() -> None:
    one = collector(LATE, "1")
    assert typed(one, "*1") == [Armed()]
    assert one.expire("self", 0.85) == []
    assert one.expire("self", 0.9) == [Matched(Match("numbers", "1"), 2)]


def test_F46_the_binding_digit_amid_a_code_is_appended() -> None:
    one = collector(LATE, r"^1\*2$")
    typed(one, "*1*2")
    assert collected(one.expire("self", 9)) == ["1*2"]


@pytest.mark.parametrize(("keys", "slow", "fast"), [
    ("1", "1", "1"), ("*1", "*1", "*1"), ("1*2", "1*2", "2"), ("**", "**", ""), ("12*34", "12*34", "34")])
def test_F47_fast_rearm_table(keys: str, slow: str, fast: str) -> None:
    for fast_rearm, expected in ((False, slow), (True, fast)):
        one = collector(Rules(fire_early=False, fast_rearm=fast_rearm), "(.*)")
        decisions = typed(one, "*" + keys)
        assert decisions[0] == Armed()
        assert collected(one.expire("self", 9)) == [expected]


def test_F48_F49_the_two_sides_are_independent() -> None:
    one = collector(LATE, "1", "2")
    one.press("self", "*", 0.0)
    one.press("peer", "*", 0.5)
    one.press("peer", "2", 0.6)
    assert one.expire("self", 0.8) == [Rejected(EMPTY, 1)]
    assert one.expire("peer", 1.4) == [Matched(Match("numbers", "2"), 2)]
    assert one.press("self", "*", 2.0) == [Armed()]


def test_F50_an_empty_buffer_is_rejected_unless_a_pattern_matches_it() -> None:
    assert typed(collector(LATE, "1"), "*") == [Armed()]
    one, other = collector(LATE, "1"), collector(LATE, "^$")
    one.press("self", "*", 0)
    other.press("self", "*", 0)
    assert one.expire("self", 0.8) == [Rejected(EMPTY, 1)]
    assert collected(other.expire("self", 0.8)) == [""]


def test_F51_hash_is_a_binding_digit_and_an_ordinary_one() -> None:
    assert typed(collector(Rules(binding_digit="#"), "1"), "#1")[-1] == Matched(Match("numbers", "1"), 2)
    assert collected(typed(collector(Rules(), "^2#$"), "*2#")) == ["2#"]


@pytest.mark.parametrize("at_s", [0.89, 0.9, 0.91, 500.0])
def test_F52_B5_a_digit_at_the_deadline_is_harmless(at_s: float) -> None:
    one = collector(LATE, "1", "12")
    typed(one, "*1")
    decisions = one.press("self", "2", at_s)
    assert decisions == ([] if at_s < 0.9 else [Matched(Match("numbers", "1"), 2)])
    assert one.expire("self", 1000) in ([Matched(Match("numbers", "12"), 3)], [])
    assert one.expire("self", 1000) == []


def test_F53_a_dropped_side_is_forgotten() -> None:
    one = collector(LATE, "1")
    typed(one, "*1")
    one.drop("self")
    assert one.expire("self", 9) == []
    one.drop("self")


def test_fire_early_waits_only_for_what_could_still_come() -> None:
    keys = ("1", "12", r"^2(\d{3})$")
    assert typed(collector(Rules(), *keys), "*1") == [Armed(), Keep(), Keep()]
    assert typed(collector(Rules(), *keys), "*12")[-1] == Matched(Match("numbers", "12"), 3)
    assert collected(typed(collector(Rules(), *keys), "*2100")) == ["2100"]
    assert typed(collector(Rules(), *keys), "*9")[-1] == Rejected(NO_CODE, 2)


def test_an_unanchored_pattern_waits_for_time_terminator_or_length() -> None:
    one = collector(Rules(), r"2(\d+)")
    assert Matched not in map(type, typed(one, "*2123"))
    assert collected(one.expire("self", 9)) == ["2123"]
    assert collected(typed(collector(Rules(terminator="#"), r"2(\d+)"), "*2123#")) == ["2123"]
    assert collected(typed(collector(Rules(max_digits=4), r"2(\d+)"), "*2123")) == ["2123"]


def test_the_terminator_is_no_part_of_the_code() -> None:
    one = collector(Rules(fire_early=False, terminator="#"), "1", "12")
    assert typed(one, "*1#") == [Armed(), Keep(), Keep(), Keep(), Matched(Match("numbers", "1"), 3)]
    assert typed(one, "*#")[-1] == Rejected(EMPTY, 2)
    assert typed(one, "#") == []


def test_more_than_max_digits_are_no_code() -> None:
    one = collector(Rules(fire_early=False, max_digits=3), ".*")
    assert typed(one, "*1234")[-1] == Rejected(TOO_LONG, 5)
    assert one.deadline_s("self") is None


def test_without_hide_codes_nothing_is_kept() -> None:
    assert typed(collector(Rules(hide_codes=False), "1"), "*1") == [Armed(), Matched(Match("numbers", "1"), 2)]


def test_doubling_the_binding_digit_sends_one_unless_a_code_begins_with_it() -> None:
    assert typed(collector(Rules(), "1", r"2(\d+)"), "**") == [Armed(), Keep(), Literal()]
    assert collected(typed(collector(Rules(), r"^\*$"), "**")) == ["*"]
    assert collected(typed(collector(Rules(), r"^\*1$"), "**1")) == ["*1"]
    one = collector(Rules(), "1")
    assert typed(one, "**")[-1] == Literal()
    assert typed(one, "1*1")[-1] == Matched(Match("numbers", "1"), 2)


def test_a_timeout_of_0_evaluates_at_once() -> None:
    assert typed(collector(Rules(timeout_s=0), "1"), "*1") == [Armed(), Keep(), Rejected(EMPTY, 1)]
    assert collected(typed(collector(Rules(timeout_s=0), "^$"), "*")) == [""]


def test_A_to_D_are_collected_like_any_other() -> None:
    assert collected(typed(collector(Rules(), "^A[BCD]$"), "*AD")) == ["AD"]
