# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that users name: public ones only, judged when the connection is made."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from b2bua import web


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "2001:db8::1"])
def test_a_private_address_is_none_to_connect_to(address: str) -> None:
    assert not web.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_one_is(address: str) -> None:
    assert web.is_public(address)


async def test_a_name_that_resolves_to_this_host_is_refused_before_anything_is_sent() -> None:
    seen: list[bytes] = []

    async def heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(100))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(heard, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    async with web.client(private_addresses=False, timeout_s=2) as http:
        for host in ("localhost", "127.0.0.1", "2130706433"):
            with pytest.raises(httpx.ConnectError, match="private address"):
                await http.get(f"http://{host}:{port}/")
    assert seen == []
    async with web.client(private_addresses=True, timeout_s=2) as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 200
    server.close()
    await server.wait_closed()
