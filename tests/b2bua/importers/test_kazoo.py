# SPDX-License-Identifier: GPL-3.0-or-later
"""A KAZOO account export becomes accounts of ours; what stays behind is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from b2bua.importers import ImportRefused, read
from b2bua.store.seed import check

A = "0123456789abcdef0123456789abcdef"
PVT = {"_rev": "1-a", "pvt_account_id": A, "pvt_account_db": "account%2F01", "pvt_created": 1}
HANGUP = {"module": "hangup", "data": {}}
EXPORT: list[dict[str, Any]] = [
    {**PVT, "_id": A, "pvt_type": "account", "name": "Example", "realm": "example.org", "pvt_api_key": "k" * 64,
     "pvt_tree": ["f" * 32], "metaflows": {"binding_digit": "#", "numbers": {"8": HANGUP}}},
    {**PVT, "_id": "u1", "pvt_type": "user", "first_name": "Ada", "last_name": "L", "username": "ada", "metaflows": {
        "binding_digit": "*", "numbers": {"9": {"module": "record_call", "data": {"action": "toggle"}}}}},
    {**PVT, "_id": "d1", "pvt_type": "device", "name": "Desk", "owner_id": "u1", "sip": {"username": "desk"}},
    {**PVT, "_id": "d2", "pvt_type": "device", "name": "Hall", "owner_id": "gone"},
    {**PVT, "_id": "c1", "pvt_type": "callflow", "numbers": ["1001", "+15551001"],
     "flow": {"module": "user", "data": {"id": "u1"}}},
    {**PVT, "_id": "c2", "pvt_type": "callflow", "numbers": ["5"], "flow": {"module": "menu", "data": {}}},
    {**PVT, "_id": "u9", "pvt_type": "user", "pvt_deleted": True},
    {**PVT, "_id": "m1", "pvt_type": "media"}, {**PVT, "_id": "m2", "pvt_type": "media"},
    {"_id": "_design/devices", "views": {}},
]
SHAPES = [EXPORT, {"docs": EXPORT}, {"rows": [{"id": one["_id"], "doc": one} for one in EXPORT]}, {"data": EXPORT}]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dumps", [json.dumps, yaml.safe_dump])
def test_an_export_becomes_a_good_seed(shape: Any, dumps: Any) -> None:
    imported = read(dumps(shape))
    (account,) = check({"accounts": imported.accounts})
    assert (imported.kind, account["id"], account["realm"], account["api_key"]) == ("kazoo", A, "example.org", "k" * 64)
    assert (account["users"][0]["name"], account["users"][0]["numbers"]) == ("Ada L", ["1001", "+15551001"])
    assert [device["id"] for device in account["devices"]] == ["d1", "d2"]
    assert not [key for key in (*account, *account["users"][0]) if key.startswith(("_", "pvt_"))]


def test_what_is_skipped_is_said() -> None:
    skipped = "\n".join(read(json.dumps(EXPORT)).skipped)
    for part in ("1 deleted user document", "2 media documents", "1 design document", "callflow c2", "owner gone"):
        assert part in skipped


def test_B22_a_stored_default_digit_does_not_beat_the_accounts() -> None:
    imported = read(json.dumps(EXPORT))
    assert "binding_digit" not in imported.accounts[0]["users"][0]["metaflows"]
    assert any("binding_digit" in line for line in imported.changed)


def test_codes_that_cannot_be_stored_are_left_out_one_by_one() -> None:
    broken = {"numbers": {"1": HANGUP, "2": {"module": "nonsense"}, "*3": HANGUP},
              "patterns": {"(": HANGUP, "^4.5$": {"module": "hold_control", "data": {"action": "x"}}, "^6$": HANGUP},
              "digit_timeout": -1, "kept": True}
    imported = read(json.dumps([{"_id": A, "pvt_type": "account", "name": "X", "metaflows": broken}]))
    (account,) = check({"accounts": imported.accounts})
    assert account["metaflows"] == {"numbers": {"1": HANGUP}, "patterns": {"^6$": HANGUP}, "kept": True}
    assert len(imported.skipped) == 5
    assert any("metaflows.patterns.^4.5$" in line for line in imported.skipped)


def test_devices_without_the_accounts_own_document() -> None:
    imported = read(json.dumps([{**PVT, "_id": "d1", "pvt_type": "device", "name": "Desk"}]))
    assert [account["id"] for account in check({"accounts": imported.accounts})] == [A]
    assert read(json.dumps([{"_id": "d1", "pvt_type": "device"}])).skipped == ["device d1: it names no account"]


def test_documents_as_the_api_returns_them_are_told_by_their_keys() -> None:
    plain = [{key: value for key, value in one.items() if key != "pvt_type"} for one in EXPORT[:3]]
    account = read(json.dumps(plain)).accounts[0]
    assert (len(account["users"]), len(account["devices"])) == (1, 1)
    sent = [{"id": one["_id"], **{key: value for key, value in one.items() if key[0] != "_" and key[:4] != "pvt_"}}
            for one in EXPORT[:3]]  # private keys never leave Crossbar
    account = read(json.dumps(sent)).accounts[0]
    assert (account["id"], account["users"][0]["id"], account["devices"][0]["owner_id"]) == (A, "u1", "u1")


@pytest.mark.parametrize("numbers", ["1001", 5, {"a": 1}])
def test_a_callflow_whose_numbers_are_no_list_gives_none(numbers: Any) -> None:
    account = read(json.dumps([*EXPORT[:2], {**EXPORT[4], "numbers": numbers}])).accounts[0]
    assert account["users"][0].get("numbers", []) == []


@pytest.mark.parametrize("text", ["", "[]", "hello", "{}", "a: [", '{"data": {"x": 1}}', "3"])
def test_what_is_nothing_that_we_know_is_refused(text: str) -> None:
    with pytest.raises(ImportRefused):
        read(text)


def test_seeds_and_metaflows_are_recognised() -> None:
    assert read("accounts: []").kind == "seed"
    assert read('{"numbers": {"8": {"module": "hangup"}}}').metaflows == {"numbers": {"8": {"module": "hangup"}}}
    assert read('{"data": {"binding_digit": "#"}}').kind == "metaflows"
