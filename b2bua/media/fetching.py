# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound files from URLs, kept as long as their server says (RFC 9111 §4.2, §4.3). The workshop's loop.

Bounded in size, time and redirects; private addresses only where the operator allows them (`b2bua.web`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from b2bua.calls.sounds import SoundError
from b2bua.web import client

_REDIRECTS_MAX = 5
_FRESH_S = 60.0  # where the server says nothing
_FRESH_MAX_S = 86400.0  # whatever it says
_SHOWN_MAX = 200  # characters of a URL in a message
_FILES_MAX = 500  # kept at a time


class Fetcher:
    """Knows the files that were fetched; each has a JSON file beside it with its validators."""

    def __init__(self, folder: Path, *, max_bytes: int, timeout_s: float, private_addresses: bool,
                 clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._max_bytes, self._timeout_s = folder, max_bytes, timeout_s
        self._private, self._clock = private_addresses, clock

    async def get(self, url: str) -> Path:
        """The file of this URL: ours while it is fresh, asked for again afterwards. Raises SoundError."""
        try:
            urlsplit(url)
            file = self._folder / hashlib.sha256(url.encode()).hexdigest()[:40]
        except ValueError:
            raise SoundError("what was asked for is no URL") from None
        known = _read(file)
        if known and self._clock() < known["fresh_until"]:
            return file
        try:
            async with asyncio.timeout(self._timeout_s), client(private_addresses=self._private,
                                                                timeout_s=self._timeout_s) as http:
                await self._fetch(http, url, file, known)
        except TimeoutError:
            raise SoundError(f"{shown(url)} was not fetched within {self._timeout_s:g} s (sounds.timeout_s)") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise SoundError(f"{shown(url)} cannot be fetched: {error or type(error).__name__}") from None
        return file

    async def _fetch(self, http: httpx.AsyncClient, url: str, file: Path, known: Mapping[str, Any]) -> None:
        headers = {name: known[key] for key, name in (("etag", "if-none-match"), ("modified", "if-modified-since"))
                   if known.get(key)}
        at = url
        for _ in range(_REDIRECTS_MAX + 1):
            async with http.stream("GET", at, headers=headers) as answer:
                if answer.has_redirect_location:
                    at = urljoin(at, answer.headers.get("location", ""))
                    if urlsplit(at).scheme not in ("http", "https"):
                        raise SoundError(f"{shown(url)} leads to {at.partition(':')[0]}:, which is no web address")
                    continue
                if answer.status_code != 304 or not known:
                    await self._keep(answer, url, file)
                self._note(answer, file, known)
                return
        raise SoundError(f"{shown(url)} redirects more than {_REDIRECTS_MAX} times")

    async def _keep(self, answer: httpx.Response, url: str, file: Path) -> None:
        if answer.status_code != 200:
            raise SoundError(f"{shown(url)} answers {answer.status_code}")
        part, size = file.with_suffix(f".{os.urandom(4).hex()}.part"), 0
        try:
            with part.open("wb") as out:  # a local disk and blocks of some kB: it does not hold up this loop
                async for block in answer.aiter_bytes():
                    size += len(block)
                    if size > self._max_bytes:
                        raise SoundError(f"{shown(url)} is larger than {self._max_bytes} bytes (sounds.max_mb)")
                    out.write(block)
            part.replace(file)
            self._tidy(file)
        finally:
            part.unlink(missing_ok=True)

    def _note(self, answer: httpx.Response, file: Path, known: Mapping[str, Any]) -> None:
        note = {"fresh_until": self._clock() + _fresh_s(answer.headers),
                "etag": answer.headers.get("etag") or known.get("etag"),
                "modified": answer.headers.get("last-modified") or known.get("modified")}
        file.with_suffix(".json").write_text(json.dumps(note))

    def _tidy(self, newest: Path) -> None:
        files = sorted((one for one in self._folder.iterdir() if not one.suffix and one != newest),
                       key=lambda one: one.stat().st_mtime, reverse=True)
        for old in files[_FILES_MAX:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".json").unlink(missing_ok=True)


def shown(url: str) -> str:
    """A URL for people: without user, password and query, where secrets stand."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:_SHOWN_MAX]


def _read(file: Path) -> dict[str, Any]:
    try:
        note = json.loads(file.with_suffix(".json").read_text())
        return note if file.exists() and isinstance(note.get("fresh_until"), float) else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _fresh_s(headers: httpx.Headers) -> float:
    """How long the answer may be used without asking again."""
    control = headers.get("cache-control", "").lower()
    if "no-store" in control or "no-cache" in control:
        return 0.0
    age = re.search(r"max-age\s*=\s*\"?(\d+)", control)
    return min(float(age[1]), _FRESH_MAX_S) if age else _FRESH_S
