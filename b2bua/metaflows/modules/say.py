# SPDX-License-Identifier: GPL-3.0-or-later
"""say: read a number, a date, a name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.model import Data

Type = Literal[
    "account_number", "currency", "current_date", "current_date_time", "current_time", "email_address", "ip_address",
    "items", "messages", "name_phonetic", "name_spelled", "number", "persons", "postal_address", "short_date_time",
    "telephone_extension", "telephone_number", "time_measurement", "url",
]


class Say(Data):
    """Read something aloud by its kind."""

    gender: Literal["feminine", "masculine", "neuter"] | None = Field(None, description="of the words")
    language: str | None = Field(None, description="default: the language of the call")
    method: Literal["pronounced", "iterated", "counted"] | None = Field(None, description="default: pronounced")
    text: str | None = Field(None, description="what to read")
    type: Type | None = Field(None, description="what it is; default: name_spelled")
