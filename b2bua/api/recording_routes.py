# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings: list, look at, listen to (Range included) and delete; those that run are there too.

KAZOO's routes and fields (`recordings.md`). Files are read on worker threads. One that was sealed is handed out as it
lies: we have no key for it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from b2bua.api import envelope as crossbar
from b2bua.api.envelope import Asked, Refused
from b2bua.api.front import asked_of
from b2bua.media.manifest import ID
from b2bua.media.shelf import Shelf, gregorian

ThisRequest = Annotated[Asked, Depends(asked_of)]
PAGE, PAGE_MAX = 50, 500  # KAZOO's page_size
HIDDEN = ("work",)  # of a track: where it lies while it is made
Json = Mapping[str, Any]


def recording_routes(shelf: Shelf) -> APIRouter:
    """The same routes below an account and below each of its users."""
    router = APIRouter(prefix="/v2/accounts/{account_id}", tags=["recordings"])

    @router.get("/recordings")
    async def recordings(asked: ThisRequest, account_id: str) -> Response:
        """The newest first; `page_size`, `start_key`, `created_from` and `created_to` (Gregorian seconds)."""
        return await _page(shelf, asked, account_id, lambda manifest: True)

    @router.get("/recordings/{recording_id}")
    async def recording(request: Request, asked: ThisRequest, account_id: str, recording_id: str) -> Response:
        """What is known of it, or (Accept: audio/...) its sound; `track` for one of a third person."""
        return await _one(shelf, request, asked, await _found(shelf, account_id, recording_id))

    @router.delete("/recordings/{recording_id}")
    async def remove(asked: ThisRequest, account_id: str, recording_id: str) -> Response:
        """Away with sound and manifest."""
        return await _remove(shelf, asked, await _found(shelf, account_id, recording_id))

    @router.get("/users/{user_id}/recordings")
    async def user_recordings(asked: ThisRequest, account_id: str, user_id: str) -> Response:
        """Those in which the user, or a device of the user, took part."""
        return await _page(shelf, asked, account_id, lambda manifest: user_id in owners(manifest))

    @router.get("/users/{user_id}/recordings/{recording_id}")
    async def user_recording(request: Request, asked: ThisRequest, account_id: str, user_id: str,
                             recording_id: str) -> Response:
        """As below the account."""
        return await _one(shelf, request, asked, await _found(shelf, account_id, recording_id, user_id))

    @router.delete("/users/{user_id}/recordings/{recording_id}")
    async def user_remove(asked: ThisRequest, account_id: str, user_id: str, recording_id: str) -> Response:
        """As below the account."""
        return await _remove(shelf, asked, await _found(shelf, account_id, recording_id, user_id))

    return router


def owners(manifest: Json) -> set[Any]:
    """Users (and devices) whose voices are in it."""
    people = list((manifest.get("people") or {}).values())
    return {person.get(key) for person in [*people, manifest] for key in ("owner_id", "endpoint_id")} - {None}


def shown(manifest: Json) -> dict[str, Any]:
    """Fit for clients."""
    tracks = [{key: value for key, value in track.items() if key not in HIDDEN} for track in manifest["tracks"]]
    return {**manifest, "tracks": tracks}


async def _found(shelf: Shelf, account_id: str, recording_id: str, user_id: str | None = None) -> Json:
    """raises Refused: 404 for another account's or user's, too"""
    manifest = await asyncio.to_thread(shelf.get, account_id, recording_id)
    if manifest is None or (user_id is not None and user_id not in owners(manifest)):
        raise crossbar.bad_identifier(recording_id)
    return manifest


async def _page(shelf: Shelf, asked: Asked, account_id: str, fits: Callable[[Json], bool]) -> Response:
    size = _number(asked, "page_size", PAGE)
    after = asked.query.get("start_key")
    if after is not None and not ID.fullmatch(after):
        raise _bad("start_key", after)
    from_s, to_s = (_time(asked, key, otherwise) for key, otherwise in (("created_from", 0.0),
                                                                      ("created_to", float("inf"))))

    def read() -> list[dict[str, Any]]:
        every = shelf.manifests(account_id, after=after, from_s=from_s, to_s=to_s)
        return [shown(manifest) for manifest in itertools.islice(filter(fits, every), size + 1)]

    found = await asyncio.to_thread(read)
    more = {"next_start_key": found[size - 1]["id"]} if len(found) > size else {}
    return asked.answer(found[:size], more={"page_size": min(size, len(found)), **more})


def _number(asked: Asked, key: str, otherwise: int) -> int:
    text = asked.query.get(key, str(otherwise))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 0 < int(text) <= PAGE_MAX:
        raise _bad(key, text)
    return int(text)


def _time(asked: Asked, key: str, otherwise: float) -> float:
    text = asked.query.get(key)
    try:
        return gregorian(text, otherwise)
    except ValueError:
        raise _bad(key, text) from None


def _bad(key: str, value: str | None) -> Refused:
    return crossbar.invalid({key: {"error": {"message": f"not a value for {key}", "value": value}}})


async def _one(shelf: Shelf, request: Request, asked: Asked, manifest: Json) -> Response:
    wanted = asked.query.get("accept") or request.headers.get("accept", "")
    if not wanted.lower().lstrip().startswith(("audio/", "application/octet-stream")):
        return asked.answer(shown(manifest))
    track = asked.query.get("track", "1")
    number = int(track) - 1 if track.isascii() and track.isdigit() and len(track) < 4 else -1
    path = await asyncio.to_thread(shelf.audio, manifest["account_id"], manifest, number)
    if path is None:
        raise crossbar.bad_identifier(f"{manifest['id']} track {track}")
    is_sealed, is_live = path.name.endswith(".sealed"), manifest["status"] == "recording"
    media = "application/octet-stream" if is_sealed else "audio/wav" if is_live else manifest["content_type"]
    disposition = "inline" if asked.query.get("inline") == "true" else "attachment"
    return FileResponse(path, media_type=media, filename=path.name, content_disposition_type=disposition)


async def _remove(shelf: Shelf, asked: Asked, manifest: Json) -> Response:
    if manifest["status"] != "stored":
        raise Refused(400, "invalid data", {"message": "it is being made: stop it first"})
    await asyncio.to_thread(shelf.delete, manifest["account_id"], manifest)
    return asked.answer(shown(manifest))
