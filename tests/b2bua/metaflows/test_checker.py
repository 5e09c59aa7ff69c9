# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker (E3): what never runs, clashes or waits; proved where it can be, and honest where not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.metaflows.checker import Finding, check_metaflows
from b2bua.metaflows.collector import Collector, Matched, Rules
from b2bua.metaflows.match import Matcher
from b2bua.metaflows.modules import MODULES

HANGUP = {"module": "hangup"}


def document(*numbers: str, patterns: tuple[str, ...] = (), **keys: Any) -> dict[str, Any]:
    return {"numbers": dict.fromkeys(numbers, HANGUP), "patterns": dict.fromkeys(patterns, HANGUP), **keys}


def found(checked: dict[str, Any], *pbx_codes: str) -> set[tuple[str, str, str]]:
    return {(one.kind, one.key, one.basis) for one in check_metaflows(checked, pbx_codes)}


def one(checked: dict[str, Any], kind: str, *pbx_codes: str) -> Finding:
    (finding,) = [finding for finding in check_metaflows(checked, pbx_codes) if finding.kind == kind]
    assert finding.text
    assert finding.advice
    return finding


def test_E3_nothing_is_said_of_codes_that_get_along() -> None:
    assert check_metaflows(document("9", "8", patterns=(r"^2\d{3}$",)), ["#1", "8"]) == []
    assert check_metaflows({}) == check_metaflows({"binding_digit": "#"}, ["#1"]) == []


def test_E3_a_number_that_begins_another_waits() -> None:
    finding = one(document("2", "23"), "prefix_clash")
    assert (finding.key, finding.level) == ("numbers.2", "warning")
    assert "800 ms" in finding.text
    assert "numbers.23" in finding.text


def test_E3_a_number_that_a_pattern_could_outgrow_waits() -> None:
    assert "patterns.^2" in one(document("2", patterns=(r"^2\d{3}$",)), "waits").text


@pytest.mark.parametrize(("patterns", "hidden"), [
    ((r"^2(\d+)$", r"^2\d{3}$"), r"^2\d{3}$"),
    ((r"^[1-5]$", "^[6-9]$", r"^\d?$", "^0|7$", "^[1-9]$"), "^[1-9]$"),
    (("2", "^3$", "23"), "23"),
])
def test_E3_a_pattern_whose_digits_are_all_taken_by_earlier_ones(patterns: tuple[str, ...], hidden: str) -> None:
    finding = one(document(patterns=patterns), "unreachable")
    assert (finding.key, finding.level, finding.basis) == (f"patterns.{hidden}", "error", "proved")


def test_E3_a_pattern_whose_digits_are_all_numbers() -> None:
    finding = one(document("1", "2", patterns=("^[12]$",)), "unreachable")
    assert "numbers.1, numbers.2" in finding.text


@pytest.mark.parametrize("checked", [
    document(patterns=("^x$",)), document(patterns=("^12345$",), max_digits=4), document("12345", max_digits=4),
    document("12", terminator="2"), document("1", digit_timeout=0), document("119", binding_digit="9", fast_rearm=True),
    document(patterns=("^1#$",), terminator="#"),
])
def test_E3_codes_that_cannot_be_typed(checked: dict[str, Any]) -> None:
    finding = one(checked, "unreachable")
    assert (finding.level, finding.basis) == ("error", "proved")


@pytest.mark.parametrize(("pattern", "ends"), [
    (r"2(\d+)", "start and end"), (r"^2(\d+)", "end"), (r"2\d$", "start"), ("^1|2$", "start and end")])
def test_E3_patterns_that_are_not_anchored(pattern: str, ends: str) -> None:
    finding = one(document(patterns=(pattern,)), "unanchored")
    assert (f"its {ends}:" in finding.text, finding.basis) == (True, "proved")


@pytest.mark.parametrize("pattern", [r"^2\d+$", "^(1|2)$", "^.*$", r"\A1\Z"])
def test_E3_patterns_that_are_anchored(pattern: str) -> None:
    assert "unanchored" not in {kind for kind, _, _ in found(document(patterns=(pattern,)))}


def test_E3_a_pattern_that_overlaps_a_number() -> None:
    finding = one(document("2", patterns=("^[23]$",)), "overlaps_number")
    assert (finding.key, finding.level) == ("patterns.^[23]$", "note")


def test_E3_patterns_that_overlap_each_other() -> None:
    finding = one(document(patterns=("^[12]$", "^[23]$")), "overlaps_pattern")
    assert finding.key == "patterns.^[23]$"
    assert "e.g. for 2" in finding.text


def test_E3_a_pattern_of_any_length_waits_for_the_time_out() -> None:
    assert one(document(patterns=(r"^2(\d{3,})$",)), "waits").basis == "proved"


def test_E3_a_pattern_that_matches_the_binding_digit_alone() -> None:
    assert ("matches_nothing_typed", r"patterns.^\d?$", "proved") in found(document(patterns=(r"^\d?$",)))


@pytest.mark.parametrize(("checked", "code", "kind", "text"), [
    (document("98"), "*98", "pbx_clash", "numbers.98 runs"),
    (document("9"), "*98", "pbx_clash", "after 2 of its digits"),
    (document(patterns=(r"^9\d$",)), "*98", "pbx_clash", "patterns."),
    (document("9"), "**1", "pbx_clash", "arrives once"),
    (document("9"), "6*9", "pbx_clash", "numbers.9"),
    (document("987"), "*98", "pbx_delay", "800 ms late"),
])
def test_E3_codes_of_the_pbx(checked: dict[str, Any], code: str, kind: str, text: str) -> None:
    finding = one(checked, kind, code)
    assert finding.key == f"pbx_codes.{code}"
    assert text in finding.text


def test_E3_codes_of_the_pbx_that_are_left_alone() -> None:
    assert found(document("9", binding_digit="#"), "*98", "8", "1") == set()
    assert found(document("98", hide_codes=False), "*97") == set()


def test_E3_what_is_no_automaton_is_sampled_and_says_so() -> None:
    finding = one(document(patterns=(r"^(\d)\1", r"^(\d)\1\d*$")), "unreachable")
    assert (finding.level, finding.basis) == ("warning", "sampled")
    assert finding.text.startswith("in all codes that were tried")


def test_E3_sampling_finds_longer_codes_too() -> None:
    checked = document(patterns=(r"^(\d)\1$", r"(\d)\1"))
    assert "unreachable" not in {kind for kind, _, _ in found(checked)}


def test_E3_patterns_that_are_slow() -> None:
    assert one(document(patterns=("^(1|11)+$", "^2$")), "slow_pattern").key == "patterns.^(1|11)+$"


def test_E3_modules_that_do_nothing_useful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES, "hangup", replace(MODULES["hangup"], run=None))
    checked = {"numbers": {"1": {"module": "transfer", "children": {"_": HANGUP}}},
               "patterns": {"^2$": {"module": "transfer"}, r"^3(\d)$": {"module": "transfer"},
                            "^4$": {"module": "transfer", "data": {"target": "100"}}}}
    kinds = {(kind, key) for kind, key, _ in found(checked)}
    assert {key for kind, key in kinds if kind == "no_number"} == {"numbers.1", "patterns.^2$"}
    assert ("unavailable", "numbers.1.children._") in kinds


def test_E3_a_document_that_is_refused_is_told_why() -> None:
    finding = one({"patterns": {"(": HANGUP}, "binding_digit": "*"}, "invalid")
    assert (finding.key, finding.level) == ("patterns.(", "error")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("12", min_size=1, max_size=3), max_size=3, unique=True),
       st.lists(st.sampled_from(["^1$", "^12$", "^1*$", "2", "^(1|2)2", "1$", "^[12]{2}$", "^1?$", r"^\d\d$"]),
                max_size=3, unique=True))
def test_E3_the_checker_agrees_with_the_collector(numbers: list[str], patterns: list[str]) -> None:
    """Every code of up to four digits is typed: what is called unreachable never runs, and the rest does."""
    matcher, ran = Matcher(numbers, patterns), set()
    for length in range(5):
        for digits in itertools.product("123", repeat=length):
            collector, now_s = Collector(Rules(), matcher), 0.0
            decisions = [decision for digit in ("*", *digits) for decision in collector.press("self", digit, now_s)]
            decisions += collector.expire("self", 1.0)
            ran |= {f"{one.match.kind}.{one.match.key}" for one in decisions if isinstance(one, Matched)}
    every = {f"numbers.{key}" for key in numbers} | {f"patterns.{key}" for key in patterns}
    hidden = {key for kind, key, _ in found(document(*numbers, patterns=tuple(patterns))) if kind == "unreachable"}
    assert hidden == every - ran
