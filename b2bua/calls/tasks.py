# SPDX-License-Identifier: GPL-3.0-or-later
"""Coroutines that belong to somebody: cancelled when it ends; a bug in one ends only itself. Any one loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Tasks:
    """Those of one owner."""

    def __init__(self) -> None:
        self._live: set[asyncio.Task[None]] = set()

    def add(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run this one; `name` is for the log."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._live.add(task)
        task.add_done_callback(self._done)
        return task

    def cancel(self) -> None:
        """All of them."""
        for task in list(self._live):
            task.cancel()

    async def end(self) -> None:
        """Cancel all of them, until they have ended."""
        self.cancel()
        await asyncio.gather(*self._live, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._live.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed", task.get_name(), exc_info=task.exception())
