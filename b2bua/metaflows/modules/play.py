# SPDX-License-Identifier: GPL-3.0-or-later
"""play: play a file to one or both legs."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from pydantic import Field

from b2bua.calls.leg import LegState
from b2bua.calls.sounds import SoundError
from b2bua.metaflows.announce import announce
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data, extension

log = logging.getLogger(__name__)

ANSWER_S = 0.1  # KAZOO's pause between the answer and what is played


class Play(Data):
    """Play a file to one or both legs."""

    id: str | None = Field(None, description="what to play")
    leg: Literal["self", "peer", "both"] = Field("both", description="who hears it, seen from the leg that typed")
    answer: bool = extension(True, description="answer the caller first where that has not been done")
    endless_playback: bool = extension(False, description="again and again, until a key is pressed or `break`")


async def run(context: Context, data: Play) -> Report:
    """Play until the end, any key, or `break`. What is not there is not played, and the flow goes on."""
    library, call = context.parts.library, context.call
    if library is None:
        return Report(Outcome.UNAVAILABLE, "there are no sounds")
    if not data.id:
        return Report(Outcome.FAILED, "play: there is no id")
    try:
        sound = await library.find(call.account_id, data.id)
    except SoundError as error:
        log.warning("call %s: play: %s", call.id, error)
        return Report(Outcome.FAILED, f"play: {error}")
    if data.answer and call.a.direction == "inbound" and call.a.state in (LegState.TRYING, LegState.EARLY):
        call.a.answer()
        await asyncio.sleep(ANSWER_S)
    return await announce(context, sound, data.leg, loop=data.endless_playback)
