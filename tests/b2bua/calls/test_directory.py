# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot of accounts, users and devices."""

from __future__ import annotations

from b2bua.calls.directory import Directory

ACCOUNT = "a" * 32
OWN, OF_USER, OF_DEVICE = {"numbers": {"1": {}}}, {"numbers": {"2": {}}}, {"numbers": {"3": {}}}
DIRECTORY = Directory.build([{
    "id": ACCOUNT, "name": "Acme", "metaflows": OWN,
    "users": [{"id": "u1", "name": "Ann", "metaflows": OF_USER, "numbers": [1000]}, {"id": "u2", "metaflows": None}],
    "devices": [
        {"id": "d1", "owner_id": "u1", "metaflows": OF_DEVICE, "numbers": ["1001"], "sip": {"username": "ann"}},
        {"id": "d2", "owner_id": "u1", "numbers": ["1001", "1002"], "sip": None},
        {"id": "d3", "owner_id": "deleted", "numbers": None, "metaflows": {}}],
}])


def documents(document_id: str) -> tuple[object, ...]:
    endpoint = DIRECTORY.by_id(ACCOUNT, document_id)
    assert endpoint is not None
    return endpoint.metaflows


def test_A3_documents_come_outermost_first_and_empty_ones_are_left_out() -> None:
    assert documents("d1") == (OWN, OF_DEVICE, OF_USER)
    assert documents("d2") == (OWN, OF_USER)
    assert documents("d3") == (OWN,)
    assert documents("u2") == (OWN,)
    assert documents(ACCOUNT) == (OWN,)


def test_numbers_and_user_names_find_endpoints_of_their_account_only() -> None:
    found = {number: DIRECTORY.by_number(ACCOUNT, number) for number in ("1000", "1001", "1002", "ann", "9")}
    assert {number: one.id if one else None for number, one in found.items()} == {
        "1000": "u1", "1001": "d1", "1002": "d2", "ann": "d1", "9": None}
    assert DIRECTORY.by_number("b" * 32, "1001") is None
    assert DIRECTORY.by_id("b" * 32, "d1") is None


def test_devices_and_numbers_of_an_endpoint() -> None:
    assert [device.id for device in DIRECTORY.devices_of(ACCOUNT, "u1")] == ["d1", "d2"]
    assert DIRECTORY.devices_of(ACCOUNT, "u2") == []
    assert DIRECTORY.numbers_of(ACCOUNT, "d1") == ["1001", "ann"]
    assert DIRECTORY.numbers_of(ACCOUNT, "d2") == ["1002"]  # the other number is d1's


def test_who_owns_what() -> None:
    owners = [DIRECTORY.by_id(ACCOUNT, name) for name in ("d1", "u1", ACCOUNT)]
    assert [one.owner_id if one else "nobody" for one in owners] == ["u1", "u1", None]


def test_an_empty_directory_knows_nobody() -> None:
    assert Directory().by_number(ACCOUNT, "1001") is None
    assert Directory().devices_of(ACCOUNT, "u1") == []


def test_a_change_of_one_account_leaves_the_endpoints_of_others_as_they_are() -> None:
    other = {"id": "b" * 32, "devices": [{"id": "d1", "numbers": ["1001"]}]}
    both = DIRECTORY.changed([other])
    assert both.by_id(ACCOUNT, "d1") == DIRECTORY.by_id(ACCOUNT, "d1")
    assert both.by_number("b" * 32, "1001") == both.by_id("b" * 32, "d1")
    assert DIRECTORY.by_id("b" * 32, "d1") is None
    without = both.changed([{**other, "devices": []}], gone=[ACCOUNT])
    assert list(without.accounts) == ["b" * 32]
    assert without.by_number("b" * 32, "1001") is None
    assert without.by_id(ACCOUNT, "d1") is None
