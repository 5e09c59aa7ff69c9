# SPDX-License-Identifier: GPL-3.0-or-later
"""`/v2/accounts/{A}/media`: sounds of an account, as KAZOO's Crossbar has them: a document first, then the sound."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import FileResponse, Response

from b2bua.api import envelope as crossbar
from b2bua.api.documents import NAME_MAX, merged
from b2bua.api.envelope import Asked
from b2bua.api.front import asked_of
from b2bua.api.media_shelf import MediaShelf
from b2bua.store.rows import Json

ThisRequest = Annotated[Asked, Depends(asked_of)]
OF_THE_FILE = ("content_type", "content_length", "duration_s")  # never what a client says
LISTED = ("name", "language", "media_source", "content_type", "content_length", "duration_s")


def shown(media_id: str, media: Json) -> Json:
    """As it is returned."""
    return {**media, "id": media_id}


def checked(sent: Any, kept: Json) -> Json:
    """What is to be stored; what is known about the file stays. raises Refused"""
    document = {key: value for key, value in (sent if isinstance(sent, dict) else {}).items()
                if key not in (*OF_THE_FILE, "id")}
    errors: dict[str, Any] = {}
    name = document.get("name")
    if not isinstance(name, str) or not name:
        errors["name"] = {"required": {"message": "Field is required but missing"}}
    elif len(name) > NAME_MAX:
        errors["name"] = {"maxLength": {"message": f"String must not be more than {NAME_MAX} characters",
                                        "target": NAME_MAX}}
    if document.setdefault("media_source", "upload") != "upload":
        errors["media_source"] = {"enum": {"message": "Value not found in enumerated list of values",
                                           "target": ["upload"], "value": document["media_source"]}}
    for key in ("language", "description"):
        if not isinstance(document.get(key, ""), str) or len(document.get(key, "")) > NAME_MAX:
            errors[key] = {"type": {"message": "Value did not match type(s): string", "target": "string"}}
    if errors:
        raise crossbar.invalid(errors)
    return document | {key: kept[key] for key in OF_THE_FILE if key in kept}


async def _save(shelf: MediaShelf, asked: Asked, account_id: str, media_id: str, media: Json,
                status: int = 200) -> Response:
    revision = await shelf.edit(account_id, lambda every: every.update({media_id: media}))
    return asked.answer(shown(media_id, media), status=status, revision=revision)


def media_routes(shelf: MediaShelf) -> APIRouter:
    """List, create, read, replace, patch, remove; and the sound itself below `raw`."""
    router = APIRouter(prefix="/v2/accounts/{account_id}/media", tags=["media"])

    @router.get("")
    async def list_media(asked: ThisRequest, account_id: str) -> Response:
        """All media of the account, in short."""
        return asked.answer([{"id": key, **{name: media[name] for name in LISTED if name in media}}
                             for key, media in shelf.all(account_id).items()])

    @router.put("", status_code=201)
    async def create_media(asked: ThisRequest, account_id: str) -> Response:
        """`name`, and what else you want to keep. The sound comes next, by POST to `.../{id}/raw`."""
        return await _save(shelf, asked, account_id, secrets.token_hex(16), checked(asked.data, {}), 201)

    @router.get("/{media_id}")
    async def read_media(asked: ThisRequest, account_id: str, media_id: str) -> Response:
        """One document."""
        return asked.answer(shown(media_id, shelf.one(account_id, media_id)))

    @router.post("/{media_id}")
    async def replace_media(asked: ThisRequest, account_id: str, media_id: str) -> Response:
        """Another document; the sound stays."""
        old = shelf.one(account_id, media_id)
        return await _save(shelf, asked, account_id, media_id, checked(asked.data, old))

    @router.patch("/{media_id}")
    async def patch_media(asked: ThisRequest, account_id: str, media_id: str) -> Response:
        """Merge into it."""
        old = shelf.one(account_id, media_id)
        return await _save(shelf, asked, account_id, media_id, checked(merged(old, asked.data), old))

    @router.delete("/{media_id}")
    async def remove_media(asked: ThisRequest, account_id: str, media_id: str) -> Response:
        """Remove it, and its sound."""
        old = shelf.one(account_id, media_id)
        return asked.answer(shown(media_id, old), revision=await shelf.remove(account_id, media_id))

    _raw(router, shelf)
    return router


def _raw(router: APIRouter, shelf: MediaShelf) -> None:
    @router.get("/{media_id}/raw")
    async def raw(account_id: str, media_id: str) -> Response:
        """The sound as it was uploaded."""
        media, file = shelf.one(account_id, media_id), shelf.file(account_id, media_id)
        if not await asyncio.to_thread(file.is_file):
            raise crossbar.bad_identifier(media_id)
        return FileResponse(file, media_type=media.get("content_type"), filename=media["name"])

    @router.post("/{media_id}/raw")
    async def upload(asked: ThisRequest, request: Request, account_id: str, media_id: str) -> Response:
        """The sound itself as the body: WAV, MP3, Ogg or FLAC, of any rate, with its Content-Type."""
        shelf.one(account_id, media_id)
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        about = await shelf.take(account_id, media_id, content_type, request.stream())
        return await _save(shelf, asked, account_id, media_id, shelf.one(account_id, media_id) | about)
