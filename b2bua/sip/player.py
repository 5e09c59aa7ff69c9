# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds played into legs by PJSIP's file player in the conference. SIP thread; no Python touches the samples."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pjsua2 as pj

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg, LegState
from b2bua.calls.sounds import End, Sound

log = logging.getLogger(__name__)

_TAIL_S = 0.06  # connecting takes effect at the next tick of 20 ms; the last frame has to be heard too


class Playing:
    """One sound that one leg hears: a port of the conference."""

    def __init__(self, player: Player, call: Call, leg: Leg, sound: Sound, loop: bool, gain_db: float) -> None:
        self.leg = leg
        self._player, self._call, self._looped = player, call, loop
        self._left_s = sound.seconds
        self._since_s: float | None = None  # heard since then
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[End] = self._loop.create_future()
        self._port: pj.AudioMediaPlayer | None = None
        try:
            port = pj.AudioMediaPlayer()
            port.createPlayer(str(sound.file), 0 if loop else pj.PJMEDIA_FILE_NO_LOOP)
            port.adjustRxLevel(10 ** (gain_db / 20))
        except pj.Error as error:
            log.error("leg %s: %s cannot be played: %s", leg.id, sound.file, error.reason)
            self._end.set_result(End.STOPPED)
            return
        self._port = port
        call.path.needs_mix(self)

    async def wait(self) -> End:
        """As of the protocol."""
        return await asyncio.shield(self._end)

    def stop(self) -> None:
        """As of the protocol."""
        self._over(End.STOPPED)

    def connect(self) -> None:
        """The leg's port is there, is another one, or is gone."""
        self._pause()
        if self._port is None or self.leg.port is None:
            return
        pj.conf_connect(self._port.getPortId(), self.leg.port)
        self._since_s = self._loop.time()
        if not self._looped:
            self._timer = self._loop.call_later(max(0.0, self._left_s) + _TAIL_S, self._over, End.FINISHED)

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._since_s is not None:
            self._left_s -= self._loop.time() - self._since_s
            self._since_s = None

    def _over(self, why: End) -> None:
        if self._port is None:
            return
        self._pause()
        self._port = None  # its connections go with it
        self._player.forget_one(self)
        self._call.path.release(self)
        self._end.set_result(why)


class Player:
    """As of b2bua.calls.sounds: what each leg hears of ours."""

    def __init__(self) -> None:
        self._playing: dict[Leg, list[Playing]] = {}

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

    def close(self) -> None:
        """Before the library goes."""
        for leg in list(self._playing):
            self.forget(leg)
