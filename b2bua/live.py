# SPDX-License-Identifier: GPL-3.0-or-later
"""Live calls for the API: questions and commands go to the SIP loop as coroutines, answers come back as plain data."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from b2bua.api.live import ActResult
from b2bua.calls import reason as reasons
from b2bua.calls.call import Call
from b2bua.calls.exchange import Exchange
from b2bua.calls.leg import Leg
from b2bua.metaflows.context import Outcome, Parts
from b2bua.metaflows.executor import report_node

log = logging.getLogger(__name__)

ANSWER_LIMIT_S = 2.0  # the SIP thread answers within a few ms, or something is wrong
INSTANT_S = 0.05  # what is refused at once is refused within this
T = TypeVar("T")


class Live:
    """Implements the API's LiveCalls over the SIP loop. Called on the API loop."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop, parts: Parts) -> None:
        self._exchange = exchange
        self._loop = loop
        self._parts = parts

    async def _on_sip(self, work: Coroutine[Any, Any, T], wait_s: float = 0.0) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        async with asyncio.timeout(ANSWER_LIMIT_S + wait_s):
            return await asyncio.wrap_future(future)

    async def channels(self, account_id: str) -> list[dict[str, Any]]:
        """Every leg of the account's calls."""
        return await self._on_sip(self._channels(account_id))

    async def _channels(self, account_id: str) -> list[dict[str, Any]]:
        return [describe(call, leg) for call in self._exchange.calls.values() if call.account_id == account_id
                for leg in call.legs]

    async def channel(self, account_id: str, leg_id: str) -> dict[str, Any] | None:
        """One leg, if it is the account's."""
        return await self._on_sip(self._channel(account_id, leg_id))

    async def _channel(self, account_id: str, leg_id: str) -> dict[str, Any] | None:
        found = self._find(account_id, leg_id)
        return describe(*found) if found else None

    def _find(self, account_id: str, leg_id: str) -> tuple[Call, Leg] | None:
        found = self._exchange.find(leg_id)
        return found if found is not None and found[0].account_id == account_id else None

    async def act(self, account_id: str, leg_id: str, action: str, data: Mapping[str, Any],
                  wait_s: float = 0.0) -> ActResult:
        """Run a module (or, for `metaflow`, a whole node) on a leg, and wait so long for its end."""
        try:
            return await self._on_sip(self._act(account_id, leg_id, action, data, wait_s), wait_s)
        except TimeoutError:
            return ActResult("busy", "the SIP thread did not answer in time")

    async def parked(self, account_id: str) -> list[dict[str, Any]]:
        """Who waits at which place of the account."""
        return await self._on_sip(self._parked(account_id))

    async def _parked(self, account_id: str) -> list[dict[str, Any]]:
        lot = self._parts.lot
        return [dict(stay.describe()) for stay in lot.of(account_id)] if lot is not None else []

    async def _act(self, account_id: str, leg_id: str, action: str, data: Mapping[str, Any],
                   wait_s: float) -> ActResult:
        found = self._find(account_id, leg_id)
        if found is None:
            return ActResult("unknown")
        call, leg = found
        if call.is_over:
            return ActResult("refused", "the call is ending")
        if action == "hangup":
            leg.hangup(reasons.METAFLOW_HANGUP)
            return ActResult("started", ended=Outcome.DONE.value)
        node = dict(data) if action == "metaflow" else {"module": action, "data": dict(data)}
        return await self._run(call, leg, node, wait_s)

    async def _run(self, call: Call, leg: Leg, node: Mapping[str, Any], wait_s: float) -> ActResult:
        """Start the node; what it cannot do at all it says within an instant, and that is told to the caller.

        Who waits is told of a failure as of any other end, however soon it comes.
        """
        work = self._loop.create_task(report_node(call, leg, node, self._parts))
        await asyncio.wait([work], timeout=INSTANT_S)
        refused = {Outcome.UNAVAILABLE, Outcome.ERROR} | (set() if wait_s else {Outcome.FAILED})
        if work.done() and work.result().outcome in refused:
            return ActResult("refused", work.result().reason or f"{node.get('module')}: {work.result().outcome.value}")
        if wait_s and not work.done():
            await asyncio.wait([work], timeout=wait_s)
        return ActResult("started", work.result().reason, ended=work.result().outcome.value) if work.done() \
            else ActResult("started")


def describe(call: Call, leg: Leg) -> dict[str, Any]:
    """A leg in KAZOO's words, and in ours."""
    other = call.other(leg)
    return {
        "uuid": leg.id, "call_id": leg.id, "interaction_id": call.id, "other_leg": other.id if other else None,
        "other_leg_call_id": other.id if other else None,
        "direction": leg.direction, "answered": call.answered_s is not None, "channel_state": call.state.value,
        "from": call.invite.caller.uri, "to": call.invite.number, "timestamp": round(call.began_at_s),
        "authorizing_id": leg.endpoint.id if leg.endpoint else None,
        "authorizing_type": leg.endpoint.kind if leg.endpoint else None,
        "owner_id": leg.endpoint.owner_id if leg.endpoint else None, "presence_id": leg.number,
        "peer": leg.peer, "path": call.path.kind, "codec": leg.codec, "leg_state": leg.state.value,
        "on_hold": call.holding is not None and leg in call.holding.held,
    }
