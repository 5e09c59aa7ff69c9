# SPDX-License-Identifier: GPL-3.0-or-later
"""Digits in INFO: lenient in what is read, and nothing a peer can write costs more than a wrong answer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.digit import DIGITS, FLASH
from b2bua.calls.info import BARE, DEFAULT_MS, HOOK_FLASH, MAX_MS, RELAY, parse, render


@pytest.mark.parametrize("body", [
    "Signal=5\r\nDuration=250\r\n", "Signal=5\nDuration=250\n", "Signal=5\r\nDuration=250", "Duration=250\r\nSignal=5",
    "SIGNAL=5\r\nduration=250", "Signal = 5 \r\n Duration = 250 ", "\r\nSignal=5\r\n\r\nDuration=250\r\n",
    "Signal=5\r\nFoo=bar\r\nDuration=0000250",
])
def test_signal_and_duration_in_any_order_case_and_line_end(body: str) -> None:
    assert parse(RELAY, body) == ("5", 250)


@pytest.mark.parametrize("kind", [RELAY, BARE, "Application/DTMF-Relay", " application/dtmf ;charset=utf-8"])
@pytest.mark.parametrize(("signal", "digit"), [("0", "0"), ("9", "9"), ("*", "*"), ("#", "#"), ("a", "A"), ("D", "D"),
                                               ("10", "*"), ("11", "#"), ("12", "A"), ("15", "D"), ("16", FLASH)])
def test_bare_digits_and_event_numbers(kind: str, signal: str, digit: str) -> None:
    assert parse(kind, f"{signal}\r\n") == (digit, DEFAULT_MS)
    assert parse(kind, f"Signal={signal}\r\nDuration=100") == (digit, 100)


@pytest.mark.parametrize(("duration", "expected_ms"), [
    ("", DEFAULT_MS), ("0", DEFAULT_MS), ("-5", DEFAULT_MS), ("1.5", DEFAULT_MS), ("²", DEFAULT_MS), ("٣", DEFAULT_MS),
    ("9999999", MAX_MS), ("9" * 5000, MAX_MS), ("40", 40),
])
def test_a_useless_duration_is_the_default_and_a_huge_one_is_cut(duration: str, expected_ms: int) -> None:
    assert parse(RELAY, f"Signal=1\r\nDuration={duration}") == ("1", expected_ms)


@pytest.mark.parametrize("body", ["", "12", "17", "E", "Signal=\r\n", "Signal=55", "Duration=100", "=5", "ß", "<xml/>"])
def test_what_is_no_digit_is_none(body: str) -> None:
    if body != "12":  # event number 12 is the key A
        assert parse(RELAY, body) is None
    assert parse("text/plain", body) is None


def test_hook_flash_has_a_type_of_its_own() -> None:
    assert parse(HOOK_FLASH, "") == (FLASH, DEFAULT_MS)


@given(st.sampled_from([RELAY, BARE, HOOK_FLASH, "x/y", ""]), st.text(max_size=200))
def test_garbage_never_raises(kind: str, body: str) -> None:
    for text in (body, f"Signal={body}", f"Signal=1\nDuration={body}"):
        found = parse(kind, text)
        assert found is None or (found[0] in DIGITS + FLASH and 0 < found[1] <= MAX_MS)


@given(st.sampled_from(DIGITS + FLASH), st.integers(1, MAX_MS))
def test_what_we_write_we_read(digit: str, duration_ms: int) -> None:
    assert parse(RELAY, render(digit, duration_ms)) == (digit, duration_ms)


@pytest.mark.parametrize("body", ["\n" * 15000, " " * 15000, "a " * 7500, "=" * 15000, "Signal=" + " " * 15000 + "x y"])
def test_a_hostile_body_is_read_in_no_time(body: str) -> None:
    began_s = time.perf_counter()
    parse(RELAY, body)
    assert time.perf_counter() - began_s < 0.1
