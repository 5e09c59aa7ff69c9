# SPDX-License-Identifier: GPL-3.0-or-later
"""`GET /v2/schemas`: the JSON Schemas that documents are checked against, as KAZOO serves them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from b2bua.api import envelope as crossbar
from b2bua.api.envelope import Asked
from b2bua.api.front import asked_of
from b2bua.metaflows.documents import json_schema, schema_names


def schema_routes() -> APIRouter:
    """Public: no token needed."""
    router = APIRouter(prefix="/v2/schemas", tags=["schemas"])

    @router.get("")
    async def names(asked: Annotated[Asked, Depends(asked_of)]) -> Response:
        """The names of all schemas."""
        return asked.answer(sorted(schema_names()))

    @router.get("/{name}")
    async def schema(asked: Annotated[Asked, Depends(asked_of)], name: str) -> Response:
        """One schema: `metaflows`, `metaflow`, or `metaflows.<module>`."""
        if name not in schema_names():
            raise crossbar.bad_identifier(name)
        return asked.answer({**json_schema(name), "id": name})

    return router
