# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns as automata: whatever is understood must agree with the matcher's own engine."""

from __future__ import annotations

import itertools

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.digit import DIGITS
from b2bua.metaflows.regular import Automaton, Unproved

atoms = st.sampled_from(["1", "2", r"\d", ".", "[12]", "[^1]", "[1-3*]", r"\*", "#", "A", "x", r"\D", r"[\d#]", "^",
                         "$", r"\A", r"\Z", r"\w"])
patterns = st.recursive(atoms, lambda inner: st.one_of(
    st.lists(inner, min_size=1, max_size=3).map("".join),
    st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
    st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,2}", "{0,1}", "{,2}", "{1,}", "*?", "+?", "{0}"])).map(
        lambda pair: f"(?:{pair[0]}){pair[1]}")), max_leaves=6)


def accepts(automaton: Automaton, digits: str) -> bool:
    state = automaton.start
    for digit in digits:
        state = automaton.step(state, digit)
    return automaton.accepts(state)


@given(patterns, st.text("123*#A", max_size=5))
def test_an_automaton_agrees_with_the_engine(pattern: str, digits: str) -> None:
    assert accepts(Automaton(pattern), digits) == (regex.search(pattern, digits) is not None)
    assert accepts(Automaton(pattern, from_start=True), digits) == (regex.match(pattern, digits) is not None)
    ends = regex.search(rf"(?:{pattern})\Z", digits) is not None
    assert accepts(Automaton(pattern, to_end=True), digits) == ends


@pytest.mark.parametrize("pattern", [r"^2(\d+)$", r"2(\d+)", r"^(?P<to>\d{3,5})#?$", "^$", "", r"^[*#]1|9$",
                                     "^1.{2,4}?$"])
def test_usual_patterns_agree_on_all_short_codes(pattern: str) -> None:
    automaton = Automaton(pattern)
    for length in range(4):
        for digits in map("".join, itertools.product(DIGITS, repeat=length)):
            assert accepts(automaton, digits) == (regex.search(pattern, digits) is not None), digits


@pytest.mark.parametrize("pattern", [r"(\d)\1", r"(?=1)", r"(?i)a", r"\b1", "1++", "a{e<=1}", "[[1]]", "(", "1{9999}",
                                     "((1{60}){60}){60}", "(" * 600 + ")" * 600, r"\p{N}", "[1", "1)", "*1"])
def test_what_is_not_understood_is_not_guessed(pattern: str) -> None:
    with pytest.raises(Unproved):
        Automaton(pattern)


@given(st.text("12()+*?^$[]|\\d{},-.P<>:", max_size=14))
def test_any_text_is_understood_rightly_or_not_at_all(pattern: str) -> None:
    try:
        automaton = Automaton(pattern)
        engine = regex.compile(pattern)
    except (Unproved, regex.error):
        return
    for digits in ("", "1", "2", "12", "21", "112", "D", "*"):
        assert accepts(automaton, digits) == (engine.search(digits) is not None), digits
