# SPDX-License-Identifier: GPL-3.0-or-later
"""Inheritance: user over device over account, leaf by leaf."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from b2bua.metaflows.documents import validate
from b2bua.metaflows.merge import merged


def test_F28_user_over_device_over_account_leaf_by_leaf() -> None:
    account = {"binding_digit": "*", "digit_timeout": 1000, "numbers": {"1": {"module": "hangup"}}}
    device = {"binding_digit": "#", "listen_on": "both", "numbers": {"2": {"module": "break"}}}
    user = {"binding_digit": "9", "numbers": {"3": {"module": "resume"}}}
    assert merged([account, device, user]) == {
        "binding_digit": "9", "digit_timeout": 1000, "listen_on": "both",
        "numbers": {"1": {"module": "hangup"}, "2": {"module": "break"}, "3": {"module": "resume"}}}


def test_F29_the_same_number_merges_deeply() -> None:
    account = {"numbers": {"1": {"module": "record_call", "data": {"action": "start"}}}}
    user = {"numbers": {"1": {"module": "transfer", "data": {"target": "100"}}}}
    assert merged([account, user]) == {
        "numbers": {"1": {"module": "transfer", "data": {"action": "start", "target": "100"}}}}


@pytest.mark.parametrize("value", [0, 0.0, "", "0", False, [], "NULL", "undefined"])
def test_F30_B21_a_value_that_is_present_overrides(value: Any) -> None:
    assert merged([{"digit_timeout": 5}, {"digit_timeout": value}])["digit_timeout"] == value


def test_A3_null_removes_what_was_inherited() -> None:
    account = {"binding_digit": "#", "numbers": {"1": {"module": "hangup"}, "2": {"module": "break"}}}
    assert merged([account, {"binding_digit": None, "numbers": {"1": None}}]) == {"numbers": {"2": {"module": "break"}}}
    assert merged([{"numbers": {"1": None}}]) == {"numbers": {}}


@pytest.mark.parametrize("empty", [{}, {"numbers": {}}, {"numbers": {"1": {}}}])
def test_F31_an_empty_object_clears_nothing(empty: dict[str, Any]) -> None:
    account = {"numbers": {"1": {"module": "hangup"}}}
    assert merged([account, empty]) == account


def test_arrays_are_replaced_whole() -> None:
    one, other = ({"data": {"terminators": digits}} for digits in (["1", "2"], ["#"]))
    assert merged([one, other]) == {"data": {"terminators": ["#"]}}


def test_key_order_is_account_then_device_then_user() -> None:
    things: list[dict[str, Any]] = [{"b": {}, "a": {}}, {"d": {}, "a": {"module": "x"}}, {"c": {}}]
    patterns = merged({"patterns": patterns} for patterns in things)["patterns"]
    assert list(patterns) == ["b", "a", "d", "c"]


def test_B22_a_default_that_nobody_sent_overrides_nothing() -> None:
    account, user = validate({"binding_digit": "#"}), validate({"numbers": {"1": {"module": "hangup"}}})
    assert merged([account.sent, user.sent])["binding_digit"] == "#"


def test_the_documents_are_not_changed_and_not_shared() -> None:
    documents: list[dict[str, Any]] = [{"numbers": {"1": {"module": "tts", "data": {"terminators": ["1"]}}}},
                                       {"numbers": {"1": {"data": {"text": "hi"}}}}]
    before = copy.deepcopy(documents)
    result = merged(documents)
    result["numbers"]["1"]["data"]["terminators"].append("2")
    assert documents == before


def test_an_empty_object_does_not_even_clear_a_value() -> None:
    assert merged([{"a": 1}, {"a": {}}]) == {"a": 1}
