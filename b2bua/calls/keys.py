# SPDX-License-Identifier: GPL-3.0-or-later
"""The one door by which digits enter: reports of several transports become presses, each counted once. SIP thread.

A trunk may send the same press as RFC 4733 events and as INFO, or leave the tone in the audio as well. Reports of the
same digit from different transports within `fuse_ms` are one press with several sources. A press whose end is never
reported (lost end packets, RFC 4733 §2.5.1.4) is released by silence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from b2bua.calls.digit import Digit, Source
from b2bua.calls.leg import LegEvent, Pressed, Released

REMEMBERED = 4  # presses: a second transport may be late by some
SILENCE_S = 0.3  # an event whose updates stop this long has ended; updates come every packet (20-50 ms)


@dataclass(slots=True)
class _Told:
    """A press that was told, and by which transports; at_s: its begin, and once it has come up its end."""

    digit: str
    at_s: float
    sources: set[Source]
    is_down: bool = True


class Keys:
    """The keys of one leg. SIP thread.

    emit      told Pressed and Released, in order, never interleaved for one key
    disagree  told when two transports report different digits at one time
    """

    def __init__(self, emit: Callable[[LegEvent], None], loop: asyncio.AbstractEventLoop, fuse_ms: int,
                 disagree: Callable[[], None] = lambda: None) -> None:
        self._disagree = disagree
        self._emit = emit
        self._loop = loop
        self._fuse_s = fuse_ms / 1000
        self._down: Digit | None = None
        self._told: deque[_Told] = deque(maxlen=REMEMBERED)
        self._duration_ms = 0
        self._silence: asyncio.TimerHandle | None = None

    def begin(self, digit: str, source: Source, duration_ms: int = 0, passed: bool = False,
              at_s: float | None = None) -> None:
        """A transport reports that a key went down; `passed` and `at_s` (now, if it cannot tell) as of Digit."""
        now_s = self._loop.time()
        if self._same_press(digit, source, now_s):
            return
        self._release()
        self._down = Digit(digit, source, now_s if at_s is None else min(at_s, now_s), passed)
        self._duration_ms = duration_ms
        self._told.append(_Told(digit, now_s, {source}))
        self._watch()
        self._emit(Pressed(self._down))

    def update(self, source: Source, duration_ms: int) -> None:
        """It is still down."""
        if self._down is not None and self._down.source is source:
            self._duration_ms = max(self._duration_ms, duration_ms)
            self._watch()

    def end(self, source: Source, duration_ms: int) -> None:
        """It came up; ends of a second transport are ignored."""
        if self._down is not None and self._down.source is source:
            self._duration_ms = max(self._duration_ms, duration_ms)
            self._release()

    def whole(self, digit: str, source: Source, duration_ms: int) -> None:
        """One report of a whole press (INFO): down and up at once, with its stated duration."""
        self.begin(digit, source)
        self.end(source, duration_ms)

    def close(self) -> None:
        """The leg has gone: a key that is down comes up, and there are no more events."""
        self._release()
        self._emit = lambda event: None

    def _same_press(self, digit: str, source: Source, now_s: float) -> bool:
        """Has another transport told it already, as the last one or one shortly before it?"""
        recent = [one for one in self._told if one.is_down or now_s - one.at_s <= self._fuse_s]
        for one in recent:
            if one.digit == digit and source not in one.sources:
                one.sources.add(source)
                return True
        if recent and source not in recent[-1].sources:
            self._disagree()
        return False

    def _watch(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(SILENCE_S, self._release)

    def _release(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if self._down is not None:
            digit, self._down = self._down, None
            self._told[-1].at_s, self._told[-1].is_down = self._loop.time(), False
            elapsed_ms = round((self._loop.time() - digit.at_s) * 1000)
            self._emit(Released(digit, self._duration_ms or max(elapsed_ms, 40)))
