# SPDX-License-Identifier: GPL-3.0-or-later
"""hold: put the other party on hold with music."""

from __future__ import annotations

from pydantic import Field

from b2bua.metaflows.model import Data


class Hold(Data):
    """Put the other party on hold until a key is pressed."""

    moh_aleg: str | None = Field(None, description="what the holder hears")
    moh_bleg: str | None = Field(None, description="what the held party hears")
    unhold_key: str = Field("1", description="the key that ends the hold")
