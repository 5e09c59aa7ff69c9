# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds that a leg's far end hears: music, announcements, ringback. What everyone above SIP may ask. SIP thread.

A `Sound` is ready to be played; `Library` knows how to come by one, `Player` plays it into a leg.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg

HEADER_BYTES = 44  # of a WAV file that holds nothing but PCM (RIFF, fmt, data)


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that is ready: a WAV file, mono, 16 bits, at the rate of the conference (media.mix_rate_hz).

    The samples begin after HEADER_BYTES; the file is never written again, only replaced.
    """

    file: Path
    seconds: float


class Tune(StrEnum):
    """What is always there, made by us at the start."""

    HOLD_MUSIC = "hold_music"
    RINGBACK = "ringback"  # 425 Hz, 1 s on, 4 s off (ITU-T E.180)
    BUSY = "busy"  # 425 Hz, 0.5 s on, 0.5 s off


class SoundError(Exception):
    """There is no such sound, or it cannot be used; the text says why, for people."""


class End(StrEnum):
    """Why a sound is heard no more."""

    FINISHED = "finished"  # it was played to its end
    STOPPED = "stopped"  # by `stop`, or its leg has gone


class Playing(Protocol):
    """A sound that a leg hears."""

    @property
    def leg(self) -> Leg:
        """Who hears it."""

    def stop(self) -> None:
        """Enough. Safe to repeat, and after the end."""

    async def wait(self) -> End:
        """Until it is heard no more. Cancelling the wait does not stop the sound."""


class Player(Protocol):
    """Plays sounds into legs; several at once are mixed. No Python touches the samples."""

    def start(self, call: Call, leg: Leg, sound: Sound, *, loop: bool = False, gain_db: float = 0.0) -> Playing:
        """Let a leg of this call hear the sound, from its beginning; it starts when the leg has media.

        While it lasts, the call's path is `mix`, so a leg that talks hears its partner too; afterwards the path finds
        back to `relay` by itself. The sound stays with the leg through re-INVITEs, and ends with it.
        loop     begin again at the end, until stopped
        gain_db  -60 to 12, 0: as it is
        """

    def playing(self, leg: Leg) -> Sequence[Playing]:
        """What this leg hears of ours at the moment, the newest last."""


class Library(Protocol):
    """Where sounds come from."""

    def tune(self, name: Tune) -> Sound:
        """One that is always there."""

    async def find(self, account_id: str | None, name: str) -> Sound:
        """An account's media by id, a URL, a tune's name, or a file in sounds.directory; made ready off this thread.

        Raises SoundError.
        """
