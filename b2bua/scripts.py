# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks web servers for flows (pivot). Called on the SIP thread; all of the HTTP is on the workshop's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import httpx

from b2bua import web
from b2bua.calls.sounds import SoundError
from b2bua.calls.tasks import Tasks
from b2bua.media.workshop import Workshop
from b2bua.metaflows.scripts import Answer, ScriptError
from config.sections import Pivot

log = logging.getLogger(__name__)

MAX_REDIRECTS = 5


class WebScripts:
    """As of b2bua.metaflows.scripts.Scripts."""

    def __init__(self, settings: Pivot, workshop: Workshop) -> None:
        self._settings, self._workshop = settings, workshop
        self._telling = Tasks()

    async def ask(self, account_id: str | None, method: str, url: str, fields: Mapping[str, str]) -> Answer:
        """As of the protocol."""
        try:
            return await self._workshop.run(account_id, self._ask(method, url, fields))
        except SoundError:
            raise ScriptError("too much is being fetched already") from None

    def tell(self, account_id: str | None, url: str, fields: Mapping[str, str]) -> None:
        """As of the protocol."""
        self._telling.add(self._tell(account_id, url, fields), "telling the end of a call")

    async def _tell(self, account_id: str | None, url: str, fields: Mapping[str, str]) -> None:
        try:
            await self.ask(account_id, "POST", url, fields)
        except ScriptError as error:
            log.warning("the end of a call was not told to a web server: %s", error)

    async def _ask(self, method: str, url: str, fields: Mapping[str, str]) -> Answer:
        limit_s = self._settings.timeout_s
        try:
            async with asyncio.timeout(limit_s), web.client(private_addresses=self._settings.private_addresses,
                                                            timeout_s=limit_s) as http:
                return await self._follow(http, method, httpx.URL(url), fields)
        except TimeoutError:
            raise ScriptError(f"the server did not answer within {limit_s:g} s (pivot.timeout_s)") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ScriptError(f"the server cannot be asked: {error or type(error).__name__}") from None

    async def _follow(self, http: httpx.AsyncClient, method: str, url: httpx.URL, fields: Mapping[str, str]) -> Answer:
        for _ in range(MAX_REDIRECTS):
            if url.scheme not in ("http", "https"):
                raise ScriptError(f"{url.scheme or 'this'} is not http or https")
            form = {"params": url.params.merge(dict(fields))} if method == "GET" else {"data": dict(fields)}
            async with http.stream(method, url, **form) as answer:
                if answer.has_redirect_location:
                    url = url.join(answer.headers["location"])
                    method = "GET" if answer.status_code == 303 else method
                    continue
                if not answer.is_success:
                    raise ScriptError(f"the server answered {answer.status_code}")
                return await self._read(answer)
        raise ScriptError(f"the server redirects more than {MAX_REDIRECTS} times")

    async def _read(self, answer: httpx.Response) -> Answer:
        body, limit = b"", round(self._settings.max_kb * 1000)
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > limit:
                raise ScriptError(f"the answer has more than {self._settings.max_kb:g} kB (pivot.max_kb)")
        text = body.decode("utf-8", "replace").strip()
        return Answer(text, is_xml="xml" in answer.headers.get("content-type", "") or text.startswith("<"))
