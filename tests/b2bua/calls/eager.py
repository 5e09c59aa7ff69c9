# SPDX-License-Identifier: GPL-3.0-or-later
"""A leg that makes things happen in the middle of what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence

from b2bua.calls.digit import Digit, Source
from b2bua.calls.leg import Held, InfoReceived, LegEvent, MediaChanged, Pressed
from b2bua.calls.reason import EndReason
from tests.fakes import FakeLeg


class EagerLeg(FakeLeg):
    """Raises events inside every verb that is asked of it, and ends inside `hangup`."""

    echo = 4  # verbs that answer with an event; without a limit two legs would talk for ever

    def _now(self, event: LegEvent) -> None:
        if self.echo:
            self.echo -= 1
            self.emit(event)

    def ring(self, code: int, text: str, *, media: bool, codecs: Sequence[str] = ()) -> None:
        super().ring(code, text, media=media, codecs=codecs)
        self._now(MediaChanged())

    def answer(self, codecs: Sequence[str] = ()) -> None:
        super().answer(codecs)
        self._now(Held(True))

    def hold(self, on: bool) -> None:
        super().hold(on)
        self._now(Held(not on))

    def send_digit(self, digit: str, duration_ms: int) -> None:
        super().send_digit(digit, duration_ms)
        self._now(Pressed(Digit("7", Source.INFO, 0.0)))

    def send_info(self, content_type: str, body: str) -> None:
        super().send_info(content_type, body)
        self._now(InfoReceived("x/y", ""))

    def hangup(self, reason: EndReason) -> None:
        self.told.append(("hangup", reason))
        self._end(reason)
