# SPDX-License-Identifier: GPL-3.0-or-later
"""unpark: fetch a parked party."""

from __future__ import annotations

from pydantic import Field

from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data


class Unpark(Data):
    """Fetch the party that waits at a numbered place."""

    slot: str | None = Field(None, description="which place; default: the captured digits")


async def run(context: Context, data: Unpark) -> Report:
    """The leg leaves its partner, whose call ends, and talks to the parked party."""
    lot, slot = context.parts.lot, data.slot or (context.captures[0] if context.captures else None)
    if slot is None:
        return Report(Outcome.FAILED, "no place is named")
    if context.call.is_guarded:
        return Report(Outcome.FAILED, "the parties are being moved already")
    stay = lot.at(context.call.account_id, slot) if lot is not None else None
    if stay is None or not stay.fetch(context.leg):
        return Report(Outcome.FAILED, "nobody is parked there")
    return Report(Outcome.ANSWERED)
