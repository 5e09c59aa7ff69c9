# SPDX-License-Identifier: GPL-3.0-or-later
"""The SIP loop: asyncio as everybody knows it, with PJSIP polled between."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from b2bua.loop import POLL_MS, sip_loop


@dataclass
class Sip:
    """Stands for PJSIP: sleeps as long as it may, notes what it was allowed, does what the test wants in a poll."""

    waits_ms: list[int] = field(default_factory=list)
    turns_s: list[float] = field(default_factory=list)
    event: Callable[[], None] | None = None

    def poll(self, timeout_ms: int) -> None:
        self.waits_ms.append(timeout_ms)
        event, self.event = self.event, None
        if event is not None:
            event()
        else:
            time.sleep(timeout_ms / 1000)


@pytest.fixture
def sip() -> Sip:
    return Sip()


@pytest.fixture
def loop(sip: Sip) -> Iterator[asyncio.AbstractEventLoop]:
    loop = sip_loop(sip.poll, sip.turns_s.append)
    yield loop
    loop.close()


def test_timers_are_kept_to_the_millisecond(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> list[float]:
        late: list[float] = []
        for delay_s in (0.001, 0.005, 0.012, 0.025):
            due_s = loop.time() + delay_s
            await asyncio.sleep(delay_s)
            late.append(loop.time() - due_s)
        return late

    late = loop.run_until_complete(main())
    assert min(late) > -0.001
    assert sorted(late)[1] < 0.005  # the machine may be busy, but not always


def test_a_poll_never_lasts_longer_than_asked(sip: Sip, loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(asyncio.sleep(0.03))
    assert 0 <= min(sip.waits_ms) <= max(sip.waits_ms) <= POLL_MS


def test_while_something_is_ready_the_poll_does_not_wait(sip: Sip, loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert sip.waits_ms.count(0) >= 20


def test_another_thread_is_heard_within_a_poll(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> float:
        heard: asyncio.Future[float] = loop.create_future()

        def tell() -> None:
            time.sleep(0.02)
            sent_s = time.monotonic()
            loop.call_soon_threadsafe(lambda: heard.set_result(time.monotonic() - sent_s))

        threading.Thread(target=tell).start()
        return await heard

    waits = sorted(loop.run_until_complete(main()) for _ in range(3))
    assert waits[0] <= POLL_MS / 1000 + 0.005


def test_a_coroutine_of_another_thread_runs_here(loop: asyncio.AbstractEventLoop) -> None:
    async def where() -> int:
        return threading.get_ident()

    async def main() -> Any:
        return await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(where(), loop).result(5))

    assert loop.run_until_complete(main()) == threading.get_ident()


def test_what_happens_in_a_poll_wakes_whoever_waits_for_it(sip: Sip, loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> str:
        answer: asyncio.Future[str] = loop.create_future()
        sip.event = lambda: answer.set_result("ringing")
        return await asyncio.wait_for(answer, 1)

    assert loop.run_until_complete(main()) == "ringing"


def test_sockets_work_as_on_any_loop(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> bytes:
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            other.setblocking(False)
            loop.call_later(0.002, one.send, b"hello")
            return await loop.sock_recv(other, 10)

    assert loop.run_until_complete(main()) == b"hello"


def test_the_time_between_two_polls_is_reported(sip: Sip, loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(time.sleep, 0.02)
    loop.run_until_complete(asyncio.sleep(0.03))
    assert max(sip.turns_s) >= 0.02
    assert sorted(sip.turns_s)[0] < 0.005
    assert sum(sip.turns_s) < 0.045  # the polls themselves do not count


def test_a_poll_that_raises_is_not_swallowed(sip: Sip, loop: asyncio.AbstractEventLoop) -> None:
    def broken() -> None:
        raise RuntimeError("PJSIP is gone")

    sip.event = broken
    with pytest.raises(RuntimeError, match="PJSIP is gone"):
        loop.run_forever()
