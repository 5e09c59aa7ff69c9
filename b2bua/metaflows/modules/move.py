# SPDX-License-Identifier: GPL-3.0-or-later
"""move: the user goes on at another of his devices."""

from __future__ import annotations

from pydantic import Field

from b2bua.calls.call import CallState
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data
from b2bua.metaflows.takeover import AUTO_ANSWER, Takeover
from b2bua.metaflows.targets import Target, of_kind


class Move(Data):
    """Ring the user's other devices; the one that answers takes over from the leg that typed."""

    auto_answer: bool = Field(False, description="ask the device to answer by itself")
    can_call_self: bool = Field(True, description="devices of the same user may ring")
    device_id: str | None = Field(None, description="ring this device only")
    dial_strategy: str = Field("simultaneous", description="all at once, or one after another")
    owner_id: str | None = Field(None, description="whose devices; default: the owner of the leg that typed")


async def run(context: Context, data: Move) -> Report:
    """The leg that typed gives its place to the device that answers; else everything stays as it was."""
    call = context.call
    if call.state is not CallState.TALKING or context.peer is None:
        return Report(Outcome.FAILED, "there is nobody to move")
    if call.is_guarded:
        return Report(Outcome.FAILED, "the parties are being moved already")
    targets = _targets(context, data)
    if not targets:
        return Report(Outcome.FAILED, "there is no other device to move to")
    return await Takeover(call, context.parts, context.leg, targets, at_once=data.dial_strategy == "simultaneous",
                          headers=AUTO_ANSWER if data.auto_answer else ()).run()


def _targets(context: Context, data: Move) -> list[Target]:
    talking = [leg for leg in (context.leg, context.peer) if leg is not None]
    if data.device_id is not None:
        return of_kind(context, "device", data.device_id, talking)
    owner_id = data.owner_id or (context.leg.endpoint.owner_id if context.leg.endpoint is not None else None)
    return of_kind(context, "user", owner_id, talking) if owner_id is not None else []
