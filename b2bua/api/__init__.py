# SPDX-License-Identifier: GPL-3.0-or-later
"""REST for people and programs, Crossbar's way; health and metrics. The only importer of fastapi."""

from b2bua.api.app import create_app
from b2bua.api.live import ActResult, LiveCalls, NoCalls
from b2bua.api.parts import ApiParts
from b2bua.api.server import ApiError, ApiThread

__all__ = ["ActResult", "ApiError", "ApiParts", "ApiThread", "LiveCalls", "NoCalls", "create_app"]
