# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API counts about itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))


class Counts:
    """Requests by verb and answer, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter("b2bua_api_requests", "API requests answered.", ["method", "status"],
                                 registry=registry)
        self._seconds = Histogram("b2bua_api_request_seconds", "Seconds until the answer began.", registry=registry)

    def answered(self, method: str, status: int, seconds: float) -> None:
        """One request more."""
        self._requests.labels(method if method in METHODS else "other", str(status)).inc()
        self._seconds.observe(seconds)
