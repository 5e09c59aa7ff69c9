# SPDX-License-Identifier: GPL-3.0-or-later
"""hold: put the other party on hold with music."""

from __future__ import annotations

from pydantic import Field

from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.holding import SoftHold, why_not
from b2bua.metaflows.model import Data
from b2bua.metaflows.music import found, hold_music


class Hold(Data):
    """Put the other party on hold until a key is pressed."""

    moh_aleg: str | None = Field(None, description="what the holder hears")
    moh_bleg: str | None = Field(None, description="what the held party hears")
    unhold_key: str = Field("1", description="the key that ends the hold")


async def run(context: Context, data: Hold) -> Report:
    """It stands when this returns: the key, `resume`, the API or a hang-up end it."""
    call, parts, held = context.call, context.parts, context.peer
    music = await hold_music(parts, call, context.leg, data.moh_bleg or data.moh_aleg)
    own = await found(parts, call.account_id, data.moh_aleg)
    refusal = why_not(context, held)
    if refusal is not None or held is None:
        return Report(Outcome.FAILED, refusal or "")
    SoftHold(call, parts, held, music, own, data.unhold_key).begin()
    return Report(Outcome.DONE)
