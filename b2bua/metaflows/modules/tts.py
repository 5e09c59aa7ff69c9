# SPDX-License-Identifier: GPL-3.0-or-later
"""tts: speak a text."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data

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
