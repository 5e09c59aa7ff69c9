# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users and devices by API."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

A, CHILD = "a" * 32, "c" * 32
BASE = f"/v2/accounts/{A}"
RECORD = {"numbers": {"9": {"module": "record_call"}}}


async def test_lists_are_short(inside: Running) -> None:
    assert (await inside.http.get(f"{BASE}/users")).json()["data"] == [
        {"id": "u1", "name": "Ada"}, {"id": "u2", "name": "Bo"}]
    assert (await inside.http.get(f"{BASE}/devices")).json()["data"][0] == {
        "id": "d1", "name": "Desk", "owner_id": "u1", "numbers": ["1001"], "username": "ada"}
    assert (await inside.http.get(f"{BASE}/children")).json()["data"] == [{"id": CHILD, "name": "Child"}]


async def test_a_device_from_put_to_delete(inside: Running) -> None:
    sent = {"name": "New", "numbers": ["1003"], "owner_id": "u1", "sip": {"username": "new"}, "metaflows": RECORD}
    answer = await inside.http.put(f"{BASE}/devices", json={"data": sent})
    made = answer.json()["data"]
    assert answer.status_code == 201
    assert answer.json()["revision"].startswith("1-")
    assert made["metaflows"]["binding_digit"] == "*"
    path = f"{BASE}/devices/{made['id']}"
    endpoint = (await inside.store.directory()).by_number(A, "1003")
    assert endpoint is not None
    assert (endpoint.id, endpoint.metaflows) == (made["id"], (RECORD,))
    assert (await inside.http.get(path)).json()["data"] == made
    assert (await inside.http.delete(path)).json()["data"]["name"] == "New"
    assert (await inside.http.get(path)).status_code == 404
    assert (await inside.store.directory()).by_number(A, "1003") is None


async def test_post_replaces_and_drops_metaflows_that_are_not_sent(inside: Running) -> None:
    await inside.http.post(f"{BASE}/users/u1/metaflows", json={"data": RECORD})
    answer = await inside.http.post(f"{BASE}/users/u1", json={"data": {"name": "Ada L"}})
    assert answer.json()["data"] == {"id": "u1", "name": "Ada L"}
    assert (await inside.http.get(f"{BASE}/users/u1/metaflows")).json()["data"] == {}


async def test_patch_merges_at_every_depth_and_null_removes(inside: Running) -> None:
    await inside.http.post(f"{BASE}/devices/d1/metaflows", json={"data": RECORD})
    patch = {"name": None, "sip": {"password": "p"}, "metaflows": {"numbers": {"8": {"module": "hangup"}}}}
    answer = await inside.http.patch(f"{BASE}/devices/d1", json={"data": patch})
    assert answer.status_code == 400
    assert "required" in answer.json()["data"]["name"]
    answer = await inside.http.patch(f"{BASE}/devices/d1", json={"data": {**patch, "name": "Desk 2"}})
    data = answer.json()["data"]
    assert (data["name"], data["sip"]) == ("Desk 2", {"username": "ada", "password": "p"})
    assert list(data["metaflows"]["numbers"]) == ["9", "8"]
    answer = await inside.http.patch(f"{BASE}/devices/d1", json={"data": {"metaflows": {"numbers": {"9": None}}}})
    assert list(answer.json()["data"]["metaflows"]["numbers"]) == ["8"]


@pytest.mark.parametrize(("data", "path", "code"), [
    ({}, "name", "required"), ({"name": 1}, "name", "type"), ({"name": ""}, "name", "minLength"),
    ({"name": "x" * 129}, "name", "maxLength"), ({"name": "x", "numbers": "1"}, "numbers", "type"),
    ({"name": "x", "numbers": [1]}, "numbers.0", "type"), ({"name": "x", "sip": []}, "sip", "type"),
    ({"name": "x", "sip": {"username": 1}}, "sip.username", "type"),
    ({"name": "x", "owner_id": "nobody"}, "owner_id", "not_found"),
    ({"name": "x", "numbers": ["1001"]}, "numbers", "unique"),
    ({"name": "x", "sip": {"username": "ada"}}, "sip.username", "unique"),
    ({"name": "x", "numbers": ["1\x00"]}, "numbers.0", "pattern"),
    ({"name": "x", "sip": {"username": "\ud800"}}, "sip.username", "pattern"),
    ({"name": "x", "metaflows": {"listen_on": "x"}}, "metaflows.listen_on", "enum"),
    ({"name": "x", "metaflows": 1}, "metaflows", "type")])
async def test_a_wrong_device_is_refused(inside: Running, data: dict[str, Any], path: str, code: str) -> None:
    answer = await inside.http.put(f"{BASE}/devices", content=json.dumps({"data": data}))
    assert answer.status_code == 400
    assert code in answer.json()["data"][path]


async def test_a_user_needs_a_name_of_one_kind(inside: Running) -> None:
    answer = await inside.http.put(f"{BASE}/users", json={"data": {}})
    assert set(answer.json()["data"]) == {"first_name", "last_name"}
    for data in ({"name": "x"}, {"first_name": "x", "last_name": "y"}):
        assert (await inside.http.put(f"{BASE}/users", json={"data": data})).status_code == 201


async def test_a_new_account_has_its_own_key_and_obeys_its_parent(inside: Running) -> None:
    for path in ("/v2/accounts", BASE):
        answer = await inside.http.put(path, json={"data": {"name": "New", "realm": "new.example"}})
        made = answer.json()["data"]
        assert answer.status_code == 201
        below = f"/v2/accounts/{made['id']}"
        assert (await inside.http.get(below)).json()["data"]["name"] == "New"
        assert "api_key" not in (await inside.http.get(below)).json()["data"]
        token = await inside.token(made["api_key"])
        assert (await inside.http.get(below, headers={"X-Auth-Token": token})).status_code == 200
        assert (await inside.http.get(BASE, headers={"X-Auth-Token": token})).status_code == 403
        assert (await inside.http.delete(below)).status_code == 200
        assert (await inside.http.get(below)).status_code == 404
        assert (await inside.http.get(below, headers={"X-Auth-Token": token})).status_code == 401


async def test_an_account_with_others_below_it_stays(inside: Running) -> None:
    answer = await inside.http.delete(BASE)
    assert (answer.status_code, answer.json()["message"]) == (409, "account_has_descendants")
    assert (await inside.http.get(f"{BASE}/children")).json()["data"][0]["id"] == CHILD


async def test_who_saves_first_has_the_number(inside: Running) -> None:
    answers = await asyncio.gather(*(inside.http.put(f"{BASE}/devices", json={"data": {
        "name": f"n{index}", "numbers": ["1005"]}}) for index in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400, 400]
    refused = next(answer.json() for answer in answers if answer.status_code == 400)
    assert refused["message"] == "validation error"
    assert refused["data"]["numbers"]["unique"]["value"] == "1005"


async def test_the_id_and_the_key_cannot_be_set(inside: Running) -> None:
    sent = {"name": "Alpha", "id": CHILD, "api_key": "mine-mine-mine", "parent": CHILD, "users": []}
    answer = await inside.http.post(BASE, json={"data": sent})
    assert answer.json()["data"] == {"id": A, "name": "Alpha"}
    assert (await inside.http.put("/v2/api_auth", json={"data": {"api_key": "mine-mine-mine"}})).status_code == 401
    assert len((await inside.http.get(f"{BASE}/users")).json()["data"]) == 2


async def test_a_new_key_ends_the_old_one_and_its_tokens(inside: Running) -> None:
    answer = await inside.http.put(f"{BASE}/api_key", json={"data": {}})
    assert (await inside.http.get(BASE)).status_code == 401
    await inside.login(answer.json()["data"]["api_key"])
    assert (await inside.http.get(BASE)).status_code == 200


async def test_a_removed_owner_takes_their_metaflows_along(inside: Running) -> None:
    await inside.http.post(f"{BASE}/users/u1/metaflows", json={"data": RECORD})
    await inside.http.delete(f"{BASE}/users/u1")
    endpoint = (await inside.store.directory()).by_id(A, "d1")
    assert endpoint is not None
    assert endpoint.metaflows == ()


async def test_an_owner_that_has_gone_hinders_no_other_change(inside: Running) -> None:
    await inside.http.delete(f"{BASE}/users/u1")
    answer = await inside.http.patch(f"{BASE}/devices/d1", json={"data": {"name": "Hall"}})
    assert answer.status_code == 200, answer.text
    answer = await inside.http.patch(f"{BASE}/devices/d1", json={"data": {"owner_id": "u9"}})
    assert answer.json()["data"]["owner_id"]["not_found"]["value"] == "u9"
