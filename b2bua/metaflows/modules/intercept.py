# SPDX-License-Identifier: GPL-3.0-or-later
"""intercept: another device or user takes the call over."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data


class Intercept(Data):
    """Ring a device or a user, who then talks to the leg that typed."""

    auto_answer: bool = Field(False, description="ask the device to answer by itself")
    can_call_self: bool = Field(True, description="devices of the same user may ring")
    target_id: str | None = Field(None, description="id of the device or user, or a number")
    target_type: Literal["device", "user", "number"] | None = Field(None, description="what target_id names")
    unbridged_only: bool = Field(True, description="only where the leg talks to nobody")
