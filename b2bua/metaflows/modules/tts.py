# SPDX-License-Identifier: GPL-3.0-or-later
"""tts: speak a text."""

from __future__ import annotations

import logging
from typing import Literal

from pydantic import Field

from b2bua.calls.sounds import SoundError
from b2bua.metaflows.announce import announce
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data

log = logging.getLogger(__name__)

Terminator = Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"]


class Tts(Data):
    """Speak a text."""

    engine: str = Field("flite", description="which speech engine")
    language: str | None = Field(None, description="default: the language of the call")
    leg: str = Field("self", description="who hears it: self, peer, both")
    terminators: list[Terminator] = Field(["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"],
                                      description="keys that end it")
    text: str | None = Field(None, description="what to say")
    voice: str = Field("female", description="which voice")


async def run(context: Context, data: Tts) -> Report:
    """Speak to the legs that are meant; without text nothing is said and the flow goes on."""
    leg = data.leg if data.leg in ("self", "peer", "both") else "self"
    return await speak(context, data.text or "", language=data.language, voice=data.voice, engine=data.engine,
                       leg=leg, keys="".join(data.terminators))


async def speak(context: Context, text: str, *, language: str | None, voice: str, engine: str | None, leg: str,
                keys: str, keep: bool = True) -> Report:
    """Have it spoken, and play that. keep: may its sound stay in the cache?"""
    speech = context.parts.speech
    if speech is None:
        return Report(Outcome.UNAVAILABLE, "there is no speech engine")
    try:
        sound = await speech.speak(context.call.account_id, text, language=language, voice=voice, engine=engine,
                                   keep=keep)
    except SoundError as error:
        log.warning("call %s: nothing is said: %s", context.call.id, error)
        return Report(Outcome.FAILED, str(error))
    return await announce(context, sound, leg, keys=keys)
