# SPDX-License-Identifier: GPL-3.0-or-later
"""sound_touch: pitch, rate and tempo."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data


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
