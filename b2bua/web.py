# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to addresses that users name: never into private networks, whatever a name resolves to or a redirect says.

The address is judged when the connection is made, so a name cannot change its mind in between (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

for noisy in ("httpx", "httpcore"):
    logging.getLogger(noisy).setLevel(logging.WARNING)  # they log whole URLs, and those may hold passwords

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: IPv4 inside
V4 = ipaddress.IPv4Address


class PrivateAddress(httpcore.ConnectError):
    """The host is one of this network."""


def is_public(address: str) -> bool:
    """May a stranger name this address? IPv4 inside IPv6 is judged as itself."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ()), V4(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None]
        if not all(_is_public(one) for one in inner if one is not None):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return _is_public(ip)


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast


class _Backend(httpcore.AsyncNetworkBackend):
    """Resolves by itself and connects only where it may."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own
                          local_address: str | None = None,
                          socket_options: Iterable[Any] | None = None) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} is not resolved within {timeout:g} s") from None
        except (OSError, UnicodeError) as error:  # the latter: what cannot be a name at all
            raise httpcore.ConnectError(f"{host}: {getattr(error, 'strerror', None) or 'is no name'}") from None
        addresses = [str(item[4][0]) for item in found]
        if not all(is_public(address) for address in addresses):
            raise PrivateAddress(f"{host} is a private address")
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, path: str, timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own
                                  socket_options: Iterable[Any] | None = None) -> httpcore.AsyncNetworkStream:
        raise PrivateAddress(path)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


@functools.cache
def _tls() -> ssl.SSLContext:
    """The authorities of this machine, read once. Any thread."""
    return httpx.create_ssl_context(trust_env=False)


def client(*, private_addresses: bool, timeout_s: float) -> httpx.AsyncClient:
    """An HTTP client that follows no redirect by itself and reads no proxy from the environment. Any loop.

    private_addresses  may it connect to addresses that are not of the public Internet?
    """
    tls = _tls()
    transport = httpx.AsyncHTTPTransport(verify=tls)
    if not private_addresses:
        # httpx has no parameter for it; its own transports are made of httpcore in the same way
        transport._pool = httpcore.AsyncConnectionPool(ssl_context=tls, max_connections=32, network_backend=_Backend())
    return httpx.AsyncClient(transport=transport, timeout=timeout_s, follow_redirects=False, trust_env=False,
                             headers={"user-agent": "metaflow-b2bua"})
