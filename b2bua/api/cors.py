# SPDX-License-Identifier: GPL-3.0-or-later
"""Browsers on other origins may ask, as with KAZOO. Tokens are in headers, never in cookies: `*` gives nothing away."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Scope

HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, PUT, POST, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": "Content-Type, X-Auth-Token, X-Request-ID, X-Requested-With, Authorization",
    "access-control-expose-headers": "Content-Type, X-Auth-Token, X-Request-ID, Location, ETag",
    "access-control-max-age": "86400",
}


def preflight(scope: Scope) -> Response | None:
    """The answer to a browser that asks whether it may ask; None when this is no such question."""
    headers = Headers(scope=scope)
    if scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers:
        return Response(status_code=200, headers=HEADERS)
    return None


def allow(scope: Scope, message: Message) -> None:
    """Let a browser on another origin read this answer."""
    if "origin" in Headers(scope=scope):
        MutableHeaders(scope=message).update({key: HEADERS[key] for key in (
            "access-control-allow-origin", "access-control-expose-headers")})
