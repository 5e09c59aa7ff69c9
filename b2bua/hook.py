# SPDX-License-Identifier: GPL-3.0-or-later
"""The transfer hook: a web server of the operator's that is asked before a transfer moves anything. API loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from b2bua import web
from config.transfers import Transfers


async def ask(rules: Transfers, question: Mapping[str, Any]) -> int:
    """The HTTP status of its answer. Raises httpx.HTTPError."""
    assert rules.hook is not None
    async with web.client(private_addresses=rules.hook_private, timeout_s=rules.hook_timeout_s) as http:
        return (await http.post(rules.hook, json=dict(question))).status_code
