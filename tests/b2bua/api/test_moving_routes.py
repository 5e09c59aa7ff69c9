# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving people by REST: every module, waiting for its end, and parked parties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from b2bua.api import ActResult

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

A = "a" * 32
CHANNEL = f"/v2/accounts/{A}/channels/leg-1"
PARKED = f"/v2/accounts/{A}/parked"
STAY = {"slot": "701", "call_id": "leg-7"}


@pytest.fixture
async def busy(inside: Running) -> Running:
    """One leg, and one parked party."""
    inside.live.legs = {A: [{"uuid": "leg-1", "other_leg_call_id": "leg-2"}]}
    inside.live.stays = {A: [STAY]}
    return inside


@pytest.mark.parametrize(("action", "data"), [
    ("hold", {"moh_bleg": "x"}), ("resume", {}), ("move", {"dial_strategy": "single"}), ("park", {"slot": "5"}),
    ("unpark", {"slot": "5"}), ("pivot", {"voice_url": "http://192.0.2.1/x"}), ("break", {})])
async def test_F107_every_module_can_be_run_on_a_leg(busy: Running, action: str, data: dict[str, Any]) -> None:
    answer = await busy.http.post(CHANNEL, json={"data": {**data, "action": action}})
    assert (answer.status_code, answer.json()["data"]) == (200, f"{action} initiated")
    assert busy.live.told == [(A, "leg-1", action, data)]


async def test_a_module_with_an_action_of_its_own_is_named_outside_of_its_data(busy: Running) -> None:
    answer = await busy.http.post(CHANNEL, json={"action": "hold_control", "data": {"action": "hold"}})
    assert answer.status_code == 200
    assert busy.live.told == [(A, "leg-1", "hold_control", {"action": "hold"})]


@pytest.mark.parametrize(("action", "data"), [("hold", {"unhold_key": 5}), ("pivot", {}), ("move", {"device_id": []})])
async def test_wrong_data_is_400_and_told_to_nobody(busy: Running, action: str, data: dict[str, Any]) -> None:
    answer = await busy.http.post(CHANNEL, json={"data": data, "action": action})
    assert answer.status_code == 400
    assert busy.live.told == []


@pytest.mark.parametrize(("result", "outcome"), [
    (ActResult("started", "", ended="answered"), "answered"),
    (ActResult("started", "nobody answered", ended="failed"), "failed"), (ActResult("started"), "running")])
async def test_F107_who_waits_is_told_how_it_ended(busy: Running, result: ActResult, outcome: str) -> None:
    busy.live.result = result
    for method, body in (("POST", {"data": {"action": "move"}}),
                         ("PUT", {"action": "metaflow", "data": {"module": "move"}})):
        answer = await busy.http.request(method, CHANNEL, json=body, params={"wait": "30"})
        assert answer.json()["data"] == {"action": "move" if method == "POST" else "metaflow", "outcome": outcome,
                                         "reason": result.reason}
    assert busy.live.waited == [30.0, 30.0]


@pytest.mark.parametrize("wait", ["61", "-1", "x", "1e9"])
async def test_a_wait_has_a_limit(busy: Running, wait: str) -> None:
    answer = await busy.http.post(CHANNEL, json={"data": {"action": "move"}}, params={"wait": wait})
    assert (answer.status_code, "wait" in answer.json()["data"]) == (400, True)
    assert busy.live.told == []


async def test_parked_parties_are_listed_and_fetched(busy: Running) -> None:
    assert (await busy.http.get(PARKED)).json()["data"] == [STAY]
    answer = await busy.http.post(f"{PARKED}/701", json={"data": {"target_type": "device", "target_id": "d1"}})
    assert (answer.status_code, answer.json()["data"]) == (200, "unpark initiated")
    assert busy.live.told == [(A, "leg-7", "intercept", {"target_type": "device", "target_id": "d1"})]


async def test_fetching_from_an_empty_place_is_404_and_without_a_target_400(busy: Running) -> None:
    target = {"data": {"target_type": "device", "target_id": "d1"}}
    assert (await busy.http.post(f"{PARKED}/702", json=target)).status_code == 404
    assert (await busy.http.post(f"{PARKED}/701", json={"data": {}})).status_code == 400
