# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a recording is sent: KAZOO's way to compose the address (metaflows.md 5.11). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

FIELDS = ("from", "to", "caller_id_name", "caller_id_number", "call_id", "cdr_id", "interaction_id", "account_id",
          "owner_id", "start", "duration_ms")  # the last three are KAZOO 4.3's


def compose(url: str, manifest: Mapping[str, Any], extension: str) -> str:
    """The address of one recording.

    Without a query in `url` its name is the last part of the path. With one it is a value of it: `?x` and `?x=` name
    the parameter, after `?x=y` it is called `recording`.
    """
    name = f"call_recording_{quote(str(manifest.get('call_id') or ''), safe='')}.{extension}"
    fields = [(key, manifest.get(key)) for key in FIELDS] + [("recording_id", manifest.get("id"))]
    rest = "&".join(f"{key}={quote('' if value is None else str(value), safe='')}" for key, value in fields)
    query = urlsplit(url).query
    if not query:
        return f"{url.rstrip('?').rstrip('/')}/{name}?{rest}"
    _, equals, value = query.rpartition("&")[2].partition("=")
    joint = "&recording=" if value else "" if equals else "="
    return f"{url}{joint}{name}&{rest}"
