# SPDX-License-Identifier: GPL-3.0-or-later
"""What people hear while a transfer is under way: ringback for the transferor, music for the transferee. SIP thread."""

from __future__ import annotations

import asyncio

from b2bua.calls.leg import Leg
from b2bua.calls.sounds import Playing, Sound, Tune
from b2bua.metaflows.modules.errand import Errand
from b2bua.metaflows.music import found, hold_music


class Waiting:
    """The sounds of one transfer; silence where there is no player.

    moh, ringback  as the code names them; None: the usual ones
    """

    def __init__(self, errand: Errand, moh: str | None, ringback: str | None) -> None:
        self._errand = errand
        self._moh, self._ringback = moh, ringback
        self._playing: dict[Leg, Playing] = {}
        self._finding: dict[Leg, asyncio.Task[None]] = {}

    def begin(self) -> None:
        """Both wait."""
        self.music()
        self._look_for(self._errand.transferor, "ringback")

    def music(self) -> None:
        """The transferee waits (on)."""
        if self._errand.transferee not in self._playing:
            self._look_for(self._errand.transferee, "music")

    def hush(self, leg: Leg) -> None:
        """This one waits no more."""
        task, playing = self._finding.pop(leg, None), self._playing.pop(leg, None)
        if task is not None:
            task.cancel()
        if playing is not None:
            playing.stop()

    def end(self) -> None:
        """Nobody waits."""
        for leg in (self._errand.transferor, self._errand.transferee):
            self.hush(leg)

    def _look_for(self, leg: Leg, what: str) -> None:
        parts = self._errand.parts
        if parts.player is not None and parts.library is not None and leg not in self._finding:
            self._finding[leg] = self._errand.call.task(self._play(leg, what == "ringback"), what)

    async def _play(self, leg: Leg, is_ringback: bool) -> None:
        parts, call = self._errand.parts, self._errand.call
        assert parts.player is not None
        sound = await (self._ringback_sound() if is_ringback else
                       hold_music(parts, call, self._errand.transferor, self._moh))
        if sound is not None:
            self._playing[leg] = parts.player.start(call, leg, sound, loop=True)

    async def _ringback_sound(self) -> Sound:
        parts = self._errand.parts
        assert parts.library is not None
        return await found(parts, self._errand.call.account_id, self._ringback) or parts.library.tune(Tune.RINGBACK)
