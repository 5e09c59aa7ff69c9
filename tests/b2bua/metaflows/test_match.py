# SPDX-License-Identifier: GPL-3.0-or-later
"""Which code a string of digits is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.digit import DIGITS
from b2bua.metaflows.match import Match, Matcher, PatternError, Slow, compiled

CATASTROPHE = r"^(1|11)+$"
ONES = "1" * 31 + "2"


def test_F59_numbers_beat_patterns() -> None:
    assert Matcher(["2"], ["2", ".*"]).match("2") == Match("numbers", "2")


def test_F60_patterns_are_searched_unanchored_and_the_first_wins() -> None:
    matcher = Matcher([], [r"2(\d+)", r"^9", r"99"])
    assert matcher.match("9921234") == Match("patterns", r"2(\d+)", ("1234",), "9921234")
    assert matcher.match("99") == Match("patterns", "^9", (), "99")
    assert matcher.match("77") is None


@pytest.mark.parametrize(("pattern", "digits", "captures"), [
    (r"^2(\d+)$", "2100", ("100",)),
    (r"^2\d+$", "2100", ()),
    (r"^2(\d)?(\d)?$", "21", ("1",)),  # groups at the end that took no part are absent
    (r"^2(3)?(\d)$", "21", ("", "1")),
])
def test_F61_F62_captures_and_collected(pattern: str, digits: str, captures: tuple[str, ...]) -> None:
    assert Matcher([], [pattern]).match(digits) == Match("patterns", pattern, captures, digits)


def test_F62_a_number_has_neither_captures_nor_collected() -> None:
    match = Matcher(["2"], []).match("2")
    assert match is not None
    assert (match.captures, match.collected) == (None, None)


def test_F50_a_pattern_may_match_no_digits_at_all() -> None:
    assert Matcher(["1"], [".*"]).match("") == Match("patterns", ".*", (), "")
    assert Matcher(["1"], [r"^\d$"]).match("") is None


def test_F26_a_pattern_that_does_not_compile_hurts_no_other(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(PatternError, match="missing"):
        compiled("(")
    assert Matcher(["1"], ["(", "^2$"]).match("2") == Match("patterns", "^2$", (), "2")
    assert "pattern 1" in caplog.text
    assert "(" not in caplog.messages[0].split(":")[0]


@pytest.mark.parametrize(("numbers", "patterns", "digits", "grows"), [
    (["2", "23"], [], "2", True),
    (["2", "23"], [], "23", False),
    (["2", "23"], [], "9", False),
    (["23"], [], "", True),
    ([], [r"^2(\d{3})$"], "212", True),
    ([], [r"^2(\d{3})$"], "2123", False),
    ([], [r"^2(\d{3})$"], "9", False),
    ([], [r"^2(\d+)$"], "2123", True),
    ([], [r"2(\d+)"], "77", True),  # an unanchored one can always grow
    ([], [r"^2$"], "2", False),
    ([], [r"^2$|^\*3$"], "*", True),
    (["2"], [r"^2(\d+)$"], "2", True),  # a number that a pattern might outgrow
    ([], ["^2A$"], "2", True),
])
def test_can_grow(numbers: list[str], patterns: list[str], digits: str, grows: bool) -> None:
    assert Matcher(numbers, patterns).can_grow(digits) is grows


@given(st.lists(st.text("12*", min_size=1, max_size=3), max_size=4),
       st.lists(st.sampled_from(["^1$", "^12$", "^1*$", "2", "^(1|2)2", r"^\*", "1$", "^[12]{2}$"]), max_size=3),
       st.text("12*", max_size=4), st.text("12*", min_size=1, max_size=3))
def test_what_cannot_grow_never_becomes_a_code(numbers: list[str], patterns: list[str], digits: str, more: str) -> None:
    matcher = Matcher(numbers, patterns)
    if not matcher.can_grow(digits):
        assert matcher.match(digits + more) is None


def test_a_slow_pattern_counts_as_no_match_and_hurts_no_other(caplog: pytest.LogCaptureFixture) -> None:
    slow = Slow()
    matcher = Matcher(["1"], [CATASTROPHE, "2$"], slow)
    began_s = time.monotonic()
    assert matcher.match(ONES) == Match("patterns", "2$", (), ONES)
    assert time.monotonic() - began_s < 0.5
    assert slow.count == 1
    assert "too long" in caplog.text
    assert CATASTROPHE not in caplog.text


def test_a_slow_pattern_rests_for_a_minute_and_is_tried_again() -> None:
    now = [0.0]
    slow = Slow()
    matcher = Matcher([], [CATASTROPHE], slow, lambda: now[0])
    for at_s, count in ((0.0, 1), (59.0, 1), (61.0, 2)):
        now[0] = at_s
        assert matcher.match(ONES) is None
        assert slow.count == count


def test_many_slow_patterns_do_not_add_up() -> None:
    matcher = Matcher([], [*(rf"^(1|11)+{tail}$" for tail in range(3, 10)), r"^(\d+)$"])
    began_s = time.monotonic()
    assert matcher.match(ONES) is not None
    assert time.monotonic() - began_s < 0.5


@given(st.text(DIGITS, max_size=33), st.lists(st.text("12()+*?^$[]|\\d{}", max_size=12), max_size=4))
def test_no_pattern_and_no_digits_raise(digits: str, patterns: list[str]) -> None:
    matcher = Matcher(["1"], patterns)
    matcher.match(digits)
    matcher.can_grow(digits)
    matcher.begins(digits)
