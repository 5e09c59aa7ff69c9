# SPDX-License-Identifier: GPL-3.0-or-later
"""unpark: fetch a parked party."""

from __future__ import annotations

from pydantic import Field

from b2bua.metaflows.model import Data


class Unpark(Data):
    """Fetch the party that waits at a numbered place."""

    slot: str | None = Field(None, description="which place; default: the captured digits")
