# SPDX-License-Identifier: GPL-3.0-or-later
"""The FastAPI application, assembled."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from b2bua.api.auth_routes import auth_routes
from b2bua.api.channel_routes import channel_routes
from b2bua.api.directory_routes import directory_routes
from b2bua.api.envelope import VERSION
from b2bua.api.event_routes import event_routes
from b2bua.api.front import Front
from b2bua.api.health_routes import health_routes
from b2bua.api.media_routes import media_routes
from b2bua.api.media_shelf import MediaShelf
from b2bua.api.metaflow_routes import metaflow_routes
from b2bua.api.openapi import describe
from b2bua.api.parts import ApiParts
from b2bua.api.recording_routes import recording_routes
from b2bua.api.schema_routes import schema_routes
from b2bua.api.tokens import Tokens
from b2bua.api.webhook_routes import webhook_routes


def create_app(parts: ApiParts) -> FastAPI:
    """All routes, behind the front. The store must be open on the loop that runs this."""
    app = FastAPIOffline(title="metaflow-b2bua", version=VERSION, redirect_slashes=False, redoc_url=None,
                         static_url="/docs/static", description="KAZOO metaflows for any PBX: Crossbar-compatible API")
    tokens = Tokens(parts.store, parts.secret, parts.settings.token_ttl_s, parts.clock)
    app.include_router(health_routes(parts))
    app.include_router(auth_routes(parts.store, tokens))
    app.include_router(metaflow_routes(parts.store, parts.pbx_codes))
    media = MediaShelf(parts.store, parts.sounds)
    app.include_router(directory_routes(parts.store, media))
    app.include_router(channel_routes(parts.live))
    app.include_router(event_routes(parts, tokens))
    app.include_router(webhook_routes(parts.store, private_addresses=parts.settings.webhooks.private_addresses))
    if parts.recordings is not None:
        app.include_router(recording_routes(parts.recordings))
    app.include_router(media_routes(media))
    app.include_router(schema_routes())
    app.add_middleware(Front, parts=parts, tokens=tokens, routes=app.router.routes)
    describe(app)
    return app
