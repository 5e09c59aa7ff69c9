# SPDX-License-Identifier: GPL-3.0-or-later
"""Voices changed while they are spoken: from the bank through the changer into a source that the partner hears.

A thread of its own, so that what takes long here costs nobody else. Legs come and go on the SIP thread.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from b2bua.calls.call import Call
from b2bua.calls.events import Event
from b2bua.calls.leg import Leg
from b2bua.media.bank import FRAME_S, BankView
from b2bua.media.recorder import Taps
from b2bua.metaflows.context import VoiceError
from dsp.voice import VoiceChanger, check

log = logging.getLogger(__name__)

VOICES_MAX = 32  # changed at a time
ACCOUNT_VOICES_MAX = 16  # of them, of one account
RING_FRAMES = 150  # 3 s of what is said and not yet heard
CUSHION_FRAMES = 2  # heard that much later, so that this thread may be late
LATE_FRAMES = 8  # waiting: what more comes is dropped, else the delay would stay for ever
CHUNK_S = 1.0  # where the length changes: spoken for so long, then heard in one piece
MAX_BEHIND = 25  # frames; after a longer stall older ones are skipped


class Feeds(Protocol):
    """Native sources that are filled block by block (b2bua/native/sources.hpp)."""

    def feed(self, ring_frames: int) -> int: ...
    def push(self, slot: int, address: int, frames: int) -> int: ...
    def waiting(self, slot: int) -> int: ...
    def port(self, slot: int) -> int: ...
    def close(self, slot: int) -> None: ...


@dataclass(eq=False)
class _Voice:
    """One leg whose voice is changed.

    row     of the bank; source: of the feeds
    begun   the changer's row has been made ready for it; told: it knows the change. Voices' thread from here on
    said    changed samples that make no whole frame, or no whole chunk yet
    heard_s how much was spoken of the chunk
    """

    call: Call
    leg: Leg
    row: int
    source: int
    pitch: float
    length: float
    begun: bool = False
    told: bool = False
    said: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    heard_s: float = 0.0


class Voices:
    """As of b2bua.metaflows.context."""

    def __init__(self, bank: BankView, taps: Taps, feeds: Feeds) -> None:
        self._bank, self._taps, self._feeds = bank, taps, feeds
        self._changer = VoiceChanger(VOICES_MAX, bank.rate_hz)
        self._voices: dict[int, _Voice] = {}  # by the changer's row; replaced whole by the SIP thread
        self._stop = threading.Event()
        self._work = threading.Event()  # there are voices, or it is time to stop
        self._thread = threading.Thread(target=self._run, name="voices", daemon=True)
        self.skipped = 0

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._work.set()
        self._thread.join(timeout=2)

    @property
    def active(self) -> int:
        """Voices that are changed now."""
        return len(self._voices)

    def change(self, call: Call, leg: Leg, pitch: float, length: float) -> None:
        """As of the protocol."""
        check(pitch, length)
        before = self._of(leg)
        if before is not None:
            row, voice = before
            self._voices = {**self._voices, row: replace(voice, pitch=pitch, length=length, told=False)}
            return
        if sum(voice.call.account_id == call.account_id for voice in self._voices.values()) >= ACCOUNT_VOICES_MAX:
            raise VoiceError(f"{ACCOUNT_VOICES_MAX} voices of this account are being changed already")
        free = next((row for row in range(VOICES_MAX) if row not in self._voices), None)
        tap = self._taps.tap(leg) if free is not None else None
        source = self._feeds.feed(RING_FRAMES) if tap is not None else -1
        if free is None or tap is None or source < 0:
            if tap is not None:
                self._taps.untap(leg)
            raise VoiceError("the voice cannot be changed now: too many are, or the leg has no audio")
        if not any(voice.call is call for voice in self._voices.values()):
            call.on_ended(self._call_ended)
        self._voices = {**self._voices, free: _Voice(call, leg, tap.slot, source, pitch, length)}
        call.path.voice(leg, self._feeds.port(source))
        self._work.set()

    def changed(self, leg: Leg) -> bool:
        """As of the protocol."""
        return self._of(leg) is not None

    def restore(self, leg: Leg) -> bool:
        """As of the protocol."""
        found = self._of(leg)
        if found is None:
            return False
        row, voice = found
        self._voices = {known: one for known, one in self._voices.items() if known != row}
        voice.call.path.voice(leg, None)  # first: it undoes the connection
        self._feeds.close(voice.source)
        self._taps.untap(leg)
        return True

    def _of(self, leg: Leg) -> tuple[int, _Voice] | None:
        return next(((row, voice) for row, voice in self._voices.items() if voice.leg is leg), None)

    def heard(self, event: Event) -> None:
        """Events of calls: who has left the pair is heard by nobody."""
        if event.name == "call.leg_replaced":
            for voice in list(self._voices.values()):
                if voice.leg.id == event.fields.get("old_leg_id"):
                    self.restore(voice.leg)

    def _call_ended(self, call: Call) -> None:
        for voice in list(self._voices.values()):
            if voice.call is call:
                self.restore(voice.leg)

    # -- the thread of the voices ---------------------------------------------------------------------------------

    def _run(self) -> None:
        tick = self._bank.tick()
        while self._work.wait() and not self._stop.wait(FRAME_S / 2):
            now = self._bank.tick()
            if not self._voices:
                self._work.clear()
                if self._voices:  # it came in this very moment
                    self._work.set()
                tick = now
            elif now - tick > MAX_BEHIND:
                self.skipped += (now - tick) * len(self._voices) if tick else 0
                tick = now
            try:
                while tick < now:
                    self._step(tick)
                    tick += 1
            except Exception:  # the barrier of this thread
                log.exception("the voice changer failed; it starts anew")
                self._changer = VoiceChanger(VOICES_MAX, self._bank.rate_hz)
                for voice in self._voices.values():
                    voice.begun = voice.told = False
                tick = now

    def _step(self, tick: int) -> None:
        """One frame of all voices."""
        voices = self._voices
        for row, voice in voices.items():
            if not voice.begun:
                self._changer.clear(row)
            if not voice.told:
                self._changer.change(row, voice.pitch, voice.length)
            voice.begun = voice.told = True
        rows = list(voices)
        frames = self._bank.frame([voice.row for voice in voices.values()], tick)
        # what is masked now is heard by nobody when the mask is gone, however long a changed voice takes
        frames[[voice.call.mask.silences(voice.leg) for voice in voices.values()]] = 0
        for voice, said in zip(voices.values(), self._changer.write(frames, rows), strict=True):
            self._say(voice, said)

    def _say(self, voice: _Voice, said: NDArray[np.int16]) -> None:
        """Hand on what makes whole frames; where the length changes, what makes a whole chunk."""
        width = self._bank.frame_samples
        voice.said = np.concatenate((voice.said, said))
        voice.heard_s += FRAME_S
        if voice.length != 1.0 and voice.heard_s < CHUNK_S:
            return
        voice.heard_s = 0.0
        count = len(voice.said) // width
        block, voice.said = np.ascontiguousarray(voice.said[:count * width]), voice.said[count * width:]
        waiting = self._feeds.waiting(voice.source)
        if voice.length == 1.0 and waiting == 0:
            block = np.concatenate((np.zeros(CUSHION_FRAMES * width, np.int16), block))
        elif voice.length >= 1.0 and waiting > LATE_FRAMES + (RING_FRAMES // 2 if voice.length > 1.0 else 0):
            self.skipped += count
            return
        self._feeds.push(voice.source, block.ctypes.data, len(block) // width)
