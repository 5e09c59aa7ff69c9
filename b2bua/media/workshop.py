# SPDX-License-Identifier: GPL-3.0-or-later
"""A thread for what takes time before a sound can be played: fetching, decoding, speaking. Never the SIP thread.

It has a loop of its own for what waits (HTTP, a speech engine) and few workers for what computes. What is asked for
while too much waits already is refused, so that nobody can fill the memory with it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from b2bua.calls.sounds import SoundError

log = logging.getLogger(__name__)

T = TypeVar("T")

WORKERS = 2  # decode and resample
JOBS_MAX = 64  # asked for at a time; more is refused
ACCOUNT_JOBS_MAX = 16  # of them, by one account
STOP_S = 5.0


class Workshop:
    """Started once; `run` hands it a coroutine and waits for the result on the caller's own loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(WORKERS, "sounds-worker")
        self._thread = threading.Thread(target=self._work, name="sounds", daemon=True)
        self._jobs: Counter[str | None] = Counter()  # by account; SIP thread

    def start(self) -> None:
        """Begin to take work."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is not done is cancelled."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_cancel_all())
        finally:
            self._loop.close()

    async def run(self, account_id: str | None, work: Coroutine[Any, Any, T]) -> T:
        """Do this for an account on the workshop's loop. SIP thread; cancelling the wait cancels the work.

        Raises SoundError when too much waits already, or what the work raises.
        """
        if self._jobs[account_id] >= ACCOUNT_JOBS_MAX or self._jobs.total() >= JOBS_MAX:
            work.close()
            raise SoundError(f"{self._jobs.total()} sounds are being made ready already, "
                             f"{self._jobs[account_id]} of them for this account")
        self._jobs[account_id] += 1
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        finally:
            self._jobs -= Counter([account_id])

    async def compute(self, work: Callable[..., T], *args: Any) -> T:
        """Run a function on a worker; for coroutines of the workshop."""
        return await self._loop.run_in_executor(self._pool, work, *args)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)  # pipes of programs that were killed are closed in the turns after their end
