# SPDX-License-Identifier: GPL-3.0-or-later
"""pivot: ask a web server what to do with the call."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data, client_url


class Pivot(Data):
    """Fetch a flow from a web server and run it."""

    cdr_url: str | None = Field(None, pattern="^https?://", description="where to report the end of the call")
    debug: bool = Field(False, description="keep what was asked and answered")
    method: Literal["get", "post", "GET", "POST"] = Field("get", description="HTTP method")
    req_format: Literal["kazoo", "twiml"] = Field("kazoo", description="which language the server speaks")
    voice_url: str = client_url(..., pattern="^https?://", description="what to fetch")
