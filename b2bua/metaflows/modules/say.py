# SPDX-License-Identifier: GPL-3.0-or-later
"""say: read a number, a date, a name."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from b2bua.metaflows.announce import KEYS
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data, extension
from b2bua.metaflows.modules.tts import speak
from b2bua.metaflows.saying import said

Type = Literal[
    "account_number", "currency", "current_date", "current_date_time", "current_time", "email_address", "ip_address",
    "items", "messages", "name_phonetic", "name_spelled", "number", "persons", "postal_address", "short_date_time",
    "telephone_extension", "telephone_number", "time_measurement", "url",
]


class Say(Data):
    """Read something aloud by its kind."""

    gender: Literal["feminine", "masculine", "neuter"] | None = Field(None, description="of the words")
    language: str | None = Field(None, description="default: the language of the call")
    method: Literal["pronounced", "iterated", "counted"] | None = Field(None, description="default: pronounced")
    text: str | None = Field(None, description="what to read")
    type: Type | None = Field(None, description="what it is; default: name_spelled")
    leg: Literal["self", "peer", "both"] = extension("self", description="who hears it, seen from the leg that typed")


async def run(context: Context, data: Say) -> Report:
    """Put it into words, and speak them; any key ends it. Numbers of people are kept nowhere."""
    speech = context.parts.speech
    if speech is None:
        return Report(Outcome.UNAVAILABLE, "there is no speech engine")
    kind = data.type or "name_spelled"
    try:
        saying = said(data.text or "", kind, data.language or speech.language, datetime.now().astimezone(),
                      method=data.method, gender=data.gender)
    except ValueError as error:
        return Report(Outcome.FAILED, f"say {kind}: {error}")
    return await speak(context, saying.words, language=saying.language, voice="female", engine=None, leg=data.leg,
                       keys=KEYS, keep=False)
