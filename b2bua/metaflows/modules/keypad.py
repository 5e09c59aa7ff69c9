# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of one leg while a few codes of a transfer are listened for. SIP thread.

A code may begin anywhere: it is taken when what was typed ends with it (KAZOO's takeback, F96), however long that took.
The far party hears nothing of it: a press that could begin a code is kept for `KEEP_S`, and goes on when it does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from b2bua.calls.digit import Digit

KEEP_S = 2.0  # [s] how long a press waits for the rest of a code


@dataclass(slots=True, eq=False)
class _Press:
    digit: Digit
    duration_ms: int | None = None
    dropped: bool = False


class Keypad:
    """One leg's.

    codes  digits -> what to do; one that is empty is none
    send   gives a press that belongs to no code to whoever hears this leg
    """

    def __init__(self, codes: Mapping[str, Callable[[], None]], send: Callable[[str, int], None]) -> None:
        self._codes = {code: run for code, run in codes.items() if code}
        self._send = send
        self._typed = ""
        self._queue: list[_Press] = []  # what has not gone on yet, in order
        self._kept = 0  # so many at the end of the queue may begin a code
        self._timer: asyncio.TimerHandle | None = None

    def pressed(self, digit: Digit) -> None:
        """A key went down."""
        longest = max(map(len, self._codes), default=1)
        self._typed = (self._typed + digit.digit)[-longest:]
        self._queue.append(_Press(digit))
        self._kept = min(self._kept + 1, self._begun())
        code = next((code for code in self._codes if self._typed.endswith(code)), None)
        if code is not None:
            for press in self._queue[-len(code):]:
                press.dropped = True
            self._typed, self._kept = "", 0
        self._flush()
        if code is not None:
            self._codes[code]()

    def released(self, digit: Digit, duration_ms: int) -> bool:
        """It came up; False: that press was not ours."""
        press = next((one for one in self._queue if one.digit == digit and one.duration_ms is None), None)
        if press is not None:
            press.duration_ms = duration_ms
            self._flush()
        return press is not None

    def close(self) -> None:
        """Nothing more is listened for; what was kept is forgotten."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begun(self) -> int:
        """So many of the last digits may be the beginning of a code."""
        return max((size for code in self._codes for size in range(1, len(code)) if self._typed.endswith(code[:size])),
                   default=0)

    def _flush(self) -> None:
        self.close()
        while len(self._queue) > self._kept and self._queue[0].duration_ms is not None:
            press = self._queue.pop(0)
            if not press.dropped:
                self._send(press.digit.digit, press.duration_ms or 0)
        if self._kept:
            self._timer = asyncio.get_running_loop().call_later(KEEP_S, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        self._kept = 0
        self._flush()
