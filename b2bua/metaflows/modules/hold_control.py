# SPDX-License-Identifier: GPL-3.0-or-later
"""hold_control: SIP hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.holding import SipHold, resume, why_not
from b2bua.metaflows.model import Data
from b2bua.metaflows.music import hold_music


class HoldControl(Data):
    """Put the leg on hold in SIP, or take it off."""

    action: Literal["hold", "unhold", "toggle"] = Field("toggle", description="what to do")


async def run(context: Context, data: HoldControl) -> Report:
    """The leg gets a re-INVITE with sendonly, its partner hears music; or both are undone."""
    call, leg = context.call, context.leg
    is_held = isinstance(call.holding, SipHold) and call.holding.asked is leg
    if data.action == "unhold" or (data.action == "toggle" and is_held):
        if is_held:
            resume(call)
        return Report(Outcome.DONE)
    if is_held:
        return Report(Outcome.DONE)
    music = await hold_music(context.parts, call, leg)
    refusal = why_not(context, context.peer)
    if refusal is not None or context.peer is None:
        return Report(Outcome.FAILED, refusal or "")
    SipHold(call, context.parts, context.peer, music, leg).begin()
    return Report(Outcome.DONE)
