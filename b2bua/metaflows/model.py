# SPDX-License-Identifier: GPL-3.0-or-later
"""What every model of a metaflow document shares. The models are the only place that says which keys there are.

Key names, types, limits and defaults are KAZOO's. A key of our own is made with `extension`: it is checked like the
others but never filled in, so that what the API returns stays what KAZOO would return.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TWELVE = Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "*", "#"]


class Data(BaseModel):
    """The `data` of a module, or a larger part of the document. Keys it does not know are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


def extension(default: Any, **constraints: Any) -> Any:
    """A key that KAZOO's schema does not have."""
    return Field(default, json_schema_extra={"x-extension": True}, **constraints)


def client_url(default: Any, **constraints: Any) -> Any:
    """A key that holds an address on the Internet that we shall call (not one of this host)."""
    return Field(default, json_schema_extra={"kazoo-validation": True, "x-check": "client-url"}, **constraints)
