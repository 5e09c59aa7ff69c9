# SPDX-License-Identifier: GPL-3.0-or-later
"""Changed voices between the bank and the sources: what is heard, and what is given back."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from b2bua.calls.events import Event
from b2bua.media.bank import BankView
from b2bua.media.voices import ACCOUNT_VOICES_MAX, RING_FRAMES, VOICES_MAX, Voices
from b2bua.metaflows.context import VoiceError
from b2bua.sip.bridge import Tap
from tests.b2bua.media.fake_bank import FakeBank
from tests.b2bua.metaflows.stage import Stage
from tests.fakes import in_no_time
from tests.peers.sound import dominant_hz, tone

RATE_HZ, FRAME = 16000, 320


@dataclass
class Feeds:
    """Sources that nobody listens to: everything that was pushed, by slot."""

    said: dict[int, list[Any]] = field(default_factory=dict)
    closed: list[int] = field(default_factory=list)
    full: bool = False

    def feed(self, ring_frames: int) -> int:
        assert ring_frames == RING_FRAMES
        if self.full:
            return -1
        self.said[len(self.said)] = []
        return len(self.said) - 1

    def push(self, slot: int, address: int, frames: int) -> int:
        block = (ctypes.c_int16 * (frames * FRAME)).from_address(address)
        self.said[slot].append(np.frombuffer(block, np.int16).copy())
        return frames

    def waiting(self, slot: int) -> int:
        return 1

    def port(self, slot: int) -> int:
        return 100 + slot

    def close(self, slot: int) -> None:
        self.closed.append(slot)


@dataclass
class Taps:
    tapped: int = 0

    def tap(self, leg: Any) -> Tap:
        self.tapped += 1
        return Tap(0)

    def untap(self, leg: Any) -> None:
        self.tapped -= 1


class Hall:
    """A leg that speaks with a tone, and the voices."""

    def __init__(self) -> None:
        self.bank, self.taps, self.feeds = FakeBank(1, 400, FRAME), Taps(), Feeds()
        self.voices = Voices(BankView(self.bank), self.taps, self.feeds)
        self.voices.start()

    def speak(self, hz: float, seconds: float) -> None:
        """Faster than real time, but not so fast that the thread falls behind."""
        frames = tone(hz, seconds, -10, rate_hz=RATE_HZ).reshape(-1, FRAME)
        for index, frame in enumerate(frames):
            self.bank.samples[0, self.bank.now % 400] = frame
            self.bank.head_of[0] = self.bank.now + 1
            self.bank.now += 1
            if index % 4 == 3:
                time.sleep(0.012)
        before = -1
        while before != (before := sum(map(len, self.feeds.said.values()))):  # the thread has nothing more to say
            time.sleep(0.15)

    def heard(self, slot: int = 0) -> Any:
        return np.concatenate(self.feeds.said[slot])


@contextmanager
def hall() -> Iterator[Hall]:
    one = Hall()
    try:
        yield one
    finally:
        one.voices.stop()


@in_no_time
@pytest.mark.parametrize(("pitch", "length", "hz", "seconds"), [(1.5, 1.0, 750, 2.0), (1.0, 0.5, 500, 1.0),
                                                               (2.0, 0.5, 1000, 1.0)])
async def test_F79_pitch_and_length_of_what_is_heard(pitch: float, length: float, hz: float, seconds: float) -> None:
    talk = await Stage().talk()
    with hall() as room:
        room.voices.change(talk.call, talk.b, pitch, length)
        room.speak(500, 2.0)
        assert room.voices.skipped == 0
        heard = room.heard()
        assert dominant_hz(heard[4000:], RATE_HZ) == pytest.approx(hz, rel=0.01)
        assert len(heard) / RATE_HZ == pytest.approx(seconds, abs=0.1)


@in_no_time
async def test_F83_what_was_masked_is_not_heard_later_either() -> None:
    talk = await Stage().talk()
    with hall() as room:
        room.voices.change(talk.call, talk.b, 1.0, 0.5)
        room.speak(500, 1.0)
        talk.call.mask.put_on({"by": "api"}, sound=True)
        room.speak(500, 0.6)
        talk.call.mask.lift({"by": "api"})
        room.speak(500, 1.4)
        heard = room.heard()
    quiet = np.abs(heard[:len(heard) // 320 * 320]).reshape(-1, 320).max(axis=1) < 50
    assert quiet.sum() * 0.02 == pytest.approx(0.3, abs=0.1)  # twice as fast


@in_no_time
async def test_a_voice_stands_in_for_its_leg_until_it_is_restored_or_the_call_ends() -> None:
    stage = Stage()
    talk = await stage.talk()
    with hall() as room:
        room.voices.change(talk.call, talk.b, 1.5, 1.0)
        room.voices.change(talk.call, talk.b, 0.7, 1.0)
        assert (100, talk.a.port) in stage.mixer.connected
        assert room.voices.changed(talk.b)
        assert room.voices.restore(talk.b)
        assert not room.voices.restore(talk.b)
        assert (100, talk.a.port) not in stage.mixer.connected
        assert stage.mixer.hears(talk.a, talk.b)
        room.voices.change(talk.call, talk.b, 1.5, 1.0)
        room.voices.heard(Event("call.leg_replaced", 0.0, fields={"old_leg_id": talk.b.id}))
        assert not room.voices.changed(talk.b)
        room.voices.change(talk.call, talk.a, 1.5, 1.0)
        talk.a.hangs_up()
        talk.b.hangs_up()
        assert (room.voices.active, room.taps.tapped, room.feeds.closed) == (0, 0, [0, 1, 2])


@in_no_time
async def test_what_cannot_be_changed_is_refused_and_takes_nothing() -> None:
    stage = Stage()
    talk = await stage.talk()
    with hall() as room:
        with pytest.raises(ValueError, match="is not within"):
            room.voices.change(talk.call, talk.b, 9.0, 1.0)
        room.feeds.full = True
        with pytest.raises(VoiceError):
            room.voices.change(talk.call, talk.b, 1.5, 1.0)
        assert (room.taps.tapped, room.voices.active) == (0, 0)
        room.feeds.full = False
        for index in range(VOICES_MAX):
            other = await stage.talk()
            other.call.account_id = f"{index % 2}" * 32
            room.voices.change(other.call, other.b, 1.5, 1.0)
            if index == ACCOUNT_VOICES_MAX * 2 - 2:  # all of the one account, and one of the other is missing
                with pytest.raises(VoiceError, match="of this account"):
                    room.voices.change(other.call, other.a, 1.5, 1.0)
        with pytest.raises(VoiceError):
            room.voices.change(talk.call, talk.b, 1.5, 1.0)
