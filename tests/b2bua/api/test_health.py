# SPDX-License-Identifier: GPL-3.0-or-later
"""Health, metrics, schemas, docs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client import Counter

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running



async def test_healthy(api: Running) -> None:
    answer = await api.http.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def test_health_names_what_fails(api: Running) -> None:
    api.ready[0] = False
    answer = await api.http.get("/healthz")
    assert (answer.status_code, answer.json()["sip"]) == (503, "not taking calls")
    await api.store.close()
    assert (await api.http.get("/healthz")).json()["store"] == "the database does not answer"


async def test_metrics_are_prometheus_text(api: Running) -> None:
    Counter("b2bua_tests", "Tests.", registry=api.parts.registry).inc()
    answer = await api.http.get("/metrics")
    assert "b2bua_tests_total 1.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


async def test_schemas_are_public(api: Running) -> None:
    names = (await api.http.get("/v2/schemas")).json()["data"]
    assert {"metaflow", "metaflows", "metaflows.record_call"} <= set(names)
    for name in names:
        answer = await api.http.get(f"/v2/schemas/{name}")
        assert answer.json()["data"]["_id"] == answer.json()["data"]["id"] == name
    assert (await api.http.get("/v2/schemas/nothing")).status_code == 404
    assert (await api.http.put("/v2/schemas", json={"data": {}})).status_code == 405


async def test_docs_and_openapi_are_served(api: Running) -> None:
    page = (await api.http.get("/docs")).text
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(parts) >= 3
    for part in parts:  # nothing comes from the internet: it would see who reads, and hold the token that is typed in
        assert part.startswith("/"), part
        assert (await api.http.get(part)).status_code == 200
    assert (await api.http.get("http://api/docs/static/%2e%2e/%2e%2e/core.py")).status_code == 404
    assert "/v2/accounts/{account_id}/metaflows" in (await api.http.get("/openapi.json")).json()["paths"]


async def test_openapi_knows_tokens_bodies_and_errors(api: Running) -> None:
    document = (await api.http.get("/openapi.json")).json()
    paths = document["paths"]
    post = paths["/v2/accounts/{account_id}/metaflows"]["post"]
    assert post["security"] == [{"token": []}]
    assert post["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"] == {
        "$ref": "#/components/schemas/metaflows"}
    assert "security" not in paths["/v2/api_auth"]["put"]
    operations = [operation for verbs in paths.values() for operation in verbs.values()]
    assert all(operation.get("description") for operation in operations)
    assert "metaflows.record_call" in document["components"]["schemas"]
