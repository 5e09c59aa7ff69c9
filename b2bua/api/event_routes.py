# SPDX-License-Identifier: GPL-3.0-or-later
"""`/v2/accounts/{A}/events`: what happens in an account's calls, as Server-Sent Events or over a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect
from starlette.responses import Response, StreamingResponse

from b2bua.api import envelope as crossbar
from b2bua.api.envelope import Asked
from b2bua.api.front import asked_of, token_of
from b2bua.api.parts import ApiParts
from b2bua.api.stream import EventStream, Listener, shown
from b2bua.api.tokens import Tokens

HEARTBEAT_S = 15.0  # so that proxies keep the connection
POLICY_VIOLATION = 1008  # RFC 6455 7.4.1
GOING_AWAY = 1001
TRY_AGAIN_LATER = 1013  # IANA's registry


def event_routes(parts: ApiParts, tokens: Tokens) -> APIRouter:
    """One path, two ways. `name` is a list of patterns (`call.*,transfer.*`), `call_id` picks one call."""
    router = APIRouter(prefix="/v2/accounts/{account_id}/events", tags=["events"])

    @router.get("", responses={200: {"content": {"text/event-stream": {}}}})
    async def events(asked: Annotated[Asked, Depends(asked_of)], account_id: str, name: str = "*",
                     call_id: str | None = None) -> Response:
        """Server-Sent Events: `event:` is the name, `data:` JSON. Ends only when you close it or we stop."""
        if is_full(account_id):
            raise crossbar.too_many()
        listener = _listener(account_id, name, call_id)
        return StreamingResponse(_sent(parts.events, listener), media_type="text/event-stream",
                                 headers={"cache-control": "no-store", "x-request-id": asked.request_id})

    @router.websocket("")
    async def socket(websocket: WebSocket, account_id: str, name: str = "*", call_id: str | None = None) -> None:
        """The same as JSON messages."""
        token = token_of(websocket.headers, Asked(0.0, query=dict(websocket.query_params)))
        asking = await tokens.account_of(token) if token else None
        if asking is None or asking not in parts.store.lineage(account_id):
            await websocket.close(POLICY_VIOLATION)
            return
        if is_full(account_id):
            await websocket.close(TRY_AGAIN_LATER)
            return
        await _talk(websocket, parts.events, _listener(account_id, name, call_id))

    def is_full(account_id: str) -> bool:
        return parts.events.count(account_id) >= parts.settings.event_streams

    return router


def _listener(account_id: str, name: str, call_id: str | None) -> Listener:
    return Listener(account_id, tuple(part.strip() for part in name.split(",") if part.strip()) or ("*",), call_id)


async def _sent(stream: EventStream, listener: Listener) -> AsyncIterator[str]:
    told = 0
    with stream.listening(listener):
        yield ": listening\n\n"
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    event = await listener.next()
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if event is None:
                return
            if listener.lost > told:
                yield f"event: events.lost\ndata: {json.dumps({'lost': listener.lost - told})}\n\n"
                told = listener.lost
            yield f"event: {event.name}\ndata: {json.dumps(shown(event), default=str)}\n\n"


async def _talk(websocket: WebSocket, stream: EventStream, listener: Listener) -> None:
    with stream.listening(listener):
        await websocket.accept()
        sending = asyncio.create_task(_over(websocket, listener))
        try:
            while True:
                await websocket.receive()  # only to notice that the client leaves
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _over(websocket: WebSocket, listener: Listener) -> None:
    while (event := await listener.next()) is not None:
        await websocket.send_text(json.dumps(shown(event), default=str))
    await websocket.close(GOING_AWAY)
