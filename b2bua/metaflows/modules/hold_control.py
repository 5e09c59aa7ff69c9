# SPDX-License-Identifier: GPL-3.0-or-later
"""hold_control: SIP hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data


class HoldControl(Data):
    """Put the leg on hold in SIP, or take it off."""

    action: Literal["hold", "unhold", "toggle"] = Field("toggle", description="what to do")
