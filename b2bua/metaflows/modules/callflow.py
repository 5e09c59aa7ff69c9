# SPDX-License-Identifier: GPL-3.0-or-later
"""callflow: continue the caller's leg at another number."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from b2bua.metaflows.model import Data


class Callflow(Data):
    """Continue the caller's leg at another number, or run an inline flow on it."""

    captures: Annotated[str | list[str] | None, WithJsonSchema({"type": "string"})] = Field(
        None, description="the number, where there is no id")
    collected: str | None = Field(None, description="the number, where there are neither id nor captures")
    flow: dict[str, Any] | None = Field(None, description="the flow to run")
    id: str | None = Field(None, description="the number or callflow to continue at")
