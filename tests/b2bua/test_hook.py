# SPDX-License-Identifier: GPL-3.0-or-later
"""The transfer hook over real HTTP: what it is asked, and its verdict."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from b2bua.hook import ask
from config.transfers import Transfers


class Server:
    """Answers every request with one status, and keeps what it was asked."""

    def __init__(self, status: int) -> None:
        self.status, self.asked = status, dict[str, object]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        self.asked = json.loads(await reader.readexactly(length))
        writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_PB30_the_hook_is_asked_with_all_that_it_needs(status: int) -> None:
    answering = Server(status)
    server = await asyncio.start_server(answering.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        rules = Transfers(hook=f"http://127.0.0.1:{port}/may?x=1")
        assert await ask(rules, {"target": "0900", "transferor": "1001"}) == status
        assert answering.asked == {"target": "0900", "transferor": "1001"}
        with pytest.raises(httpx.HTTPError):
            await ask(rules.model_copy(update={"hook_private": False}), {})


@pytest.mark.parametrize("bad", [{"deny": ["("]}, {"allow": ["[z-a]"]}, {"hook": "ftp://x"}, {"hook": "http://u@h/"},
                                 {"accounts": {"x": {}}}, {"hook_timeout_s": 0}, {"max_per_call": 0}])
def test_a_bad_section_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"transfers|Transfers|hook|accounts|deny|allow|max_per_call"):
        Transfers.model_validate(bad)


def test_rules_match_the_whole_number() -> None:
    rules = Transfers(deny=("0900.*",), allow=(r"\d+",))
    assert rules.refuse("0900123") is not None
    assert rules.refuse("10900123") is None
    assert rules.refuse("12a") is not None
