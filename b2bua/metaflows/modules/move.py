# SPDX-License-Identifier: GPL-3.0-or-later
"""move: the user goes on at another of his devices."""

from __future__ import annotations

from pydantic import Field

from b2bua.metaflows.model import Data


class Move(Data):
    """Ring the user's other devices; the one that answers takes over from the leg that typed."""

    auto_answer: bool = Field(False, description="ask the device to answer by itself")
    can_call_self: bool = Field(True, description="devices of the same user may ring")
    device_id: str | None = Field(None, description="ring this device only")
    dial_strategy: str = Field("simultaneous", description="all at once, or one after another")
    owner_id: str | None = Field(None, description="whose devices; default: the owner of the leg that typed")
