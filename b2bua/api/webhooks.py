# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: events of an account sent to its own web servers, signed, with retries. API loop; never the SIP thread.

Each request carries `X-B2BUA-Signature: t=<seconds>,v1=<hex>`, the HMAC-SHA256, keyed with the webhook's secret, of
`<seconds>.<body>`. A webhook's events are sent one after the other, in order; one that cannot be delivered holds up
only its own webhook, and when its queue is full the newest events are lost and counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import httpx
from prometheus_client import CollectorRegistry, Counter

from b2bua import web
from b2bua.api.stream import EventStream, Listener, shown
from b2bua.calls.events import Event
from b2bua.calls.tasks import Tasks
from b2bua.store import Store, UnknownDocument

log = logging.getLogger(__name__)

HOOKS: Mapping[str, str] = {"channel_create": "call.started", "channel_answer": "call.answered",
                            "channel_destroy": "call.ended", "all": "*"}  # KAZOO's names
QUEUE_MAX = 1000  # events one webhook may be behind
TIMEOUT_S = 5.0
RETRIES = 2  # KAZOO's default
IDLE_S = 60.0  # without an event for so long, a webhook's queue is put away
FIRST_PAUSE_S = 1.0  # doubled after each failure


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The value of the signature header."""
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


class Webhooks:
    """Hears all events, and sends those that somebody asked for."""

    def __init__(self, store: Store, stream: EventStream, registry: CollectorRegistry, clock: Callable[[], float],
                 *, private_addresses: bool = False, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._store, self._stream, self._clock, self._first_pause_s = store, stream, clock, first_pause_s
        self._outcomes = Counter("b2bua_webhook_events", "Webhook events by outcome.", ["outcome"], registry=registry)
        self._queues: dict[tuple[str, str], asyncio.Queue[Event]] = {}
        self._tasks = Tasks()
        self._http = web.client(private_addresses=private_addresses, timeout_s=TIMEOUT_S)

    def start(self) -> None:
        """Begin to listen. On the API loop."""
        self._tasks.add(self._hear(), "webhooks")

    async def stop(self) -> None:
        """Stop; what has not been sent is not sent."""
        await self._tasks.end()
        await self._http.aclose()

    async def _hear(self) -> None:
        with self._stream.listening(Listener(None)) as listener:
            while (event := await listener.next()) is not None:
                for webhook_id, webhook in self._of(event.account_id).items():
                    if webhook.get("enabled", True) and wants(webhook, event.name):
                        self._queue((str(event.account_id), webhook_id), event)

    def _of(self, account_id: str | None) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._store.account(str(account_id)).record.document.get("webhooks") or {}
        except UnknownDocument:
            return {}
        return found

    def _queue(self, key: tuple[str, str], event: Event) -> None:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = asyncio.Queue(QUEUE_MAX)
            self._tasks.add(self._deliver(key, queue), f"webhook {key[1]}")
        try:
            queue.put_nowait(event)
        except asyncio.QueueFull:
            self._outcomes.labels("lost").inc()

    async def _deliver(self, key: tuple[str, str], queue: asyncio.Queue[Event]) -> None:
        """One webhook's events, in order, until the webhook is gone or nothing has happened for a while."""
        try:
            while True:
                try:
                    async with asyncio.timeout(IDLE_S):
                        event = await queue.get()
                except TimeoutError:
                    if queue.empty():
                        return
                    continue
                webhook = self._of(key[0]).get(key[1])
                if webhook is None:
                    return
                if webhook.get("enabled", True):
                    await self._send(key[1], webhook, event)
        finally:  # whatever went wrong: the next event begins anew
            del self._queues[key]

    async def _send(self, webhook_id: str, webhook: Mapping[str, Any], event: Event) -> None:
        body = json.dumps({**shown(event), "custom_data": webhook.get("custom_data") or {}}, default=str).encode()
        pause_s, why = self._first_pause_s, ""
        for attempt in range(1 + int(webhook.get("retries", RETRIES))):
            if attempt:
                await asyncio.sleep(pause_s)
                pause_s *= 2
            headers = {"content-type": "application/json",
                       "x-b2bua-signature": signature(webhook["secret"], int(self._clock()), body)}
            try:
                answer = await self._http.request(webhook.get("http_verb", "post").upper(), webhook["uri"],
                                                  content=body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                why = str(error) or type(error).__name__
                continue
            if answer.is_success:
                self._outcomes.labels("delivered").inc()
                return
            why = f"answer {answer.status_code}"
        self._outcomes.labels("failed").inc()
        log.warning("webhook %s: %s was not delivered: %s", webhook_id, event.name, why)


def wants(webhook: Mapping[str, Any], name: str) -> bool:
    """Did the webhook ask for events of this name? `hook` is KAZOO's name, or patterns such as `call.*,digit.*`."""
    hook = str(webhook.get("hook", ""))
    return any(fnmatchcase(name, HOOKS.get(part.strip(), part.strip())) for part in hook.split(","))
