# SPDX-License-Identifier: GPL-3.0-or-later
"""POST .../metaflows?dry_run=true checks and stores nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from b2bua.api import create_app

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

BASE = f"/v2/accounts/{'a' * 32}"
HANGUP = {"module": "hangup"}


def kinds(answer: httpx.Response) -> set[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return {(finding["kind"], finding["key"]) for finding in data["findings"]}


async def test_E3_dry_run_says_what_clashes_and_stores_nothing(inside: Running) -> None:
    document = {"numbers": {"2": HANGUP, "23": HANGUP}}
    answer = await inside.http.post(f"{BASE}/metaflows?dry_run=true", json={"data": document})
    assert kinds(answer) == {("prefix_clash", "numbers.2")}
    assert answer.json()["data"]["metaflows"]["binding_digit"] == "*"
    assert "revision" not in answer.json()
    assert (await inside.http.get(f"{BASE}/metaflows")).json()["data"] == {}


@pytest.mark.parametrize(("word", "status", "stored"), [("True", 200, False), ("1", 200, False), ("on", 400, False),
                                                        ("false", 200, True)])
async def test_E3_a_dry_run_in_other_words_stores_nothing(
        inside: Running, word: str, status: int, stored: bool) -> None:
    """`requests` makes `True` of True."""
    answer = await inside.http.post(f"{BASE}/metaflows?dry_run={word}", json={"data": {"numbers": {"2": HANGUP}}})
    assert answer.status_code == status
    assert bool((await inside.http.get(f"{BASE}/metaflows")).json()["data"]) is stored


async def test_E3_dry_run_of_a_device_sees_what_it_inherits(inside: Running) -> None:
    await inside.http.post(f"{BASE}/metaflows", json={"data": {"numbers": {"2": HANGUP}}})
    await inside.http.post(f"{BASE}/users/u1/metaflows", json={"data": {"numbers": {"24": HANGUP}}})
    path = f"{BASE}/devices/d1/metaflows?dry_run=true"
    (finding,) = (await inside.http.post(path, json={"data": {"numbers": {"23": HANGUP}}})).json()["data"]["findings"]
    assert "numbers.23, numbers.24" in finding["text"]


async def test_E3_dry_run_knows_the_codes_of_the_pbx(inside: Running) -> None:
    parts = dataclasses.replace(inside.parts, pbx_codes=("*98",), registry=CollectorRegistry())
    transport = httpx.ASGITransport(app=create_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=inside.http.headers) as http:
        answer = await http.post(f"{BASE}/metaflows?dry_run=true", json={"data": {"numbers": {"9": HANGUP}}})
    assert ("pbx_clash", "pbx_codes.*98") in kinds(answer)


async def test_E3_dry_run_refuses_what_a_post_would_refuse(inside: Running) -> None:
    answer = await inside.http.post(f"{BASE}/metaflows?dry_run=true", json={"data": {"binding_digit": "x"}})
    assert (answer.status_code, answer.json()["message"]) == (400, "validation error")
    answer = await inside.http.post(f"{BASE}/users/nobody/metaflows?dry_run=true", json={"data": {}})
    assert answer.status_code == 404
