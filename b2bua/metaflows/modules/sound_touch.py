# SPDX-License-Identifier: GPL-3.0-or-later
"""sound_touch: pitch, rate and tempo."""

from __future__ import annotations

import asyncio
from typing import Literal
from weakref import WeakKeyDictionary

from pydantic import Field

from b2bua.calls.leg import Ended, Leg, Pressed
from b2bua.metaflows.context import Context, Outcome, Report, VoiceError, Voices
from b2bua.metaflows.model import Data

HOOK_SEMITONES = {"1": -1.0, "3": 1.0}  # with hook_dtmf; 2 takes it back to where it began

_hooks: WeakKeyDictionary[Leg, asyncio.Task[None]] = WeakKeyDictionary()  # watching keys, by the leg they change


class SoundTouch(Data):
    """Change pitch, rate or tempo of a leg's voice."""

    action: Literal["start", "stop"] | None = Field(None, description="begin or end")
    adjust_in_octaves: float = Field(0, ge=-1, le=1, description="pitch, in octaves")
    adjust_in_semitones: float = Field(0, ge=-14, le=14, description="pitch, in semitones")
    hook_dtmf: bool = Field(False, description="digits change the pitch")
    pitch: float = Field(1.0, ge=1, description="pitch as a factor")
    rate: float = Field(1.0, ge=1, description="pitch and tempo together, as a factor")
    sending_leg: bool = Field(False, description="what the leg hears, not what it says")
    tempo: float = Field(1.0, ge=1, description="tempo as a factor")


async def run(context: Context, data: SoundTouch) -> Report:
    """Change what the leg says (sending_leg: what it hears), until `stop` or the end of the call."""
    voices, leg = context.parts.voices, context.peer if data.sending_leg else context.leg
    if voices is None:
        return Report(Outcome.UNAVAILABLE, "voices cannot be changed here")
    if data.action == "stop":
        parties = [one for one in (context.leg, context.peer) if one is not None]
        for one in parties:
            _end_hook(one)
        changed = [one for one in parties if voices.restore(one)]
        return Report(Outcome.DONE, "" if changed else "nothing was changed")
    if data.action is None or leg is None:
        return Report(Outcome.FAILED, "sound_touch: there is no action" if leg is not None else "there is no partner")
    octaves = data.adjust_in_octaves + data.adjust_in_semitones / 12
    try:
        voices.change(context.call, leg, data.pitch * data.rate * 2 ** octaves, 1 / (data.rate * data.tempo))
    except (VoiceError, ValueError) as error:
        return Report(Outcome.FAILED, f"sound_touch: {error}")
    _end_hook(leg)
    if data.hook_dtmf:
        _hooks[leg] = context.call.task(_hook(context, leg, data, voices, octaves), "sound_touch by keys")
    return Report(Outcome.DONE)


def _end_hook(leg: Leg) -> None:
    """Keys that were to change this voice do so no more."""
    hook = _hooks.pop(leg, None)
    if hook is not None:
        hook.cancel()


async def _hook(context: Context, leg: Leg, data: SoundTouch, voices: Voices, octaves: float) -> None:
    """Keys of who typed: 1 lower, 3 higher by a semitone, 2 as it began; until it is stopped."""
    semitones = 0.0
    while True:
        event = await context.leg.wait_for(Pressed, Ended)
        if not isinstance(event, Pressed) or not voices.changed(leg):
            return
        key = event.digit.digit
        if key not in HOOK_SEMITONES and key != "2":
            continue
        semitones = semitones + HOOK_SEMITONES[key] if key != "2" else 0.0
        pitch = data.pitch * data.rate * 2 ** (octaves + semitones / 12)
        try:
            voices.change(context.call, leg, pitch, 1 / (data.rate * data.tempo))
        except (VoiceError, ValueError):
            semitones -= HOOK_SEMITONES.get(key, 0.0)
