# SPDX-License-Identifier: GPL-3.0-or-later
"""park: leave the other party at a place where anyone may fetch it."""

from __future__ import annotations

from pydantic import Field

from b2bua.metaflows.model import Data


class Park(Data):
    """Leave the other party waiting at a numbered place."""

    slot: str | None = Field(None, description="which place; default: the first that is free")
    moh: str | None = Field(None, description="what the parked party hears")
    timeout: int | None = Field(None, ge=0, description="seconds after which the parker is called back")
