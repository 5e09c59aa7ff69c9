# SPDX-License-Identifier: GPL-3.0-or-later
"""For machines that watch: `/healthz` and `/metrics`."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from b2bua.api.envelope import VERSION
from b2bua.api.parts import ApiParts
from b2bua.store import StoreError

STORE_PATIENCE_S = 3.0  # a store that takes longer to answer is not well


def health_routes(parts: ApiParts) -> APIRouter:
    """Neither needs a token."""
    router = APIRouter(tags=["operation"])

    @router.get("/healthz")
    async def healthz() -> Response:
        """200 when SIP listens and the store answers; otherwise 503, naming what fails."""
        failing: dict[str, str] = {}
        if not parts.sip_ready():
            failing["sip"] = "not taking calls"
        try:
            async with asyncio.timeout(STORE_PATIENCE_S):
                await parts.store.ping()
        except StoreError:
            failing["store"] = "the database does not answer"
        except TimeoutError:
            failing["store"] = f"no answer within {STORE_PATIENCE_S:g} s"
        body = {"status": "failing" if failing else "ok", "sip": failing.get("sip", "ok"),
                "store": failing.get("store", "ok"), "version": VERSION}
        return JSONResponse(body, 503 if failing else 200)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Prometheus text."""
        return Response(generate_latest(parts.registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return router
