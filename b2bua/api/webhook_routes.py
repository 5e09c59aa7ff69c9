# SPDX-License-Identifier: GPL-3.0-or-later
"""`/v2/accounts/{A}/webhooks`: who is told of what. The secret is shown once, when the webhook is made."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from b2bua.api import envelope as crossbar
from b2bua.api.documents import merged
from b2bua.api.envelope import Asked
from b2bua.api.front import asked_of
from b2bua.metaflows.validation import is_client_url
from b2bua.store import Ref, Store
from b2bua.store.rows import Json

ThisRequest = Annotated[Asked, Depends(asked_of)]
TEXTS = ("name", "uri", "hook")
WEBHOOKS_MAX = 100  # of one account: each has a queue and a connection
RETRIES_MAX = 4  # KAZOO's limit
OPTIONS: Mapping[str, Callable[[Any], bool]] = {
    "enabled": lambda value: isinstance(value, bool),
    "secret": lambda value: isinstance(value, str) and len(value) >= 8 and _is_text(value),
    "custom_data": lambda value: isinstance(value, dict),
    "http_verb": lambda value: value in ("post", "put"),
    "retries": lambda value: type(value) is int and 0 <= value <= RETRIES_MAX,
}


class _Shelf:
    """The webhooks of an account, kept inside its document."""

    def __init__(self, store: Store, *, private_addresses: bool) -> None:
        self._store, self._private_addresses = store, private_addresses

    def all(self, account_id: str) -> dict[str, Json]:
        return dict(self._store.account(account_id).record.document.get("webhooks") or {})

    def one(self, account_id: str, webhook_id: str) -> Json:
        try:
            return self.all(account_id)[webhook_id]
        except KeyError:
            raise crossbar.bad_identifier(webhook_id) from None

    async def edit(self, account_id: str, change: Callable[[dict[str, Json]], None]) -> str:
        def new(account: Json) -> Json:
            webhooks = dict(account.get("webhooks") or {})
            change(webhooks)
            if len(webhooks) > WEBHOOKS_MAX:
                raise crossbar.invalid({"webhooks": {"maxItems": {
                    "message": f"an account has {WEBHOOKS_MAX} webhooks at most", "target": WEBHOOKS_MAX}}})
            return {**account, "webhooks": webhooks}
        return (await self._store.edit(Ref(account_id, "account", account_id), new)).revision

    async def remove(self, account_id: str, webhook_id: str) -> str:
        def without(webhooks: dict[str, Json]) -> None:
            webhooks.pop(webhook_id, None)
        return await self.edit(account_id, without)

    async def save(self, asked: Asked, account_id: str, webhook_id: str, sent: Any, status: int = 200) -> Response:
        webhook = checked(sent, private_addresses=self._private_addresses)
        webhook.setdefault("secret", secrets.token_hex(32))
        revision = await self.edit(account_id, lambda webhooks: webhooks.update({webhook_id: webhook}))
        data = {**webhook, "id": webhook_id}
        return asked.answer(data if status == 201 else shown(webhook_id, webhook), status=status, revision=revision)


def shown(webhook_id: str, webhook: Json) -> Json:
    """Without its secret."""
    return {**{key: value for key, value in webhook.items() if key != "secret"}, "id": webhook_id}


def checked(sent: Any, *, private_addresses: bool) -> Json:
    """What is to be stored. raises Refused"""
    document = dict(sent) if isinstance(sent, dict) else {}
    document.pop("id", None)
    errors: dict[str, Any] = {}
    for key in TEXTS:
        if not isinstance(document.get(key), str) or not document[key]:
            errors[key] = {"required": {"message": "Field is required but missing"}}
    if "uri" not in errors and not is_client_url(document["uri"], private=private_addresses):
        errors["uri"] = {"error": {"message": "invalid client URL", "value": document["uri"]}}
    for key, good in OPTIONS.items():
        if key in document and not good(document[key]):
            errors[key] = {"error": {"message": f"not a value for {key}", "value": None if key == "secret"
                                     else document[key]}}
    if errors:
        raise crossbar.invalid(errors)
    return document


def _with_secret(old: Json, sent: Any) -> Any:
    """What was sent, with the old secret if it brings none: a new one would be shown to nobody."""
    return {"secret": old["secret"], **sent} if isinstance(sent, dict) else sent


def _is_text(value: str) -> bool:
    """Can it be sent? JSON may hold halves of surrogate pairs."""
    try:
        return bool(value.encode())
    except UnicodeEncodeError:
        return False


def webhook_routes(store: Store, *, private_addresses: bool) -> APIRouter:
    """List, create, read, replace, patch, remove."""
    router = APIRouter(prefix="/v2/accounts/{account_id}/webhooks", tags=["webhooks"])
    shelf = _Shelf(store, private_addresses=private_addresses)

    @router.get("")
    async def list_webhooks(asked: ThisRequest, account_id: str) -> Response:
        """All webhooks of the account, without their secrets."""
        return asked.answer([shown(key, webhook) for key, webhook in shelf.all(account_id).items()])

    @router.put("", status_code=201)
    async def create_webhook(asked: ThisRequest, account_id: str) -> Response:
        """`name`, `uri`, `hook` (e.g. `call.*` or `channel_destroy`); the secret is in this answer, and never again."""
        return await shelf.save(asked, account_id, secrets.token_hex(16), asked.data, 201)

    @router.get("/{webhook_id}")
    async def read_webhook(asked: ThisRequest, account_id: str, webhook_id: str) -> Response:
        """One webhook."""
        return asked.answer(shown(webhook_id, shelf.one(account_id, webhook_id)))

    @router.post("/{webhook_id}")
    async def replace_webhook(asked: ThisRequest, account_id: str, webhook_id: str) -> Response:
        """Replace it; the secret stays unless you send another."""
        old = shelf.one(account_id, webhook_id)
        return await shelf.save(asked, account_id, webhook_id, _with_secret(old, asked.data))

    @router.patch("/{webhook_id}")
    async def patch_webhook(asked: ThisRequest, account_id: str, webhook_id: str) -> Response:
        """Merge into it; the secret can be changed, not removed."""
        old = shelf.one(account_id, webhook_id)
        return await shelf.save(asked, account_id, webhook_id, _with_secret(old, merged(old, asked.data)))

    @router.delete("/{webhook_id}")
    async def remove_webhook(asked: ThisRequest, account_id: str, webhook_id: str) -> Response:
        """Remove it."""
        old = shelf.one(account_id, webhook_id)
        revision = await shelf.remove(account_id, webhook_id)
        return asked.answer(shown(webhook_id, old), revision=revision)

    return router
