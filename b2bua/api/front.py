# SPDX-License-Identifier: GPL-3.0-or-later
"""What every request passes before its route: body, token, verb, account, rights, in KAZOO's order (metaflows.md 6.3).

An ASGI middleware around the router, so that the order is ours and not the framework's. It is the barrier, too: an
exception from below is logged once with its traceback and answered with an envelope.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from b2bua.api import cors
from b2bua.api import envelope as crossbar
from b2bua.api.counts import Counts
from b2bua.api.envelope import Asked, Refused
from b2bua.api.parts import ApiParts
from b2bua.api.rate import LOGIN_COST, Buckets
from b2bua.api.tokens import Tokens
from b2bua.store import Conflict, HasDescendants, NumberTaken, Ref, StoreError, UnknownDocument

log = logging.getLogger(__name__)

PUBLIC = re.compile(r"/v2/(api_auth|schemas(/[^/]+)?)")
RAW = re.compile(r"/v2/accounts/[^/]+/media/[^/]+/raw")  # a body that is no envelope; it is read after the token
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
DEPTH_MAX = 200  # objects and arrays inside each other; far below what would exhaust the stack when they are written
BODY_S = 30.0  # how long a body may take to arrive
WITH_BODY = ("PUT", "POST", "PATCH")
ID_PLACES = (3, 5)  # words of /v2/accounts/{A}/users/{U}/metaflows that are ids, whose value changes no route
MATCHES_MAX = 512  # shapes of paths that are remembered
KINDS: Mapping[str, Any] = {"users": "user", "devices": "device"}


class Front:
    """The middleware. Paths outside /v2 that exist (health, metrics, docs) only pass the barrier."""

    def __init__(self, app: ASGIApp, parts: ApiParts, tokens: Tokens, routes: Sequence[BaseRoute]) -> None:
        self._app, self._parts, self._tokens, self._routes = app, parts, tokens, routes
        self._counts = Counts(parts.registry)
        self._buckets = Buckets(parts.settings.rate, parts.clock)
        self._matches: dict[tuple[str, ...], Match] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Asked(self._parts.clock())
        began_s, method, started = time.perf_counter(), scope["method"], False

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                cors.allow(scope, message)
                self._counts.answered(method, message["status"], time.perf_counter() - began_s)
            await send(message)

        try:
            await self._serve(scope, receive, watched, asked)
        except Exception as error:
            refused = _refused(error)
            if refused.status == 500:
                log.exception("request %s %s %s failed", asked.request_id, scope["method"], scope["path"])
            elif refused.status > 500:
                log.warning("request %s %s %s: %d: %s", asked.request_id, scope["method"], scope["path"],
                            refused.status, error)
            if not started:
                await asked.refuse(refused)(scope, receive, watched)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, asked: Asked) -> None:
        if (may := cors.preflight(scope)) is not None:
            await may(scope, receive, send)
            return
        path = scope["path"]
        if len(path) > 1 and path.endswith("/"):
            scope["path"] = path = path.rstrip("/")
        if not path.startswith("/v2") and self._methods(scope, scope["method"]) != Match.NONE:
            await self._app(scope, receive, send)
            return
        problem = await self._read(scope, receive, asked)
        if not self._parts.store.is_open:
            raise StoreError("the store is not open yet")
        await self._admit(scope, asked, problem)
        scope["asked"] = asked
        await self._app(scope, receive, send)

    # -- reading ------------------------------------------------------------------------------------------------

    async def _read(self, scope: Scope, receive: Receive, asked: Asked) -> Refused | None:
        """Fill in what was asked, without judging; a bad body is told later. raises Refused when it is too large"""
        headers = Headers(scope=scope)
        if REQUEST_ID.fullmatch(incoming := headers.get("x-request-id", "")):
            asked.request_id = incoming
        asked.query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        pretty = asked.query.get("pretty_print") or headers.get("x-pretty-print", "")
        asked.is_pretty = pretty.lower() == "true"
        is_raw = scope["method"] == "POST" and RAW.fullmatch(scope["path"]) is not None
        try:
            async with asyncio.timeout(BODY_S):
                body = b"" if is_raw else await _body(headers, receive)  # a raw one is its route's
        except TimeoutError:
            raise Refused(408, "request_timeout", {"message": "the body did not arrive"}) from None
        problem = _envelope(body, asked)
        asked.token = token_of(headers, asked)
        verb = asked.query.get("verb", asked.envelope.get("verb"))
        if scope["method"] == "POST" and verb is not None:
            scope["method"] = str(verb).upper()  # one that does not exist is refused as any wrong verb is
        if scope["method"] not in WITH_BODY or is_raw:
            return problem
        if problem is None and "data" not in asked.envelope:
            problem = crossbar.invalid({"data": {"required": {"message": "Field is required but missing"}}})
        if problem is None and not isinstance(asked.data, (dict, list)):
            problem = crossbar.invalid({"data": {"type": {
                "message": "Value did not match type(s): object, array", "target": ["object", "array"],
                "value": asked.data}}})
        return problem

    # -- judging ------------------------------------------------------------------------------------------------

    async def _admit(self, scope: Scope, asked: Asked, body_problem: Refused | None) -> None:
        """The order of checks. raises Refused"""
        words = scope["path"].split("/")[2:]
        match = self._methods(scope, scope["method"])
        is_public = match == Match.FULL and PUBLIC.fullmatch(scope["path"]) is not None
        if asked.token is not None and not is_public:
            asked.account_id = await self._tokens.account_of(asked.token)
            if asked.account_id is None:
                raise crossbar.bad_token()
        self._pay(scope, asked)
        if match == Match.PARTIAL:
            raise crossbar.invalid_method()
        account_id = words[1] if len(words) > 1 and words[0] == "accounts" else None
        if account_id is not None:
            self._check_account(account_id)
        if not is_public and asked.account_id is None:
            raise crossbar.no_token()
        if account_id is not None and asked.account_id not in self._parts.store.lineage(account_id):
            raise crossbar.forbidden()
        if account_id is not None and len(words) > 3 and words[2] in KINDS:
            self._parts.store.record(Ref(account_id, KINDS[words[2]], words[3]))
        if match == Match.NONE:
            raise crossbar.not_found()
        if body_problem is not None:
            raise body_problem

    def _pay(self, scope: Scope, asked: Asked) -> None:
        """A token of the rate limit for each question. raises Refused"""
        if asked.account_id is None and not scope["path"].endswith("/api_auth"):
            return
        cost = 1 if asked.account_id is not None else LOGIN_COST
        left = self._buckets.take((scope.get("client") or ("",))[0], asked.account_id or "", cost)
        if left is None:
            raise crossbar.too_many()
        asked.tokens = {"consumed": cost, "remaining": left}

    def _check_account(self, account_id: str) -> None:
        if len(account_id) != 32:
            raise Refused(404, "bad identifier", {"message": f"invalid account_id '{account_id}'"})
        self._parts.store.account(account_id)

    def _methods(self, scope: Scope, method: str) -> Match:
        """FULL: path and verb exist; PARTIAL: the path does; NONE."""
        words = scope["path"].split("/")
        key = (method, *("*" if word and index in ID_PLACES else word for index, word in enumerate(words)))
        known = self._matches.get(key)
        if known is None:
            asked = {**scope, "method": method}
            known = max((route.matches(asked)[0] for route in self._routes), key=lambda match: match.value,
                        default=Match.NONE)
            if len(self._matches) >= MATCHES_MAX:
                self._matches.clear()
            self._matches[key] = known
        return known


async def asked_of(request: Request) -> Asked:
    """The request, for a route: `asked: Annotated[Asked, Depends(asked_of)]`."""
    asked: Asked = request.scope["asked"]
    return asked


def _refused(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case UnknownDocument():
            return crossbar.bad_identifier(error.document_id)
        case NumberTaken():
            return crossbar.taken(error.key, error.number, error.holder_id)
        case HasDescendants():
            return crossbar.has_descendants()
        case Conflict():
            return crossbar.conflict()
        case StoreError():
            return crossbar.store_down()
        case TimeoutError():
            return Refused(503, "datastore timeout", {"message": "the SIP side did not answer in time"})
    return Refused(500, "init failed")


async def _body(headers: Headers, receive: Receive) -> bytes:
    """All of it. raises Refused when it is too large or the client goes away"""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > crossbar.MAX_BODY_BYTES:
        raise crossbar.too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise crossbar.invalid({"json": {"invalid": {"message": "the body ended early", "target": "body"}}})
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > crossbar.MAX_BODY_BYTES:
            raise crossbar.too_large()
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def _is_deeper(value: Any, limit: int) -> bool:
    """Is anything nested deeper than the limit? Without recursion, for that is what it protects from."""
    level = [value]
    for _ in range(limit + 1):
        level = [inner for outer in level if isinstance(outer, (dict, list))
                 for inner in (outer.values() if isinstance(outer, dict) else outer)]
        if not level:
            return False
    return True


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _envelope(body: bytes, asked: Asked) -> Refused | None:
    """Read the body as JSON, whatever its content type says (curl says form)."""
    if not body.strip():
        return None
    try:
        read = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
        if not isinstance(read, dict):
            raise ValueError("the request envelope must be a JSON object")
        if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _is_deeper(read, DEPTH_MAX):
            raise ValueError(f"nested deeper than {DEPTH_MAX}")
    except (ValueError, RecursionError) as error:
        return crossbar.invalid({"json": {"invalid": {"message": str(error), "target": "body"}}})
    asked.envelope = {key.lower(): value for key, value in read.items() if value is not None}
    return None


def token_of(headers: Headers, asked: Asked) -> str | None:
    """KAZOO's sources, in its order (6.5)."""
    if token := headers.get("x-auth-token"):
        return token
    for source in (asked.envelope, asked.query):
        if isinstance(token := source.get("auth_token"), str) and token:
            return token
    for value in (headers.get("authorization"), asked.envelope.get("authorization"), asked.query.get("authorization")):
        if isinstance(value, str) and value.strip():
            scheme, _, rest = value.strip().partition(" ")
            return rest.strip() if rest and scheme.lower() in ("basic", "bearer") else value.strip()
    return None
