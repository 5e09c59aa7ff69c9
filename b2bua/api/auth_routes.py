# SPDX-License-Identifier: GPL-3.0-or-later
"""`PUT /v2/api_auth`: an api key for a token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from b2bua.api import envelope as crossbar
from b2bua.api.envelope import Asked
from b2bua.api.front import asked_of
from b2bua.api.tokens import Tokens
from b2bua.store import Store


def auth_routes(store: Store, tokens: Tokens) -> APIRouter:
    """The routes that give tokens."""
    router = APIRouter(prefix="/v2", tags=["authentication"])

    @router.put("/api_auth", status_code=201)
    async def api_auth(asked: Annotated[Asked, Depends(asked_of)]) -> Response:
        """Get a token, valid for an hour, with the account's api key."""
        sent = asked.data if isinstance(asked.data, dict) else {}
        api_key = sent.get("api_key")
        if api_key is None:
            raise crossbar.invalid({"api_key": {"required": {"message": "Field is required but missing"}}})
        if not isinstance(api_key, str):
            raise crossbar.invalid({"api_key": {"type": {
                "message": "Value did not match type(s): string", "target": "string", "value": api_key}}})
        account_id = store.account_by_api_key(api_key)
        asked.token = asked.account_id = None
        if account_id is None:
            raise crossbar.bad_token()
        record = store.account(account_id).record
        asked.token, asked.account_id = await tokens.issue(account_id), account_id
        lineage = store.lineage(account_id)
        return asked.answer(
            {"account_id": account_id, "account_name": record.document.get("name", ""), "apps": [],
             "is_reseller": len(lineage) == 1, "language": record.document.get("language", "en-us"),
             "owner_id": account_id, "reseller_id": lineage[-1]},
            status=201, revision=record.revision)

    return router
