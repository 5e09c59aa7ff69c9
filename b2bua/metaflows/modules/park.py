# SPDX-License-Identifier: GPL-3.0-or-later
"""park: leave the other party at a place where anyone may fetch it."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import replace
from functools import partial

from pydantic import Field

from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.holding import why_not
from b2bua.metaflows.model import Data
from b2bua.metaflows.parking import NoPlaceError, Stay

SLOT = r"\d{1,10}"
TELL_S = 10.0  # the parker hears the place for at most so long


class Park(Data):
    """Leave the other party waiting at a numbered place."""

    slot: str | None = Field(None, description="which place; default: the first that is free")
    moh: str | None = Field(None, description="what the parked party hears")
    timeout: int | None = Field(None, ge=1, description="seconds after which the parker is called back")


async def run(context: Context, data: Park) -> Report:
    """Lasts until somebody has fetched the party, or the call ends."""
    lot, parked = context.parts.lot, context.peer
    if lot is None or context.call.account_id is None:
        return Report(Outcome.FAILED, "there is no place to park at")
    refusal = why_not(context, parked)
    if refusal is not None or parked is None:
        return Report(Outcome.FAILED, refusal or "")
    slot = data.slot or (context.captures[0] if context.captures else None)
    if slot is not None and not re.fullmatch(SLOT, slot):
        return Report(Outcome.FAILED, "a place is a number of at most 10 digits")
    try:
        stay = Stay(context, lot, parked, slot, music=data.moh, timeout_s=data.timeout)
    except NoPlaceError as full:
        return Report(Outcome.FAILED, str(full))
    return await stay.run(partial(_announced, context))


async def _announced(context: Context, stay: Stay) -> None:
    """The parker is told the place before we let go; the parked party does not hear it."""
    from b2bua.metaflows.modules import MODULES  # here: this is one of them
    say = MODULES["say"]
    if say.run is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_S):
                data = say.model.model_validate({"text": stay.slot, "type": "telephone_extension"})
                await say.run(replace(context, alone=True), data)
