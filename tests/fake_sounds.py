# SPDX-License-Identifier: GPL-3.0-or-later
"""A player and a library that remember what was asked of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg
from b2bua.calls.sounds import End, Sound, SoundError, Tune


@dataclass(eq=False)
class FakePlaying:
    """One sound of a test; `finish` plays it to its end."""

    leg: Leg
    sound: Sound
    loop: bool = False
    gain_db: float = 0.0
    end: asyncio.Future[End] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def stop(self) -> None:
        if not self.end.done():
            self.end.set_result(End.STOPPED)

    def finish(self) -> None:
        self.end.set_result(End.FINISHED)

    async def wait(self) -> End:
        return await asyncio.shield(self.end)


@dataclass
class FakePlayer:
    """Remembers what was played, in order."""

    made: list[FakePlaying] = field(default_factory=list)

    def start(self, call: Call, leg: Leg, sound: Sound, *, loop: bool = False, gain_db: float = 0.0) -> FakePlaying:
        self.made.append(FakePlaying(leg, sound, loop, gain_db))
        call.on_ended(lambda call, playing=self.made[-1]: playing.stop())
        return self.made[-1]

    def playing(self, leg: Leg) -> Sequence[FakePlaying]:
        return [one for one in self.made if one.leg is leg and not one.end.done()]


@dataclass
class FakeLibrary:
    """Has every sound but those that are `missing`, and knows who asked for what."""

    asked: list[tuple[str | None, str]] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)

    def tune(self, name: Tune) -> Sound:
        return Sound(Path(name.value), 1.0)

    async def find(self, account_id: str | None, name: str) -> Sound:
        self.asked.append((account_id, name))
        if name in self.missing:
            raise SoundError(f"there is no sound {name!r}")
        return Sound(Path(name), 1.0)
