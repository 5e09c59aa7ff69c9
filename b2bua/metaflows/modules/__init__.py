# SPDX-License-Identifier: GPL-3.0-or-later
"""What a code can do: one file per action, with its pydantic model and its `run`. This is the list of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from b2bua.metaflows.context import Context, Report
from b2bua.metaflows.model import Data
from b2bua.metaflows.modules.audio_level import AudioLevel
from b2bua.metaflows.modules.audio_level import run as audio_level
from b2bua.metaflows.modules.break_ import Break
from b2bua.metaflows.modules.break_ import run as break_
from b2bua.metaflows.modules.callflow import Callflow
from b2bua.metaflows.modules.callflow import run as callflow
from b2bua.metaflows.modules.hangup import Hangup
from b2bua.metaflows.modules.hangup import run as hangup
from b2bua.metaflows.modules.hold import Hold
from b2bua.metaflows.modules.hold import run as hold
from b2bua.metaflows.modules.hold_control import HoldControl
from b2bua.metaflows.modules.hold_control import run as hold_control
from b2bua.metaflows.modules.intercept import Intercept
from b2bua.metaflows.modules.intercept import run as intercept
from b2bua.metaflows.modules.move import Move
from b2bua.metaflows.modules.move import run as move
from b2bua.metaflows.modules.park import Park
from b2bua.metaflows.modules.park import run as park
from b2bua.metaflows.modules.pivot import Pivot
from b2bua.metaflows.modules.pivot import run as pivot
from b2bua.metaflows.modules.play import Play
from b2bua.metaflows.modules.play import run as play
from b2bua.metaflows.modules.record_call import RecordCall
from b2bua.metaflows.modules.record_call import run as record_call
from b2bua.metaflows.modules.relate import Relate
from b2bua.metaflows.modules.relate import run as relate
from b2bua.metaflows.modules.resume import Resume
from b2bua.metaflows.modules.resume import run as resume
from b2bua.metaflows.modules.say import Say
from b2bua.metaflows.modules.say import run as say
from b2bua.metaflows.modules.sound_touch import SoundTouch
from b2bua.metaflows.modules.sound_touch import run as sound_touch
from b2bua.metaflows.modules.transfer import Transfer
from b2bua.metaflows.modules.transfer import run as transfer
from b2bua.metaflows.modules.tts import Tts
from b2bua.metaflows.modules.tts import run as tts
from b2bua.metaflows.modules.unpark import Unpark
from b2bua.metaflows.modules.unpark import run as unpark


@dataclass(frozen=True, slots=True)
class Module:
    """One action.

    model      what its `data` may say
    run        does it; None: it may be stored, and says `unavailable` when it is called for
    extension  KAZOO has no schema for it
    at_once    does not wait for the code that runs
    """

    name: str
    model: type[Data]
    run: Callable[[Context, Any], Awaitable[Report]] | None = None
    extension: bool = False
    at_once: bool = False


MODULES = {module.name: module for module in (
    Module("audio_level", AudioLevel, audio_level),
    Module("break", Break, break_, at_once=True),
    Module("callflow", Callflow, callflow),
    Module("hangup", Hangup, hangup),
    Module("hold", Hold, hold),
    Module("hold_control", HoldControl, hold_control),
    Module("intercept", Intercept, intercept),
    Module("move", Move, move),
    Module("park", Park, park, extension=True),
    Module("pivot", Pivot, pivot),
    Module("play", Play, play),
    Module("record_call", RecordCall, record_call),
    Module("relate", Relate, relate),
    Module("resume", Resume, resume),
    Module("say", Say, say),
    Module("sound_touch", SoundTouch, sound_touch),
    Module("transfer", Transfer, transfer),
    Module("tts", Tts, tts),
    Module("unpark", Unpark, unpark, extension=True),
)}
