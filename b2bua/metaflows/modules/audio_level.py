# SPDX-License-Identifier: GPL-3.0-or-later
"""audio_level: louder, softer or mute."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data


class AudioLevel(Data):
    """Change how loud a leg is heard or hears."""

    action: Literal["start", "stop"] | None = Field(None, description="begin or end the change")
    level: int | None = Field(None, ge=-4, le=4, description="-4 mutes, 0 leaves as it is")
    mode: Literal["read", "write"] | None = Field(None, description="read: what the leg says; write: what it hears")
