# SPDX-License-Identifier: GPL-3.0-or-later
"""audio_level: louder, softer or mute."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.calls.path import Mode
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data

STEP_DB = 3.0  # of one level
MUTE = -4


class AudioLevel(Data):
    """Change how loud a leg is heard or hears."""

    action: Literal["start", "stop"] | None = Field(None, description="begin or end the change")
    level: int | None = Field(None, ge=-4, le=4, description="-4 mutes, 0 leaves as it is")
    mode: Literal["read", "write"] | None = Field(None, description="read: what the leg says; write: what it hears")


async def run(context: Context, data: AudioLevel) -> Report:
    """Set it for the leg that typed, until `stop`; a stop without a mode ends both."""
    path, leg = context.call.path, context.leg
    modes: tuple[Mode, ...] = (data.mode,) if data.mode is not None else ("read", "write")
    if data.action == "stop":
        for mode in modes:
            path.level(leg, mode)
        return Report(Outcome.DONE)
    missing = [key for key in ("action", "mode", "level") if getattr(data, key) is None]
    if missing or data.level is None:
        return Report(Outcome.FAILED, f"audio_level: there is no {' and no '.join(missing)}")
    path.level(leg, modes[0], factor(data.level))
    return Report(Outcome.DONE)


def factor(level: int) -> float:
    """Of the amplitude: -4 is silence, 0 as it is, each step 3 dB."""
    return 0.0 if level == MUTE else float(10 ** (level * STEP_DB / 20))
