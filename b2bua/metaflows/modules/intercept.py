# SPDX-License-Identifier: GPL-3.0-or-later
"""intercept: another device or user takes the call over."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.calls.call import CallState
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data
from b2bua.metaflows.parking import stay_of
from b2bua.metaflows.takeover import AUTO_ANSWER, RING_S, Takeover
from b2bua.metaflows.targets import of_kind


class Intercept(Data):
    """Ring a device or a user, who then talks to the leg that typed."""

    auto_answer: bool = Field(False, description="ask the device to answer by itself")
    can_call_self: bool = Field(True, description="devices of the same user may ring")
    target_id: str | None = Field(None, description="id of the device or user, or a number")
    target_type: Literal["device", "user", "number"] | None = Field(None, description="what target_id names")
    unbridged_only: bool = Field(True, description="only where the leg talks to nobody")


async def run(context: Context, data: Intercept) -> Report:
    """The leg stays; whoever answers takes its partner's place.

    `unbridged_only` is KAZOO's default, and with it no code typed in a call could ever do anything: only where somebody
    has written `true` is a leg left alone that talks.
    """
    refusal = _why_not(context, data)
    if refusal is None and data.target_type == "number":
        refusal = await context.parts.permit.refusal(context.call, context.leg, data.target_id or "")
        refusal = refusal or _why_not(context, data)
    call, partner = context.call, context.call.other(context.leg)
    if refusal is not None or partner is None:
        return Report(Outcome.FAILED, refusal or "")
    targets = of_kind(context, data.target_type or "", data.target_id or "", (context.leg, partner))
    if not targets:
        return Report(Outcome.FAILED, f"there is no {data.target_type} of that id to ring")
    stay = stay_of(call, context.parts.lot)
    if stay is not None:
        return await stay.rung_for(targets, RING_S)
    return await Takeover(call, context.parts, partner, targets,
                          headers=AUTO_ANSWER if data.auto_answer else ()).run()


def _why_not(context: Context, data: Intercept) -> str | None:
    call, partner = context.call, context.call.other(context.leg)
    if data.target_type is None or data.target_id is None:
        return "target_type and target_id are needed"
    if partner is None or call.is_over or (context.leg is not call.a and call.state is not CallState.TALKING):
        return "this leg has no partner whose place could be taken"
    if call.is_guarded and stay_of(call, context.parts.lot) is None:
        return "the parties are being moved already"
    if "unbridged_only" in data.model_fields_set and data.unbridged_only and _talks(context):
        return "the leg talks to somebody (unbridged_only)"
    return None


def _talks(context: Context) -> bool:
    return context.call.state is CallState.TALKING and context.call.path.joined
