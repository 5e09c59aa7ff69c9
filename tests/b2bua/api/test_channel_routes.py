# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels: rows F107-F111 as far as the API decides them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from b2bua.api import ActResult

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

A, CHILD = "a" * 32, "c" * 32
CHANNELS = f"/v2/accounts/{A}/channels"
LEG = {"uuid": "leg-1@pbx", "owner_id": "u1", "authorizing_id": "d1", "other_leg_call_id": "leg-2@pbx"}
LONELY = {"uuid": "leg-3", "authorizing_id": "d2"}


@pytest.fixture
async def busy(inside: Running) -> Running:
    """Account A with a call of u1's desk phone, and a leg that is not bridged; a leg of another account."""
    inside.live.legs = {A: [LEG, LONELY], CHILD: [{"uuid": "leg-9"}]}
    return inside


async def test_lists(busy: Running) -> None:
    async def uuids(path: str) -> list[str]:
        return [leg["uuid"] for leg in (await busy.http.get(path)).json()["data"]]
    assert await uuids(CHANNELS) == ["leg-1@pbx", "leg-3"]
    assert await uuids(f"/v2/accounts/{A}/users/u1/channels") == ["leg-1@pbx"]
    assert await uuids(f"/v2/accounts/{A}/devices/d2/channels") == ["leg-3"]
    assert (await busy.http.get(f"{CHANNELS}/leg-1@pbx")).json()["data"] == LEG
    assert (await busy.http.get(f"/v2/accounts/{A}/users/nobody/channels")).status_code == 404


@pytest.mark.parametrize(("action", "data"), [
    ("transfer", {"target": "1002"}), ("hangup", {}), ("break", {}), ("callflow", {"id": "x"}),
    ("intercept", {"target_type": "device", "target_id": "d2"})])
@pytest.mark.parametrize("where", ["data", "query", "envelope"])
async def test_F107_actions_are_told_to_the_leg_and_answered(
        busy: Running, action: str, data: dict[str, Any], where: str) -> None:
    body: dict[str, Any] = {"data": data}
    if where == "data":
        body = {"data": {**data, "action": action}}
    elif where == "envelope":
        body["action"] = action
    answer = await busy.http.post(f"{CHANNELS}/leg-1@pbx", json=body,
                                  params={"action": action} if where == "query" else {})
    assert (answer.status_code, answer.json()["data"]) == (200, f"{action} initiated")
    account, leg, told, sent = busy.live.told[0]
    assert (account, leg, told) == (A, "leg-1@pbx", action)
    assert {**sent, **data} == sent


async def test_F107_the_action_in_data_wins_then_the_querys_then_the_envelopes(busy: Running) -> None:
    path = f"{CHANNELS}/leg-1@pbx"
    await busy.http.post(path, json={"data": {"action": "break"}, "action": "hangup"}, params={"action": "hangup"})
    await busy.http.post(path, json={"data": {}, "action": "hangup"}, params={"action": "break"})
    assert [told[2] for told in busy.live.told] == ["break", "break"]


@pytest.mark.parametrize(("sent", "want"), [
    ({}, "blind"), ({"transfer-type": "attended"}, "attended"), ({"Transfer-Type": "attended"}, "attended"),
    ({"transfer_type": "attended"}, "attended")])
async def test_F107_transfer_type_by_any_of_its_names(busy: Running, sent: dict[str, str], want: str) -> None:
    await busy.http.post(f"{CHANNELS}/leg-1@pbx", json={"data": {"action": "transfer", "target": "1", **sent}})
    assert busy.live.told[0][3] == {"target": "1", "transfer_type": want}


async def test_F108_transfer_needs_a_partner_and_a_target(busy: Running) -> None:
    answer = await busy.http.post(f"{CHANNELS}/leg-3", json={"data": {"action": "transfer", "target": "1"}})
    assert answer.status_code == 400
    assert answer.json()["data"] == {"other_leg_call_id": {"required": {"message": "Channel is not bridged"}}}
    answer = await busy.http.post(f"{CHANNELS}/leg-1@pbx", json={"data": {"action": "transfer"}})
    assert answer.json()["data"] == {"target": {"required": {"message": "No target destination specified"}}}
    assert busy.live.told == []


async def test_F108_intercept_needs_type_and_id(busy: Running) -> None:
    answer = await busy.http.post(f"{CHANNELS}/leg-1@pbx", json={"data": {"action": "intercept", "target_id": "x"}})
    assert answer.json()["data"] == {"target_type": {"required": {"message": "No target type specified"}}}
    answer = await busy.http.post(f"{CHANNELS}/leg-1@pbx", json={"data": {"action": "intercept", "target_type": "x"}})
    assert answer.json()["data"] == {"target_id": {"required": {"message": "No target id specified"}}}


@pytest.mark.parametrize("verb", ["POST", "PUT"])
async def test_other_actions_are_invalid_data(busy: Running, verb: str) -> None:
    for data in ({}, {"action": "dance"}, []):
        answer = await busy.http.request(verb, f"{CHANNELS}/leg-1@pbx", json={"data": data})
        assert (answer.status_code, answer.json()["message"]) == (400, "invalid data")


@pytest.mark.parametrize("where", ["envelope", "data"])
async def test_F109_put_metaflow_sends_the_whole_tree(busy: Running, where: str) -> None:
    node: dict[str, Any] = {"module": "hold", "children": {"_": {"module": "hangup"}}}
    body = {"data": node, "action": "metaflow"} if where == "envelope" else {"data": {**node, "action": "metaflow"}}
    answer = await busy.http.put(f"{CHANNELS}/leg-1@pbx", json=body)
    assert (answer.status_code, answer.json()["data"]) == (201, "metaflow sent")
    assert busy.live.told == [(A, "leg-1@pbx", "metaflow", node)]


async def test_F109_a_wrong_node_is_400_and_told_to_nobody(busy: Running) -> None:
    body = {"data": {"module": "foo"}, "action": "metaflow"}
    answer = await busy.http.put(f"{CHANNELS}/leg-1@pbx", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, "validation error")
    assert busy.live.told == []


@pytest.mark.parametrize("uuid", ["nothing", "leg-9"])
async def test_F110_unknown_or_foreign_channel_is_404_with_its_id(busy: Running, uuid: str) -> None:
    for verb in ("GET", "POST", "PUT"):
        answer = await busy.http.request(verb, f"{CHANNELS}/{uuid}", json={"data": {"action": "hangup"}})
        assert answer.status_code == 404
        assert (answer.json()["message"], answer.json()["data"]) == ("bad identifier", [uuid])


@pytest.mark.parametrize(("result", "status", "text"), [
    (ActResult("refused", "the leg is being transferred"), 400, "the leg is being transferred"),
    (ActResult("refused", errors={"id": {"required": {"message": "No number"}}}), 400, "No number"),
    (ActResult("busy"), 503, "did not answer in time"),
    (ActResult("unknown"), 404, "leg-1@pbx")])
async def test_F111_what_cannot_be_done_is_said(busy: Running, result: ActResult, status: int, text: str) -> None:
    busy.live.result = result
    answer = await busy.http.post(f"{CHANNELS}/leg-1@pbx", json={"data": {"action": "hangup"}})
    assert answer.status_code == status
    assert text in answer.text
