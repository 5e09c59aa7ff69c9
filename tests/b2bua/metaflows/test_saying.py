# SPDX-License-Identifier: GPL-3.0-or-later
"""What `say` says: nineteen kinds in words."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.metaflows.modules.say import Type
from b2bua.metaflows.saying import LANGUAGES, said

NOW = datetime(2026, 11, 23, 9, 5, tzinfo=timezone(timedelta(hours=1)))  # a Monday
METHODS = ("pronounced", "iterated", "counted")


def test_F76_english_has_every_kind() -> None:
    assert set(LANGUAGES["en"]) == set(get_args(Type))
    assert len(LANGUAGES["en"]) == 19


@pytest.mark.parametrize(("kind", "text", "method", "words"), [
    ("account_number", "12A4", None, "one two A four"),
    ("currency", "$12.50", None, "twelve dollars and fifty cents"),
    ("currency", "1.01", None, "one dollar and one cent"),
    ("currency", "0.5 GBP", None, "fifty pence"),
    ("current_date", "", None, "Monday, November twenty-third, twenty twenty-six"),
    ("current_date", "2005-02-01", None, "Tuesday, February first, two thousand five"),
    ("current_date_time", "1795421100", None,
     "Monday, November twenty-third, twenty twenty-six, at nine oh five A M"),
    ("current_time", "2026-01-01T15:00", None, "three P M"),
    ("email_address", "john.doe7@example.com", None, "john dot doe seven at example dot com"),
    ("ip_address", "192.0.2.10", None, "one hundred ninety-two dot zero dot two dot ten"),
    ("ip_address", "10.1", "iterated", "one zero dot one"),
    ("items", "1", None, "one item"),
    ("items", "21", "counted", "twenty-first item"),
    ("messages", "3", None, "three messages"),
    ("name_phonetic", "Bo7", None, "Bravo, Oscar, seven"),
    ("name_spelled", "Bo-7", None, "B, O, dash, seven"),
    ("number", "1,234,567", None, "one million two hundred thirty-four thousand five hundred sixty-seven"),
    ("number", "-12.05", None, "minus twelve point zero five"),
    ("number", "-1234", "iterated", "minus one two three four"),
    ("number", "112", "counted", "one hundred twelfth"),
    ("persons", "2", None, "two persons"),
    ("postal_address", "12 Main St., Apt 4, 90210 LA", None,
     "twelve Main Street, Apartment four, nine zero two one zero LA"),
    ("short_date_time", "2026-11-22T23:15", None, "yesterday at eleven fifteen P M"),
    ("short_date_time", "2026-11-19T08:00", None, "Thursday at eight A M"),
    ("telephone_extension", "1001", None, "one zero zero one"),
    ("telephone_number", "+15551234567", None, "plus one, five five five, one two three, four five six seven"),
    ("time_measurement", "3725", None, "one hour, two minutes and five seconds"),
    ("time_measurement", "1:05", None, "one minute and five seconds"),
    ("url", "https://www.example.com/a-b", None, "www dot example dot com slash a dash b"),
])
def test_F76_words(kind: str, text: str, method: str | None, words: str) -> None:
    assert said(text, kind, "en-us", NOW, method=method).words == words


@pytest.mark.parametrize(("kind", "text"), [
    ("number", "twelve"), ("number", "1e99"), ("number", "9" * 16), ("currency", "12 XYZ"), ("ip_address", "1.2.3"),
    ("current_date", "tomorrow"), ("time_measurement", "1:2:3:4"), ("items", ""), ("current_time", "9" * 12)])
def test_F76_what_is_none_of_its_kind_is_refused_without_repeating_it(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match="the text is no") as refusal:
        said(text, kind, "en-us", NOW)
    assert not text or text not in str(refusal.value)


def test_F76_a_language_that_is_not_known_is_said_in_english() -> None:
    assert said("3", "messages", "fr-fr", NOW).language == "en-us"
    assert said("3", "messages", "en-gb", NOW).language == "en-gb"


@given(st.sampled_from(get_args(Type)), st.text(max_size=40), st.sampled_from(METHODS))
def test_F76_whatever_the_text_is_it_is_said_or_refused(kind: str, text: str, method: str) -> None:
    refusal = "the text is no"
    try:
        said(text, kind, "en-us", NOW, method=method)
    except ValueError as error:
        refusal = str(error)
    assert refusal.startswith("the text is no")
