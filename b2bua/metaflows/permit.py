# SPDX-License-Identifier: GPL-3.0-or-later
"""May this number be transferred to? Asked before anything moves, for codes, the API and REFER alike. SIP thread.

First the rules of the configuration, then the hook, which is asked elsewhere (never on this thread).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg
from config.transfers import Transfers

log = logging.getLogger(__name__)

Ask = Callable[[Mapping[str, Any]], Awaitable[int]]  # the HTTP status of the hook's answer


class ForbiddenError(Exception):
    """It may not; the SIP code and the reason, for people."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Permit:
    """The operator's answer.

    ask  sends the question to the hook; None: there is none
    """

    def __init__(self, rules: Transfers | None = None, ask: Ask | None = None) -> None:
        self._rules = rules or Transfers()
        self._ask = ask

    async def check(self, call: Call, leg: Leg, number: str) -> None:
        """Raises ForbiddenError, having told why (`transfer.refused`)."""
        try:
            self._by_rules(call, leg, number)
            if self._ask is not None and not await self._by_hook(self._ask, call, leg, number):
                raise ForbiddenError(403, "the transfer hook forbids it")
        except ForbiddenError as forbidden:
            call.publish("transfer.refused", leg_id=leg.id, code=forbidden.code, reason=str(forbidden))
            raise

    async def refusal(self, call: Call, leg: Leg, number: str) -> str | None:
        """Why it may not, for people; None: it may."""
        try:
            await self.check(call, leg, number)
        except ForbiddenError as forbidden:
            return str(forbidden)
        return None

    def _by_rules(self, call: Call, leg: Leg, number: str) -> None:
        rules = self._rules
        if call.transfers >= rules.max_per_call:
            raise ForbiddenError(482, f"{rules.max_per_call} transfers in this call already (transfers.max_per_call)")
        for one in (rules, rules.accounts.get(call.account_id or ""), rules.peers.get(leg.peer)):
            reason = one.refuse(number) if one is not None else None
            if reason is not None:
                raise ForbiddenError(403, reason)

    async def _by_hook(self, ask: Ask, call: Call, leg: Leg, number: str) -> bool:
        endpoint, other = leg.endpoint, call.other(leg)
        question = {"call_id": call.id, "leg_id": leg.id, "account_id": call.account_id, "peer": leg.peer,
                    "target": number, "transferor": leg.number, "transferee": other.number if other else None,
                    "endpoint_id": endpoint.id if endpoint else None}
        try:
            async with asyncio.timeout(self._rules.hook_timeout_s):
                status = await ask(question)
        except Exception as error:
            status = 0
            log.warning("call %s: the transfer hook gave no answer (%s); that %s", call.id, type(error).__name__,
                        "forbids" if self._rules.hook_fails == "closed" else "allows")
        if 200 <= status < 300:
            return True
        return status != 403 and self._rules.hook_fails == "open"
