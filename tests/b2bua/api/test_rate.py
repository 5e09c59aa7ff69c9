# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits: 429, and the tokens in the envelope."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
from prometheus_client import CollectorRegistry

from b2bua.api import create_app
from b2bua.api.rate import BUCKETS_MAX, Buckets
from config.sections import Rate
from config.settings import Api

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

A = "a" * 32


async def test_the_envelope_counts_tokens(inside: Running) -> None:
    path = f"/v2/accounts/{A}/metaflows"
    assert (await inside.http.get(path)).json()["tokens"] == {"consumed": 1, "remaining": 1999}
    assert (await inside.http.get(path)).json()["tokens"] == {"consumed": 1, "remaining": 1998}


async def test_too_many_are_429_until_time_passes(inside: Running) -> None:
    path, token = f"/v2/accounts/{A}/users/u1", inside.http.headers["X-Auth-Token"]
    settings = Api(rate=Rate.model_construct(burst=3, per_s=1.0))
    parts = replace(inside.parts, settings=settings, registry=CollectorRegistry())
    transport = httpx.ASGITransport(app=create_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers={"X-Auth-Token": token}) as http:
        assert {(await http.get(path)).status_code for _ in range(3)} == {200}
        last = await http.get(path)
        assert last.status_code == 429
        assert (last.json()["message"], last.json()["data"]) == ("too_many_requests", {"message": "too many requests"})
        inside.clock.now_s += 1.0
        assert (await http.get(path)).status_code == 200


def test_a_bucket_is_bounded_and_refills() -> None:
    now_s = 0.0
    buckets = Buckets(Rate.model_construct(burst=2, per_s=1.0), lambda: now_s)
    assert [buckets.take("x", "a") for _ in range(3)] == [1, 0, None]
    assert buckets.take("y", "a") == 1
    now_s = 1.0
    assert [buckets.take("x", "a") for _ in range(2)] == [0, None]
    now_s = 100.0
    assert buckets.take("x", "a") == 1
    for index in range(2 * BUCKETS_MAX):
        buckets.take(str(index), "a")
    assert [buckets.take("x", "a", cost=2), Buckets(Rate(per_s=0), lambda: 0.0).take("x", "a")] == [2 - 2, 2000]
