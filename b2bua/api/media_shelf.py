# SPDX-License-Identifier: GPL-3.0-or-later
"""The sounds that accounts upload: a document inside the account's, and a file. API loop; files are judged on a thread.

The documents are kept under MEDIA_KEY (an account's `media` is KAZOO's own, about codecs).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import soundfile

from b2bua.api import envelope as crossbar
from b2bua.api.envelope import Refused
from b2bua.media.library import MEDIA_ID, media_file, media_folder
from b2bua.store import Ref, Store
from b2bua.store.rows import Json
from config.settings import Sounds

MEDIA_KEY = "media_files"
MEDIA_MAX = 1000  # of one account
UPLOAD_S = 120.0  # for one sound
CONTENT_TYPES: Mapping[str, str] = {  # KAZOO's list, and the formats that it stands for
    "audio/mp3": "MP3", "audio/mpeg": "MP3", "audio/mpeg3": "MP3", "audio/x-wav": "WAV", "audio/wav": "WAV",
    "audio/wave": "WAV", "audio/ogg": "OGG", "audio/flac": "FLAC", "audio/x-flac": "FLAC", "video/ogg": "OGG",
    "application/octet-stream": "", "application/base64": ""}


class MediaShelf:
    """The media of all accounts."""

    def __init__(self, store: Store, settings: Sounds) -> None:
        self._store, self._settings = store, settings

    def all(self, account_id: str) -> dict[str, Json]:
        """By id."""
        return dict(self._store.account(account_id).record.document.get(MEDIA_KEY) or {})

    def one(self, account_id: str, media_id: str) -> Json:
        """raises Refused: 404"""
        found: Json | None = self.all(account_id).get(media_id)
        if found is None or not MEDIA_ID.fullmatch(media_id):
            raise crossbar.bad_identifier(media_id)
        return found

    async def edit(self, account_id: str, change: Callable[[dict[str, Json]], None]) -> str:
        """Change the documents; the new revision. raises Refused when there are too many"""
        def new(account: Json) -> Json:
            media = dict(account.get(MEDIA_KEY) or {})
            change(media)
            if len(media) > MEDIA_MAX:
                raise crossbar.invalid({"media": {"maxItems": {
                    "message": f"an account has {MEDIA_MAX} media at most", "target": MEDIA_MAX}}})
            return {**account, MEDIA_KEY: media}
        return (await self._store.edit(Ref(account_id, "account", account_id), new)).revision

    def file(self, account_id: str, media_id: str) -> Path:
        """Where its sound lies, or would."""
        return media_file(self._settings.directory, account_id, media_id)

    async def remove(self, account_id: str, media_id: str) -> str:
        """The document, then the file."""
        revision = await self.edit(account_id, lambda media: void(media.pop(media_id, None)))
        await asyncio.to_thread(self.file(account_id, media_id).unlink, missing_ok=True)
        return revision

    async def empty(self, account_id: str) -> None:
        """The sounds of an account that is gone; its documents went with it."""
        await asyncio.to_thread(shutil.rmtree, media_folder(self._settings.directory, account_id), ignore_errors=True)

    async def take(self, account_id: str, media_id: str, content_type: str, body: AsyncIterator[bytes]) -> Json:
        """The sound of a document, streamed to its place; what the document says about it. raises Refused"""
        if content_type not in CONTENT_TYPES:
            raise Refused(400, "invalid data", {"content_type": {"enum": {
                "message": "Value not found in enumerated list of values", "target": list(CONTENT_TYPES),
                "value": content_type}}})
        room = self._room(account_id, media_id)
        file = self.file(account_id, media_id)
        part = file.with_name(f".{media_id}-{os.urandom(4).hex()}.part")
        await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
        try:
            async with asyncio.timeout(UPLOAD_S):
                size = await self._receive(body, part, room)
            about = await asyncio.to_thread(self._judged, part, content_type)
            await asyncio.to_thread(part.replace, file)
        except TimeoutError:
            raise Refused(408, "request_timeout", {"message": f"the sound did not arrive in {UPLOAD_S:g} s"}) from None
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        return {**about, "content_type": content_type, "content_length": size}

    def _room(self, account_id: str, media_id: str) -> int:
        """Bytes that may come."""
        others = [media for key, media in self.all(account_id).items() if key != media_id]
        used: int = sum(media.get("content_length", 0) for media in others)
        left = round(self._settings.quota_mb * 1e6) - used
        return max(0, min(left, round(self._settings.max_mb * 1e6)))

    async def _receive(self, body: AsyncIterator[bytes], part: Path, room: int) -> int:
        size = 0
        out: Any = await asyncio.to_thread(part.open, "wb")
        with out:
            async for block in body:
                size += len(block)
                if size > room:
                    raise Refused(413, "file too large", {"message": f"there is room for {room} bytes (sounds.max_mb, "
                                                                     "sounds.quota_mb)"})
                await asyncio.to_thread(out.write, block)
        return size

    def _judged(self, part: Path, content_type: str) -> Json:
        """On a thread. raises Refused when it cannot be played"""
        try:
            found = soundfile.info(part)
        except (soundfile.LibsndfileError, RuntimeError):
            raise _unusable("this is no sound file that can be read (WAV, MP3, Ogg, FLAC)") from None
        wanted = CONTENT_TYPES[content_type]
        if wanted and found.format != wanted and not (wanted == "WAV" and found.format == "WAVEX"):
            raise _unusable(f"this is {found.format}, not {wanted}")
        if not 0 < found.duration <= self._settings.max_s:
            raise _unusable(f"a sound has {self._settings.max_s:g} s at most (sounds.max_s), and more than none")
        return {"duration_s": round(found.duration, 2)}


def _unusable(message: str) -> Refused:
    return crossbar.invalid({"raw": {"error": {"message": message}}})


def void(_: Any) -> None:
    """For changes that give something back."""
