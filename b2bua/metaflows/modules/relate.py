# SPDX-License-Identifier: GPL-3.0-or-later
"""relate: who hears whom in a three-way call."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data


class Relate(Data):
    """Set what one participant of a three-way call hears of another."""

    conference_id: str = Field(description="which three-way call")
    other_participant: str | int = Field(description="whom it concerns")
    participant_id: str | int = Field(description="who shall hear or be heard")
    relationship: Literal["deaf", "clear", "mute"] = Field("clear", description="deaf: hears not; mute: is not heard")
