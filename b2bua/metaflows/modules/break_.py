# SPDX-License-Identifier: GPL-3.0-or-later
"""break: end what is being played to the leg."""

from __future__ import annotations

from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data


class Break(Data):
    """End what is being played to the leg."""


async def run(context: Context, data: Break) -> Report:
    """Stop the newest sound that the leg hears of ours; what plays it tells its own end."""
    player = context.parts.player
    if player is None:
        return Report(Outcome.UNAVAILABLE, "there is no player")
    playing = player.playing(context.leg)
    if not playing:
        return Report(Outcome.DONE, "nothing is being played to this leg")
    playing[-1].stop()
    return Report(Outcome.DONE)
