# SPDX-License-Identifier: GPL-3.0-or-later
"""Where calls go, and whose legs are whose (spec A.2)."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.directory import Directory
from b2bua.calls.headers import Headers, Party
from b2bua.calls.routing import asserted_party, direction, endpoint_of, route
from config.settings import Peer, Route

ONE, TWO = "1" * 32, "2" * 32
DIRECTORY = Directory.build([
    {"id": ONE, "metaflows": {"binding_digit": "*"}, "users": [{"id": "u1", "numbers": ["1001", "1000"]}],
     "devices": [{"id": "d1", "numbers": ["1001"], "owner_id": "u1", "sip": {"username": "phone1"}}]},
    {"id": TWO, "users": [{"id": "u2"}], "devices": [{"id": "d1", "numbers": ["1001"]}]}])


def peer(**more: Any) -> Peer:
    return Peer.model_validate({"uri": "sip:192.0.2.7", "account": ONE, **more})


def found(number: str, headers: dict[str, str] | None = None, **more: Any) -> tuple[str, str] | None:
    fields = Headers(tuple(headers.items())) if headers is not None else None
    endpoint = endpoint_of(DIRECTORY, peer(**more), number, fields)
    return (endpoint.account_id[0], endpoint.id) if endpoint is not None else None


def routes(*items: dict[str, str]) -> list[Route]:
    return [Route.model_validate(item) for item in items]


def test_the_first_route_that_matches_the_whole_number_wins() -> None:
    table = routes({"from": "pbx", "to": "emergency", "numbers": "11[02]"}, {"from": "trunk", "to": "pbx"},
                   {"from": "pbx", "to": "trunk", "numbers": r"0\d+"})
    assert route(table, "pbx", "112") == "emergency"
    assert route(table, "pbx", "0123") == "trunk"
    assert route(table, "trunk", "anything") == "pbx"
    assert route(table, "pbx", "1120") is None
    assert route(table, "nobody", "112") is None


@pytest.mark.parametrize(("number", "owner"), [
    ("1001", "d1"), ("phone1", "d1"), ("1000", "u1"), ("9999", None), ("", None)])
def test_A2_the_own_user_part_names_the_endpoint_and_a_device_wins(number: str, owner: str | None) -> None:
    assert found(number) == (("1", owner) if owner else None)


def test_A2_a_stranger_has_codes_only_where_the_peer_says_so() -> None:
    assert found("9999", anonymous="account") == ("1", ONE)
    assert found("", anonymous="account") == ("1", ONE)
    assert found("9999", account=None) is None


def test_A2_headers_of_a_trusted_peer_win_over_the_number() -> None:
    assert found("9999", {"X-Device-ID": "d1"}, trust_headers=True) == ("1", "d1")
    assert found("1001", {"X-User-ID": "u1"}, trust_headers=True) == ("1", "u1")
    assert found("1001", {"X-Account-ID": TWO}, trust_headers=True) == ("2", "d1")
    assert found("1", {"X-Account-ID": TWO, "X-User-ID": "u2"}, account=None, trust_headers=True) == ("2", "u2")
    assert found("1001", {"X-Device-ID": "none such"}, trust_headers=True) == ("1", "d1")


def test_A2_headers_of_any_other_peer_are_not_believed() -> None:
    assert found("9999", {"X-Device-ID": "d1", "X-Account-ID": ONE}) is None
    assert found("1001", {"X-Account-ID": TWO}) == ("1", "d1")
    assert found("1001", {"X-Account-ID": TWO}, account=None) is None


@pytest.mark.parametrize(("asserted", "trusted", "user"), [
    ("<sip:7@h>", True, "7"), ("<sip:7@h>", False, "2000"), ('"B, C" <sip:7@h>, <tel:+49>', True, "7"),
    ("sip:7@h, tel:8", True, "7"), ("<sip:h>", True, "2000"), ("", True, "2000"), ("rubbish", True, "2000"),
])
def test_RFC3325_who_is_asserted_counts_from_a_trusted_peer(asserted: str, trusted: bool, user: str) -> None:
    headers = Headers((("P-Asserted-Identity", asserted),))
    assert asserted_party(peer(trust_identity=trusted), headers, Party("", "2000", "sip:2000@h")).user == user


@pytest.mark.parametrize(("comes", "goes", "expected"), [
    ("trunk", "pbx", "inbound"), ("pbx", "trunk", "outbound"), ("pbx", "pbx", "internal"),
    ("trunk", "trunk", "transit")])
def test_the_direction_of_a_call(comes: str, goes: str, expected: str) -> None:
    assert direction({"trunk": peer(account=None), "pbx": peer()}, comes, goes) == expected
