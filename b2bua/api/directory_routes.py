# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users and devices: PUT creates, POST replaces, PATCH merges, DELETE removes."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from b2bua.api import documents
from b2bua.api.envelope import Asked
from b2bua.api.front import asked_of
from b2bua.api.media_shelf import MediaShelf
from b2bua.store import Kind, Ref, Store
from b2bua.store.rows import BESIDES, Json

ThisRequest = Annotated[Asked, Depends(asked_of)]


class _Shelf:
    """The same four verbs for every kind of document."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, asked: Asked, account_id: str, kind: Kind) -> Response:
        account = self._store.account(account_id)
        return asked.answer(documents.listed(kind, account.users if kind == "user" else account.devices))

    def get(self, asked: Asked, ref: Ref) -> Response:
        record = self._store.record(ref)
        return asked.answer(documents.shown(record, ref.id), revision=record.revision)

    async def put(self, asked: Asked, account_id: str, kind: Kind) -> Response:
        ref = Ref(account_id, kind, secrets.token_hex(16))
        document = documents.checked(kind, asked.data, ref.id, self._store.account(account_id))
        record = await self._store.create(ref, document)
        return asked.answer(documents.shown(record, ref.id), status=201, revision=record.revision)

    async def change(self, asked: Asked, ref: Ref, *, merge: bool) -> Response:
        account = self._store.account(ref.account_id)

        def new(old: Json) -> Json:
            sent = documents.merged(old, asked.data) if merge else asked.data
            kept = {key: old[key] for key in BESIDES if key in old}
            return documents.checked(ref.kind, sent, ref.id, account) | kept
        record = await self._store.edit(ref, new)
        return asked.answer(documents.shown(record, ref.id), revision=record.revision)

    async def delete(self, asked: Asked, ref: Ref) -> Response:
        record = await self._store.delete(ref)
        return asked.answer(documents.shown(record, ref.id), revision=record.revision)

    async def put_account(self, asked: Asked, parent_id: str) -> Response:
        new_id, api_key = secrets.token_hex(16), secrets.token_hex(32)
        ref = Ref(new_id, "account", new_id)
        document = documents.checked("account", asked.data, new_id, None)
        record = await self._store.create(ref, document, parent_id=parent_id, api_key=api_key)
        return asked.answer({**documents.shown(record, new_id), "api_key": api_key}, status=201,
                            revision=record.revision)


def directory_routes(store: Store, media: MediaShelf) -> APIRouter:
    """Accounts here; users and devices below them."""
    router = APIRouter(prefix="/v2/accounts", tags=["directory"])
    shelf = _Shelf(store)
    _account_routes(router, shelf, media)
    _family_routes(router, store, shelf)
    _document_routes(router, shelf, "user")
    _document_routes(router, shelf, "device")
    return router


def _account_routes(router: APIRouter, shelf: _Shelf, media: MediaShelf) -> None:
    @router.get("/{account_id}")
    async def read_account(asked: ThisRequest, account_id: str) -> Response:
        """The account's document."""
        return shelf.get(asked, Ref(account_id, "account", account_id))

    @router.post("/{account_id}")
    async def replace_account(asked: ThisRequest, account_id: str) -> Response:
        """Replace the account's document; metaflows that are not sent are removed."""
        return await shelf.change(asked, Ref(account_id, "account", account_id), merge=False)

    @router.patch("/{account_id}")
    async def patch_account(asked: ThisRequest, account_id: str) -> Response:
        """Merge into the account's document; null removes a key."""
        return await shelf.change(asked, Ref(account_id, "account", account_id), merge=True)

    @router.delete("/{account_id}")
    async def remove_account(asked: ThisRequest, account_id: str) -> Response:
        """Remove the account with everything in it, but for its recordings: they go when `retention_days` says so."""
        answer = await shelf.delete(asked, Ref(account_id, "account", account_id))
        await media.empty(account_id)
        return answer


def _family_routes(router: APIRouter, store: Store, shelf: _Shelf) -> None:
    @router.put("", status_code=201)
    async def create_below_mine(asked: ThisRequest) -> Response:
        """A new account below the one that asks. Its api key is in this answer, and never again."""
        return await shelf.put_account(asked, str(asked.account_id))

    @router.put("/{account_id}", status_code=201)
    async def create_account(asked: ThisRequest, account_id: str) -> Response:
        """A new account below this one. Its api key is in this answer, and never again."""
        return await shelf.put_account(asked, account_id)

    @router.get("/{account_id}/children")
    async def children(asked: ThisRequest, account_id: str) -> Response:
        """The accounts right below."""
        found = {child: store.account(child).record for child in store.children(account_id)}
        return asked.answer(documents.listed("account", found))

    @router.put("/{account_id}/api_key", status_code=201)
    async def renew_api_key(asked: ThisRequest, account_id: str) -> Response:
        """A new api key, in this answer and never again; the old one and its tokens end."""
        return asked.answer({"api_key": await store.renew_api_key(account_id)}, status=201)


def _document_routes(router: APIRouter, shelf: _Shelf, kind: Kind) -> None:
    many, one = f"/{{account_id}}/{kind}s", f"/{{account_id}}/{kind}s/{{document_id}}"

    @router.get(many, name=f"list {kind}s")
    async def index(asked: ThisRequest, account_id: str) -> Response:
        """All of them, in short."""
        return shelf.list(asked, account_id, kind)

    @router.put(many, name=f"create {kind}", status_code=201)
    async def create(asked: ThisRequest, account_id: str) -> Response:
        """A new one; its id is ours."""
        return await shelf.put(asked, account_id, kind)

    @router.get(one, name=f"read {kind}")
    async def read(asked: ThisRequest, account_id: str, document_id: str) -> Response:
        """The document."""
        return shelf.get(asked, Ref(account_id, kind, document_id))

    @router.post(one, name=f"replace {kind}")
    async def replace(asked: ThisRequest, account_id: str, document_id: str) -> Response:
        """Replace the document; metaflows that are not sent are removed."""
        return await shelf.change(asked, Ref(account_id, kind, document_id), merge=False)

    @router.patch(one, name=f"patch {kind}")
    async def patch(asked: ThisRequest, account_id: str, document_id: str) -> Response:
        """Merge into the document; null removes a key."""
        return await shelf.change(asked, Ref(account_id, kind, document_id), merge=True)

    @router.delete(one, name=f"remove {kind}")
    async def remove(asked: ThisRequest, account_id: str, document_id: str) -> Response:
        """Remove the document."""
        return await shelf.delete(asked, Ref(account_id, kind, document_id))
