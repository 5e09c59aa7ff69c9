# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a recording: KAZOO's metadata document (metaflows.md 5.11), and who was heard when. SIP thread."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg
from b2bua.media.encoding import CONTENT_TYPES
from b2bua.metaflows.context import RecordingOptions
from config.settings import without_password

GREGORIAN_S = 62167219200  # from year 0 to 1970, as KAZOO counts
ID = re.compile(r"(\d{6})-([0-9a-f]{32})")
SOURCE = "metaflow-b2bua"
_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME = 100  # characters of a media_name; file systems take 255 bytes with what we add


def new_id(now_s: float) -> str:
    """KAZOO's shape, YYYYMM-<32 hex>; later ones sort after earlier ones (the first twelve digits are milliseconds)."""
    return f"{time.strftime('%Y%m', time.gmtime(now_s))}-{int(now_s * 1000):012x}{uuid.uuid4().hex[:20]}"


def made_at_s(recording_id: str) -> float:
    """When a recording of this id began, in seconds since 1970."""
    return int(recording_id[7:19], 16) / 1000


def file_name(media_name: str | None, recording_id: str, format_: str) -> str:
    """A name that is one, whatever somebody asked for; it ends with the format."""
    name = _FILE_NAME.sub("_", media_name or "").lstrip(".")[:_MAX_NAME] or recording_id[7:]
    return name if name.endswith(f".{format_}") else f"{name}.{format_}"


def person(leg: Leg) -> dict[str, Any]:
    """Who is on a leg."""
    return {"name": leg.party.display or None, "number": leg.number, "peer": leg.peer, "direction": leg.direction,
            "endpoint_id": leg.endpoint.id if leg.endpoint else None,
            "owner_id": leg.endpoint.owner_id if leg.endpoint else None}


def facts(call: Call, recording_id: str, options: RecordingOptions, now_s: float) -> dict[str, Any]:
    """What is certain when it starts."""
    endpoint, caller, format_ = options.left.endpoint, call.invite.caller, options.format or "wav"
    name = file_name(options.media_name, recording_id, format_)
    callee = call.b.party if call.b is not None else None
    return {
        "id": recording_id, "type": "call_recording", "name": name, "description": f"recording {name}",
        "content_type": CONTENT_TYPES[format_], "media_type": format_, "media_source": "recorded",
        "source_type": SOURCE, "account_id": call.account_id, "call_id": call.a.id, "interaction_id": call.id,
        "cdr_id": f"{recording_id[:6]}-{call.a.id}", "from": caller.uri, "to": call.invite.number,
        "request": call.invite.number, "direction": call.direction, "caller_id_name": caller.display,
        "caller_id_number": caller.user, "callee_id_name": callee.display if callee else "",
        "callee_id_number": (callee.user if callee else "") or call.invite.number,
        "owner_id": endpoint.owner_id if endpoint else None, "endpoint_id": endpoint.id if endpoint else None,
        "url": without_password(options.url) if options.url else None, "origin": options.origin,
        "label": options.label, "custom_channel_vars": {}, "start": int(now_s) + GREGORIAN_S, "begin_at": now_s,
        "started_by": dict(options.by), "status": "recording",
    }


def orders(options: RecordingOptions) -> dict[str, Any]:
    """What is to be done when it has ended; never shown, for a url may hold credentials."""
    return {"format": options.format, "sample_rate_hz": options.sample_rate_hz, "min_s": options.min_s,
            "url": options.url, "method": options.method}
