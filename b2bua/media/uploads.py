# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings sent away: the `uploads` thread, a loop of its own. What is to be sent lies on disk until it was.

A server that refuses, stalls or dies costs recordings of its own account a wait, and others nothing. Addresses are
judged when the connection is made (`b2bua.web`); neither they nor passwords stand in logs and events.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from b2bua import web
from b2bua.calls.tasks import Tasks
from b2bua.media.encoding import CONTENT_TYPES
from b2bua.media.recorder import replace_text
from b2bua.media.s3 import signed
from b2bua.media.shelf import Shelf, read_json
from b2bua.media.upload_url import compose
from config.recordings import Recordings as Settings

log = logging.getLogger(__name__)

AT_ONCE = 4  # uploads of one account at the same time
SLOWEST = 8000  # bytes per second, after the first `timeout_s`; who takes less has failed
REDIRECTS_MAX = 10  # KAZOO's
_PIECE = 65536
Json = dict[str, Any]
Told = Callable[[str, Mapping[str, Any]], None]


class Uploads:
    """`send` from any thread. told: uploaded, upload_failed (final), from the uploads thread."""

    def __init__(self, settings: Settings, shelf: Shelf, told: Told) -> None:
        self._settings, self._shelf, self._told = settings, shelf, told
        self._folder = settings.directory / "uploads"
        self._loop: asyncio.AbstractEventLoop  # from `start` on
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)
        self._tasks = Tasks()
        self._slots: dict[str | None, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._clients: dict[bool, httpx.AsyncClient] = {}

    def start(self) -> None:
        """Begin with what an earlier process has left."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        for path in sorted(self._folder.glob("*.json")):
            self._loop.call_soon_threadsafe(self._begin, path)

    def stop(self) -> None:
        """What has not been sent is sent after the next start."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def send(self, manifest: Mapping[str, Any], orders: Mapping[str, Any], file: Path) -> None:
        """Send this one, if somebody has said where to. raises OSError when it cannot be written down"""
        if not orders.get("url") and self._settings.upload.s3 is None:
            return
        job = {"id": manifest["id"], "account_id": manifest.get("account_id"), "file": str(file),
               "url": orders.get("url"), "method": orders.get("method") or "put", "attempts": 0, "due_s": 0.0}
        path = self._folder / f"{manifest['id']}.json"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(path, json.dumps(job))
        self._loop.call_soon_threadsafe(self._begin, path)

    # -- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._end())
            self._loop.close()

    async def _end(self) -> None:
        await self._tasks.end()
        await asyncio.gather(*(http.aclose() for http in self._clients.values()), return_exceptions=True)

    def _begin(self, path: Path) -> None:
        self._tasks.add(self._deliver(path), f"upload of {path.stem}")

    async def _deliver(self, path: Path) -> None:
        """Until it was taken, or was refused often enough, or is gone."""
        upload = self._settings.upload
        while True:
            job = read_json(path)
            if job is None:
                return
            await asyncio.sleep(max(0.0, job["due_s"] - time.time()))
            manifest = self._shelf.get(job["account_id"] or "none", job["id"])
            if manifest is None or _is_gone(path, job):
                return
            async with self._slots[job["account_id"]]:
                why = await self._attempt(job, manifest)
            attempts = job["attempts"] + 1
            if why is None or attempts > upload.retries:
                self._over(path, job, manifest, attempts, why)
                return
            wait_s = random.uniform(*upload.retry_s)
            log.warning("recording %s was not taken by %s: %s; attempt %d of %d in %.0f s", job["id"], _host(job), why,
                        attempts + 1, upload.retries + 1, wait_s)
            replace_text(path, json.dumps({**job, "attempts": attempts, "due_s": time.time() + wait_s}))

    def _over(self, path: Path, job: Json, manifest: Json, attempts: int, why: str | None) -> None:
        status = {"status": "failed" if why else "done", "attempts": attempts, "at": round(time.time()),
                  "host": _host(job) or "s3", **({"error": why} if why else {})}
        account_id = job["account_id"]
        if why is None and not self._settings.upload.keep:
            self._shelf.delete(account_id, manifest, audio_only=True)
            manifest = {**manifest, "tracks": [{key: value for key, value in track.items() if key != "file"}
                                               for track in manifest["tracks"]]}
        self._shelf.change(account_id, job["id"], upload=status, tracks=manifest["tracks"])
        path.unlink(missing_ok=True)
        log.log(logging.ERROR if why else logging.INFO, "recording %s %s %s%s", job["id"],
                "was given up for" if why else "was sent to", status["host"], f": {why}" if why else "")
        self._told("upload_failed" if why else "uploaded", {**manifest, "upload": status, "error": why})

    async def _attempt(self, job: Json, manifest: Json) -> str | None:
        """None when it was taken, else why not (fit for logs)."""
        upload = self._settings.upload
        file = Path(job["file"])
        to_s3 = upload.s3 is not None and not job["url"]
        try:
            size = os.stat(file).st_size
            headers = {"content-type": _content_type(manifest), "content-length": str(size)}
            http = self._client(upload.private_addresses or to_s3)
            async with asyncio.timeout(upload.timeout_s + size / SLOWEST):
                if upload.s3 is not None and to_s3:
                    url, headers = signed(upload.s3, job["account_id"], file, headers)
                    return await self._put(http, "PUT", url, headers, file, redirects=0)
                url = compose(job["url"], manifest, manifest["media_type"])
                return await self._put(http, job["method"].upper(), url, headers, file, redirects=REDIRECTS_MAX)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}" if isinstance(error, httpx.ConnectError) else type(error).__name__

    def _client(self, private_addresses: bool) -> httpx.AsyncClient:
        if private_addresses not in self._clients:
            self._clients[private_addresses] = web.client(private_addresses=private_addresses,
                                                          timeout_s=self._settings.upload.timeout_s)
        return self._clients[private_addresses]

    async def _put(self, http: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], file: Path,
                   redirects: int) -> str | None:
        for _ in range(redirects + 1):
            # content of its own for every attempt: a redirect comes after the first one was read
            answer = await http.request(method, url, headers=headers, content=_pieces(file))
            if answer.is_success:
                return None
            where = answer.headers.get("location")
            if answer.status_code not in (301, 302, 307, 308) or not where:
                return f"answer {answer.status_code}"
            url = urljoin(url, where)
            if urlsplit(url).scheme not in ("http", "https"):
                return "a redirect to no http address"
        return f"more than {redirects} redirects"


def _is_gone(path: Path, job: Json) -> bool:
    """Has somebody deleted what was to be sent?"""
    if path.exists() and Path(job["file"]).is_file():
        return False
    path.unlink(missing_ok=True)
    return True


def _host(job: Json) -> str:
    """What may stand in a log: no password, no token of a query."""
    return urlsplit(job["url"] or "").hostname or ""


def _content_type(manifest: Mapping[str, Any]) -> str:
    is_sealed = any(track.get("sealed") for track in manifest["tracks"])
    return "application/octet-stream" if is_sealed else CONTENT_TYPES[manifest["media_type"]]


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as sound:
        while piece := sound.read(_PIECE):
            yield piece
