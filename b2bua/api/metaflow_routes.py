# SPDX-License-Identifier: GPL-3.0-or-later
"""The metaflows of an account, a user or a device: read, replace, remove (metaflows.md 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from b2bua.api import envelope as crossbar
from b2bua.api.dry_run import dry_run
from b2bua.api.envelope import Asked
from b2bua.api.front import asked_of
from b2bua.metaflows.validation import InvalidDocument, validate, with_defaults
from b2bua.store import Ref, Store

ThisRequest = Annotated[Asked, Depends(asked_of)]


class _Thing:
    """What is done to the metaflows of any document."""

    def __init__(self, store: Store, pbx_codes: Sequence[str]) -> None:
        self._store, self._pbx_codes = store, pbx_codes

    def get(self, asked: Asked, ref: Ref) -> Response:
        stored = self._store.metaflows(ref)
        return asked.answer({} if stored is None else with_defaults(stored))

    async def post(self, asked: Asked, ref: Ref) -> Response:
        checked = checked_metaflows(asked.data)
        if asked.query.get("dry_run") == "true":
            return asked.answer(await dry_run(self._store, ref, checked, self._pbx_codes))
        revision = await self._store.replace_metaflows(ref, dict(checked.sent))
        return asked.answer(checked.filled, revision=revision)

    async def delete(self, asked: Asked, ref: Ref) -> Response:
        return asked.answer({}, revision=await self._store.delete_metaflows(ref))


def checked_metaflows(document: Any, name: str = "metaflows") -> Any:
    """Validated; what is wrong is answered with 400."""
    try:
        return validate(document, name)
    except InvalidDocument as error:
        raise crossbar.invalid(error.errors) from None


def metaflow_routes(store: Store, pbx_codes: Sequence[str] = ()) -> APIRouter:
    """Nine routes: three verbs on three kinds of document."""
    router = APIRouter(prefix="/v2/accounts/{account_id}", tags=["metaflows"])
    thing = _Thing(store, pbx_codes)

    @router.get("/metaflows")
    async def read_account(asked: ThisRequest, account_id: str) -> Response:
        """The account's own metaflows, defaults filled in; {} when it has none."""
        return thing.get(asked, Ref(account_id, "account", account_id))

    @router.post("/metaflows")
    async def replace_account(asked: ThisRequest, account_id: str) -> Response:
        """Replace the account's metaflows. Calls that start afterwards have them. `?dry_run=true` only checks them."""
        return await thing.post(asked, Ref(account_id, "account", account_id))

    @router.delete("/metaflows")
    async def remove_account(asked: ThisRequest, account_id: str) -> Response:
        """Remove the account's metaflows."""
        return await thing.delete(asked, Ref(account_id, "account", account_id))

    _below(router, thing)
    return router


def _below(router: APIRouter, thing: _Thing) -> None:
    """The same for users and devices."""
    @router.get("/users/{user_id}/metaflows")
    async def read_user(asked: ThisRequest, account_id: str, user_id: str) -> Response:
        """The user's own metaflows, without what is inherited."""
        return thing.get(asked, Ref(account_id, "user", user_id))

    @router.post("/users/{user_id}/metaflows")
    async def replace_user(asked: ThisRequest, account_id: str, user_id: str) -> Response:
        """Replace the user's metaflows; `?dry_run=true` only checks them, with what they inherit."""
        return await thing.post(asked, Ref(account_id, "user", user_id))

    @router.delete("/users/{user_id}/metaflows")
    async def remove_user(asked: ThisRequest, account_id: str, user_id: str) -> Response:
        """Remove the user's metaflows."""
        return await thing.delete(asked, Ref(account_id, "user", user_id))

    @router.get("/devices/{device_id}/metaflows")
    async def read_device(asked: ThisRequest, account_id: str, device_id: str) -> Response:
        """The device's own metaflows, without what is inherited."""
        return thing.get(asked, Ref(account_id, "device", device_id))

    @router.post("/devices/{device_id}/metaflows")
    async def replace_device(asked: ThisRequest, account_id: str, device_id: str) -> Response:
        """Replace the device's metaflows; `?dry_run=true` only checks them, with what they inherit."""
        return await thing.post(asked, Ref(account_id, "device", device_id))

    @router.delete("/devices/{device_id}/metaflows")
    async def remove_device(asked: ThisRequest, account_id: str, device_id: str) -> Response:
        """Remove the device's metaflows."""
        return await thing.delete(asked, Ref(account_id, "device", device_id))
