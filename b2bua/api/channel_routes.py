# SPDX-License-Identifier: GPL-3.0-or-later
"""Live calls: list and look at legs, and act on one (metaflows.md 6.6). An action runs or is refused, always."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from b2bua.api import envelope as crossbar
from b2bua.api.envelope import Asked, Refused
from b2bua.api.front import asked_of
from b2bua.api.live import ActResult, LiveCalls
from b2bua.api.metaflow_routes import checked_metaflows
from b2bua.metaflows.modules import MODULES

ThisRequest = Annotated[Asked, Depends(asked_of)]
ACTIONS = tuple(MODULES)
WITH_ACTION = frozenset(name for name, module in MODULES.items() if "action" in module.model.model_fields)
WAIT_MAX_S = 60.0
OWN_KEYS = ("action",)
KAZOOS = ("transfer", "hangup", "break", "callflow", "intercept")  # their data is taken as KAZOO takes it


def channel_routes(live: LiveCalls) -> APIRouter:
    """The routes below an account, its users and its devices."""
    router = APIRouter(prefix="/v2/accounts/{account_id}", tags=["channels"])

    @router.get("/channels")
    async def channels(asked: ThisRequest, account_id: str) -> Response:
        """Every leg of the account's calls."""
        return asked.answer(await live.channels(account_id))

    @router.get("/users/{user_id}/channels")
    async def user_channels(asked: ThisRequest, account_id: str, user_id: str) -> Response:
        """The legs of a user: their own, and those of devices they own."""
        legs = await live.channels(account_id)
        return asked.answer([leg for leg in legs if user_id in (leg.get("owner_id"), leg.get("authorizing_id"))])

    @router.get("/devices/{device_id}/channels")
    async def device_channels(asked: ThisRequest, account_id: str, device_id: str) -> Response:
        """The legs of a device."""
        return asked.answer([leg for leg in await live.channels(account_id) if leg.get("authorizing_id") == device_id])

    _one_channel(router, live)
    _parked(router, live)
    return router


def _one_channel(router: APIRouter, live: LiveCalls) -> None:
    @router.get("/channels/{uuid}")
    async def channel(asked: ThisRequest, account_id: str, uuid: str) -> Response:
        """One leg, by its SIP Call-ID."""
        return asked.answer(await _leg(live, account_id, uuid))

    @router.post("/channels/{uuid}")
    async def act(asked: ThisRequest, account_id: str, uuid: str) -> Response:
        """Any module by its name: KAZOO's transfer, hangup, break, callflow, intercept, and all others of ours.

        Query `wait` (seconds, at most 60): the answer has how it ended.
        """
        leg = await _leg(live, account_id, uuid)
        action, data = _asked_action(asked)
        if action not in ACTIONS:
            raise Refused(400, "invalid data", _no_action(action))
        _check(action, data, leg)
        wait_s = _wait(asked)
        result = await _told(live, account_id, uuid, action, data, wait_s)
        return asked.answer(ended(action, result) if wait_s else f"{action} initiated")

    @router.put("/channels/{uuid}", status_code=201)
    async def run(asked: ThisRequest, account_id: str, uuid: str) -> Response:
        """action `metaflow`: run a node with its children on this leg."""
        await _leg(live, account_id, uuid)
        sent = asked.data if isinstance(asked.data, dict) else {}
        action = asked.envelope.get("action") or sent.get("action")
        if action != "metaflow":
            raise Refused(400, "invalid data", _no_action(action))
        node = {key: value for key, value in sent.items() if key != "action"}
        wait_s = _wait(asked)
        result = await _told(live, account_id, uuid, "metaflow", checked_metaflows(node, "metaflow").sent, wait_s)
        return asked.answer(ended("metaflow", result) if wait_s else "metaflow sent", status=201)


def _parked(router: APIRouter, live: LiveCalls) -> None:
    @router.get("/parked")
    async def parked(asked: ThisRequest, account_id: str) -> Response:
        """Who waits at which place."""
        return asked.answer(await live.parked(account_id))

    @router.post("/parked/{slot}")
    async def fetch(asked: ThisRequest, account_id: str, slot: str) -> Response:
        """Ring a device, a user or a number (target_type, target_id); whoever answers has the parked party."""
        uuid = next((stay["call_id"] for stay in await live.parked(account_id) if stay["slot"] == slot), None)
        if uuid is None:
            raise unknown_channel(slot)
        data = dict(asked.data) if isinstance(asked.data, dict) else {}
        _check("intercept", data, {})
        wait_s = _wait(asked)
        result = await _told(live, account_id, uuid, "intercept", data, wait_s)
        return asked.answer(ended("unpark", result) if wait_s else "unpark initiated")


async def _leg(live: LiveCalls, account_id: str, uuid: str) -> Mapping[str, Any]:
    leg = await live.channel(account_id, uuid)
    if leg is None:
        raise unknown_channel(uuid)
    return leg


def unknown_channel(uuid: str) -> Refused:
    """404, for another account's leg too."""
    return Refused(404, "bad identifier", [uuid])


def _asked_action(asked: Asked) -> tuple[Any, dict[str, Any]]:
    """POST looks for the action in data, then in the query, then in the envelope.

    A module whose data has an `action` of its own (record_call, hold_control) is named in query or envelope.
    """
    data = asked.data if isinstance(asked.data, dict) else {}
    named = asked.query.get("action") or asked.envelope.get("action")
    if isinstance(named, str) and named in WITH_ACTION:
        return named, dict(data)
    return data.get("action") or named, {key: value for key, value in data.items() if key not in OWN_KEYS}


def _wait(asked: Asked) -> float:
    """raises Refused"""
    text = asked.query.get("wait", "0")
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3})?", text) or float(text) > WAIT_MAX_S:
        raise crossbar.invalid({"wait": {"error": {"message": f"not a number of seconds up to {WAIT_MAX_S:g}",
                                                   "value": text}}})
    return float(text)


def ended(action: str, result: ActResult) -> dict[str, str]:
    """What came of it; `running` where it still does."""
    return {"action": action, "outcome": result.ended or "running", "reason": result.reason}


def _no_action(action: Any) -> dict[str, Any]:
    if action is None:
        return {"action": {"required": {"message": "Field is required but missing"}}}
    return {"action": {"enum": {"message": "Value not found in enumerated list of values",
                                "target": [*ACTIONS, "metaflow"], "value": action}}}


def _check(action: str, data: dict[str, Any], leg: Mapping[str, Any]) -> None:
    """What KAZOO checks before it sends anything. raises Refused"""
    def required(key: str, message: str) -> Refused:
        return crossbar.invalid({key: {"required": {"message": message}}})
    if action == "transfer":
        if not leg.get("other_leg_call_id"):
            raise required("other_leg_call_id", "Channel is not bridged")
        if not isinstance(data.get("target"), str) or not data["target"]:
            raise required("target", "No target destination specified")
        kind = next((data.pop(key) for key in ("transfer-type", "Transfer-Type") if key in data), "blind")
        data.setdefault("transfer_type", kind)
    if action not in KAZOOS:
        checked_metaflows({"module": action, "data": data}, "metaflow")
    if action == "intercept":
        for key, message in (("target_type", "No target type specified"), ("target_id", "No target id specified")):
            if not isinstance(data.get(key), str) or not data[key]:
                raise required(key, message)


async def _told(live: LiveCalls, account_id: str, uuid: str, action: str, data: Mapping[str, Any],
                wait_s: float = 0.0) -> ActResult:
    """Returns when it runs, or has ended. raises Refused, with the reason, when it does not run"""
    result = await live.act(account_id, uuid, action, data, wait_s)
    match result.outcome:
        case "started":
            return result
        case "unknown":
            raise unknown_channel(uuid)
        case "busy":
            raise Refused(503, "datastore timeout", {"message": result.reason or "the SIP side did not answer in time"})
    if result.errors:
        raise crossbar.invalid(result.errors)
    raise Refused(400, "invalid data", {"message": result.reason or "the action cannot be done now"})
