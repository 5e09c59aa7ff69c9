# SPDX-License-Identifier: GPL-3.0-or-later
"""Crossbar's envelope: what every answer is wrapped in, and the errors in their exact words (metaflows.md 6.2-3)."""

from __future__ import annotations

import hashlib
import json
import platform
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from starlette.responses import Response

MAX_BODY_BYTES = 8_000_000  # KAZOO's crossbar.max_upload_size
NODE = hashlib.sha256(platform.node().encode()).hexdigest()[:20]


def _version() -> str:
    try:
        return metadata.version("metaflow-b2bua")
    except metadata.PackageNotFoundError:
        return "0"


VERSION = _version()


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The request is answered with an error envelope. `data` None: the envelope has no data."""

    def __init__(self, status: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.status, self.message, self.data = status, message, data


def invalid(errors: Mapping[str, Any]) -> Refused:
    """400 with KAZOO's error map."""
    return Refused(400, "validation error", dict(errors))


def no_token() -> Refused:
    """401: nobody said who asks."""
    return Refused(401, "invalid_credentials", {"message": "invalid credentials"})


def bad_token() -> Refused:
    """401: the token, or the api key, is not good (any more)."""
    return Refused(401, "invalid credentials", {})


def forbidden() -> Refused:
    """403: not your account, nor one below it."""
    return Refused(403, "forbidden", {"message": "forbidden"})


def bad_identifier(document_id: str) -> Refused:
    """404: no such account, user or device."""
    return Refused(404, "bad_identifier", {"message": "bad identifier", "cause": document_id})


def not_found() -> Refused:
    """404: no such path."""
    return Refused(404, "not_found", {"message": "not found"})


def invalid_method() -> Refused:
    """405: not with this verb."""
    return Refused(405, "invalid_method", {"message": "method not allowed"})


def conflict() -> Refused:
    """409: somebody else saved it meanwhile."""
    return Refused(409, "datastore_conflict", {"message": "conflicting documents"})


def taken(key: str, value: str, holder_id: str) -> Refused:
    """400: another document of the account has that number or username."""
    return invalid({key: {"unique": {"message": "Already in use in this account", "value": value,
                                     "target": holder_id}}})


def has_descendants() -> Refused:
    """409: an account with others below it stays. (KAZOO says 500 with the same words; it is no fault of ours.)"""
    return Refused(409, "account_has_descendants", {"message": "account has descendants"})


def too_large() -> Refused:
    """413: the body."""
    return Refused(413, "validation error", {"file": {"maxSize": {
        "message": f"Payload or Files must not be more than {MAX_BODY_BYTES} bytes", "target": MAX_BODY_BYTES}}})


def too_many() -> Refused:
    """429: the rate limit."""
    return Refused(429, "too_many_requests", {"message": "too many requests"})


def store_down() -> Refused:
    """503: the database does not answer."""
    return Refused(503, "datastore_unreachable", {"message": "the datastore is not available"})


@dataclass(slots=True)
class Asked:
    """One request, as the routes see it.

    envelope    the request's own envelope, keys in lower case; {} without a body
    account_id  who asks: the account of the token; None when there is none
    """

    now_s: float
    request_id: str = field(default_factory=lambda: secrets.token_hex(16))
    query: Mapping[str, str] = field(default_factory=dict)
    envelope: dict[str, Any] = field(default_factory=dict)
    token: str | None = None
    account_id: str | None = None
    tokens: Mapping[str, int] | None = None
    is_pretty: bool = False

    @property
    def data(self) -> Any:
        """What the client sent."""
        return self.envelope.get("data")

    def answer(self, data: Any, *, status: int = 200, revision: str | None = None,
               more: Mapping[str, Any] | None = None) -> Response:
        """Success; `more` stands beside the data (KAZOO's next_start_key, for one)."""
        body: dict[str, Any] = {"data": data, "status": "success", **(more or {})}
        if revision is not None:
            body["revision"] = revision
        return self._wrapped(body, status)

    def refuse(self, error: Refused) -> Response:
        """An error."""
        body: dict[str, Any] = {"status": "error", "error": str(error.status), "message": error.message}
        if error.data is not None:
            body["data"] = error.data
        return self._wrapped(body, error.status)

    def _wrapped(self, body: dict[str, Any], status: int) -> Response:
        body |= {"request_id": self.request_id, "node": NODE,
                 "timestamp": datetime.fromtimestamp(self.now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        if self.tokens is not None:
            body["tokens"] = dict(self.tokens)
        if self.token is not None:
            body["auth_token"] = self.token
        if self.account_id is not None:
            body["version"] = VERSION
        text = json.dumps(body, indent=4) if self.is_pretty else json.dumps(body, separators=(",", ":"))
        media, callback = "application/json", self.query.get("jsonp", "")
        if callback.isidentifier() and callback.isascii():
            text, media = f"{callback}({text});", "application/javascript"
        return Response(text, status, {"x-request-id": self.request_id}, media)
