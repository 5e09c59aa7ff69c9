# SPDX-License-Identifier: GPL-3.0-or-later
"""play: play a file to one or both legs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data, extension


class Play(Data):
    """Play a file to one or both legs."""

    id: str | None = Field(None, description="what to play")
    leg: Literal["self", "peer", "both"] = Field("both", description="who hears it, seen from the leg that typed")
    answer: bool = extension(True, description="answer the caller first where that has not been done")
