# SPDX-License-Identifier: GPL-3.0-or-later
"""A seed that is wrong is refused whole, with one line per problem that names the key."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.store import SeedError
from b2bua.store.seed import check

A = "a" * 32


def account(**more: Any) -> dict[str, Any]:
    return {"accounts": [{"id": A, "name": "Alpha", **more}]}


@pytest.mark.parametrize(("document", "line"), [
    (None, r"\(whole file\): must be a mapping"),
    ({}, r"accounts: Field required"),
    ({"accounts": [], "users": []}, r"users: Extra inputs"),
    ({"accounts": [{"id": "A" * 32}]}, r"accounts\.0\.id = 'AAA"),
    ({"accounts": [{"name": "x"}]}, r"accounts\.0\.id: Field required"),
    (account(devices=[{"id": "d", "numbers": [1001]}]),
     r'accounts\.0\.devices\.0\.numbers\.0 = 1001: .*quotes: "1001"'),
    (account(devices=[{"id": "d", "sip": {"username": 12}}]), r"accounts\.0\.devices\.0\.sip\.username = 12"),
    (account(devices=[{"id": "d"}, {"id": "d"}]), r"accounts\.0\.devices\.1\.id = 'd': is also the id of"),
    (account(devices=[{"id": "d"}], users=[{"id": "d"}]), r"users\.0\.id = 'd': is also the id of"),
    (account(devices=[{"id": "d", "numbers": ["1"]}, {"id": "e", "numbers": ["1"]}]), r"devices\.1\.numbers = '1'"),
    (account(devices=[{"id": "d", "owner_id": "nobody"}]), r"devices\.0\.owner_id = 'nobody': there is no such user"),
    (account(metaflows=[]), r"accounts\.0\.metaflows: "),
    (account(metaflows={"listen_on": "x"}), r"accounts\.0\.metaflows\.listen_on: Value not found"),
    (account(users=[{"id": "u", "metaflows": {"numbers": {"1": {}}}}]), r"users\.0\.metaflows\.numbers\.1\.module"),
    (account(api_key="short"), r"accounts\.0\.api_key: "),
    ({"accounts": [{"id": A}, {"id": A}]}, r"accounts\.1\.id"),
    ({"accounts": [{"id": A, "api_key": "12345678"}, {"id": "b" * 32, "api_key": "12345678"}]},
     r"accounts\.1\.api_key: is also the key of accounts\.0"),
])
def test_problems_are_named(document: Any, line: str) -> None:
    with pytest.raises(SeedError, match=line) as caught:
        check(document)
    assert len(caught.value.lines) == 1


def test_all_problems_at_once() -> None:
    with pytest.raises(SeedError) as caught:
        check({"accounts": [{"id": "x"}, {"id": "y"}]})
    assert len(caught.value.lines) == 2


def test_types_are_made_right_and_unknown_keys_kept() -> None:
    checked = check(account(timezone="UTC", metaflows={"digit_timeout": "800"}))
    assert checked == [{"id": A, "name": "Alpha", "timezone": "UTC", "metaflows": {"digit_timeout": 800}}]
