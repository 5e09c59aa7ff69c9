# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that a web server gives out: what `pivot` asks it, and how its answer is run. SIP thread; the asking is not."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from urllib.parse import urljoin

from b2bua.metaflows import twiml
from b2bua.metaflows.flow import Flow, FlowError, Redirect, tree

MAX_DOCUMENTS = 50  # that one pivot may fetch


@dataclass(frozen=True, slots=True)
class Answer:
    """A document that a server has answered with."""

    text: str
    is_xml: bool


class ScriptError(Exception):
    """The server cannot be asked, or did not answer; the text says why."""


class Scripts(Protocol):
    """Asks web servers, on another thread; never in private networks unless the operator allows it."""

    async def ask(self, account_id: str | None, method: str, url: str, fields: Mapping[str, str]) -> Answer:
        """The answer to an account's request; fields: the query of a GET, the form of a POST. Raises ScriptError."""

    def tell(self, account_id: str | None, url: str, fields: Mapping[str, str]) -> None:
        """POST this, soon, once; nobody waits for it."""


@dataclass(slots=True)
class Script:
    """One pivot: the document that is to be run next, and where it came from.

    about   what is said of the call in each request, in the words of the format
    told    hears of each document (method, URL, answer): for `debug`
    """

    scripts: Scripts
    account_id: str | None
    url: str
    method: str
    about: Mapping[str, str]
    told: Callable[[str, str, Answer], None] | None = None
    _document: Callable[[Flow], Awaitable[object]] = field(init=False)

    async def fetch(self, extra: Mapping[str, str]) -> None:
        """Ask for the document. Raises ScriptError, and FlowError where it cannot be run at all."""
        answer = await self.scripts.ask(self.account_id, self.method, self.url, {**self.about, **extra})
        if self.told is not None:
            self.told(self.method, self.url, answer)
        self._document = _read(answer)

    async def program(self, flow: Flow) -> None:
        """Run the document, and those that it leads to."""
        for _ in range(MAX_DOCUMENTS):
            try:
                await self._document(flow)
                return
            except Redirect as there:
                self.url, self.method = urljoin(self.url, there.url), there.method
                try:
                    await self.fetch(there.fields)
                except ScriptError as error:
                    raise FlowError(str(error)) from None
        raise FlowError(f"a pivot fetches at most {MAX_DOCUMENTS} documents")


def _read(answer: Answer) -> Callable[[Flow], Awaitable[object]]:
    """The document, ready to be run. Raises FlowError."""
    if answer.is_xml:
        return partial(twiml.run, root=twiml.parse(answer.text))
    return tree(_json(answer.text), frozenset(("pivot",)))


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FlowError("the server's answer is no JSON") from None
