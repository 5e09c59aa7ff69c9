# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the presses of one leg leave for the far party: in order, once, with their lengths and gaps. SIP thread.

A press goes on when its key has come up and nobody keeps it. While one is kept, those after it wait behind it. When
kept ones are given back they leave at the distances at which they were pressed, so the far party hears the same rhythm,
later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from b2bua.calls.digit import Digit


class Timer(Protocol):
    """What `loop.call_later` gives."""

    def cancel(self) -> None:
        """Do not fire."""


@dataclass(slots=True, eq=False)
class Press:
    """One press on its way.

    at_s         when it was pressed, in the clock of the outlet
    duration_ms  None while the key is down
    keepers      whoever keeps it from the far party for now
    dropped      it belonged to a code: it goes nowhere
    """

    digit: Digit
    at_s: float
    duration_ms: int | None = None
    keepers: set[int] = field(default_factory=set)
    dropped: bool = False


class Outlet:
    """The queue of one leg's presses.

    send    gives one press to the far party
    clock   seconds, monotonic
    later   calls back after some seconds
    """

    def __init__(self, send: Callable[[str, int], None], clock: Callable[[], float],
                 later: Callable[[float, Callable[[], None]], Timer]) -> None:
        self._send = send
        self._clock = clock
        self._later = later
        self._queue: deque[Press] = deque()
        self._down: list[Press] = []
        self._last: tuple[float, float] | None = None  # [s] when the last one was sent, when it had been pressed
        self._sounds_s = 0.0  # how long the last one that left sounds
        self._timer: Timer | None = None

    def pressed(self, digit: Digit) -> Press:
        """A key went down; nothing leaves yet."""
        press = Press(digit, self._clock(), dropped=digit.passed)  # the far party has what passed by itself
        self._queue.append(press)
        self._down.append(press)
        return press

    def released(self, digit: Digit, duration_ms: int) -> None:
        """It came up: it may leave."""
        for press in self._down:
            if press.digit == digit or press.digit.digit == digit.digit:
                press.duration_ms = duration_ms
                self._down.remove(press)
                break
        self.flush()

    def flush(self) -> None:
        """Send what may leave now; set a timer for what may leave later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue:
            press = self._queue[0]
            if press.dropped:
                self._queue.popleft()
                continue
            if press.keepers or press.duration_ms is None:
                return
            now_s = self._clock()
            due_s = now_s
            if self._last is not None and press.at_s < self._last[0] + self._sounds_s:
                due_s = self._last[0] + press.at_s - self._last[1]  # pressed while the one before it waited or sounded
            if due_s > now_s:
                self._timer = self._later(due_s - now_s, self.flush)
                return
            self._queue.popleft()
            self._last, self._sounds_s = (now_s, press.at_s), press.duration_ms / 1000
            self._send(press.digit.digit, press.duration_ms)

    @property
    def is_waiting(self) -> bool:
        """Is there a press that has yet to leave?"""
        return any(not press.dropped for press in self._queue)

    def close(self) -> None:
        """The leg has gone: nothing leaves any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.clear()
        self._down.clear()
