# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds played into legs from memory that lies ready. SIP thread; no Python touches the samples.

A sound is the mapped file of the cache; the native source copies it frame by frame on the clock thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import numpy as np
import pjsua2 as pj
from numpy.typing import NDArray

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg, LegState
from b2bua.calls.sounds import HEADER_BYTES, End, Sound

log = logging.getLogger(__name__)

_AGAIN_S = 0.02  # one tick of the conference: when to look again whether the end was reached
_FADE_S = 0.06  # what is stopped fades at the next tick of the conference, and is taken away after that


class Playing:
    """One sound that one leg hears."""

    def __init__(self, player: Player, call: Call, leg: Leg, sound: Sound, loop: bool, gain_db: float) -> None:
        self.leg = leg
        self._player, self._call, self._seconds = player, call, None if loop else sound.seconds
        self._sink: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[End] = self._loop.create_future()
        self._slot = -1
        try:
            self._samples: NDArray[np.int16] = np.memmap(sound.file, np.int16, "r", HEADER_BYTES)
        except (OSError, ValueError) as error:
            log.error("leg %s: %s cannot be played: %s", leg.id, sound.file, error)
            return
        self._slot = player.sources.play(self._samples.ctypes.data, len(self._samples), loop, 10 ** (gain_db / 20))
        if self._slot < 0:
            log.error("leg %s: a sound cannot be played: all %d sources are in use", leg.id, player.slots)
            return
        call.path.needs_mix(self)

    async def wait(self) -> End:
        """As of the protocol."""
        return await asyncio.shield(self._end)

    def stop(self) -> None:
        """As of the protocol."""
        self._over(End.STOPPED)

    def connect(self) -> None:
        """The leg's port is there, is another one, or is gone. A sound that nobody hears waits."""
        self._sink = self.leg.port
        if self._slot < 0:
            self._over(End.STOPPED)
        elif self._sink is not None:
            pj.conf_connect(self._player.sources.port(self._slot), self._sink)
            if self._seconds is not None and self._timer is None:
                self._timer = self._loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        if self._player.sources.finished(self._slot):
            self._over(End.FINISHED)
        else:
            self._timer = self._loop.call_later(_AGAIN_S, self._look)

    def _over(self, why: End) -> None:
        if self._end.done():
            return
        self._end.set_result(why)
        if self._timer is not None:
            self._timer.cancel()
        self._player.forget_one(self)
        if self._slot < 0:
            return
        if why is End.STOPPED and self._sink is not None and self._sink == self.leg.port:
            self._player.fade(self)
            self._player.sources.fade(self._slot)
            self._loop.call_later(_FADE_S, self.close)
        else:
            self.close()

    def close(self) -> None:
        """Give back what it has; once."""
        if self._slot < 0:
            return
        slot, self._slot = self._slot, -1
        self._player.faded(self)
        self._player.sources.close(slot)
        if self._sink is not None and self._sink == self.leg.port:  # else the connection went with the leg's port
            pj.conf_disconnect(self._player.sources.port(slot), self._sink)
        self._call.path.release(self)


class Player:
    """As of b2bua.calls.sounds: what each leg hears of ours."""

    def __init__(self, sources: pj.Sources, slots: int) -> None:
        self.sources, self.slots = sources, slots
        self._playing: dict[Leg, list[Playing]] = {}
        self._fading: set[Playing] = set()

    def start(self, call: Call, leg: Leg, sound: Sound, *, loop: bool = False, gain_db: float = 0.0) -> Playing:
        """As of the protocol; a leg that has ended hears nothing."""
        playing = Playing(self, call, leg, sound, loop, gain_db)
        self._playing.setdefault(leg, []).append(playing)
        if leg.state is LegState.ENDED or call.is_over:
            playing.stop()
        else:
            playing.connect()
        return playing

    def playing(self, leg: Leg) -> Sequence[Playing]:
        """As of the protocol."""
        return list(self._playing.get(leg, ()))

    @property
    def active(self) -> int:
        """Sounds that are heard now."""
        return sum(map(len, self._playing.values()))

    def media_changed(self, leg: Leg) -> None:
        """The leg's conference port is another one: what it hears follows."""
        for playing in self.playing(leg):
            playing.connect()

    def forget(self, leg: Leg) -> None:
        """The leg has gone."""
        for playing in self.playing(leg):
            playing.stop()

    def forget_one(self, playing: Playing) -> None:
        """It has ended."""
        left = [one for one in self._playing.pop(playing.leg, []) if one is not playing]
        if left:
            self._playing[playing.leg] = left

    def fade(self, playing: Playing) -> None:
        """It was stopped, and is heard for a moment yet."""
        self._fading.add(playing)

    def faded(self, playing: Playing) -> None:
        """It is heard no more."""
        self._fading.discard(playing)

    def close(self) -> None:
        """Before the library goes."""
        for leg in list(self._playing):
            self.forget(leg)
        for playing in list(self._fading):
            playing.close()
