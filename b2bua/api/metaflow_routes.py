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
from b2bua.store import Kind, Ref, Store

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
        if _is_dry(asked.query.get("dry_run", "")):
            return asked.answer(await dry_run(self._store, ref, checked, self._pbx_codes))
        revision = await self._store.replace_metaflows(ref, dict(checked.sent))
        return asked.answer(checked.filled, revision=revision)

    async def delete(self, asked: Asked, ref: Ref) -> Response:
        return asked.answer({}, revision=await self._store.delete_metaflows(ref))


def _is_dry(text: str) -> bool:
    """Who asks for a dry run in whatever words must not find the document stored. raises Refused"""
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("", "false", "0", "no"):
        return False
    raise crossbar.invalid({"dry_run": {"enum": {"message": "Value not found in enumerated list of values",
                                                 "target": ["true", "false"], "value": text}}})


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
    _account_routes(router, thing)
    _document_routes(router, thing, "user")
    _document_routes(router, thing, "device")
    return router


def _account_routes(router: APIRouter, thing: _Thing) -> None:
    @router.get("/metaflows", name="read the account's metaflows")
    async def read(asked: ThisRequest, account_id: str) -> Response:
        """The account's own metaflows, defaults filled in; {} when it has none."""
        return thing.get(asked, Ref(account_id, "account", account_id))

    @router.post("/metaflows", name="replace the account's metaflows")
    async def replace(asked: ThisRequest, account_id: str, dry_run: str = "") -> Response:
        """Replace them; calls that start afterwards have the new ones. `dry_run=true` checks and stores nothing."""
        return await thing.post(asked, Ref(account_id, "account", account_id))

    @router.delete("/metaflows", name="remove the account's metaflows")
    async def remove(asked: ThisRequest, account_id: str) -> Response:
        """Remove them."""
        return await thing.delete(asked, Ref(account_id, "account", account_id))


def _document_routes(router: APIRouter, thing: _Thing, kind: Kind) -> None:
    path = f"/{kind}s/{{document_id}}/metaflows"

    @router.get(path, name=f"read the {kind}'s metaflows")
    async def read(asked: ThisRequest, account_id: str, document_id: str) -> Response:
        """Its own metaflows, without what is inherited; {} when it has none."""
        return thing.get(asked, Ref(account_id, kind, document_id))

    @router.post(path, name=f"replace the {kind}'s metaflows")
    async def replace(asked: ThisRequest, account_id: str, document_id: str, dry_run: str = "") -> Response:
        """Replace them; `dry_run=true` checks them with what they inherit, and stores nothing."""
        return await thing.post(asked, Ref(account_id, kind, document_id))

    @router.delete(path, name=f"remove the {kind}'s metaflows")
    async def remove(asked: ThisRequest, account_id: str, document_id: str) -> Response:
        """Remove them."""
        return await thing.delete(asked, Ref(account_id, kind, document_id))
