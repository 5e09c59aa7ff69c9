# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings: started and stopped on the SIP thread, written by a thread of their own.

The writer wakes every PERIOD_S, takes what the bank has gathered of each recording's two legs and appends it to its
file. A slow or full disk therefore costs that recording, never a call. What was written stays and opens: the header is
brought up to date every second.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

from b2bua.calls.leg import Leg
from b2bua.media.bank import BankView, Samples

log = logging.getLogger(__name__)

PERIOD_S = 0.2
HEADER_EVERY_S = 1.0
_UPDATE_HEADER_NOW = 0x1060  # SFC_UPDATE_HEADER_NOW of libsndfile


class Row(Protocol):
    """A tap: where in the bank a leg's voice is."""

    slot: int


class Taps(Protocol):
    """Who connects legs to the bank (the bridge). SIP thread."""

    def tap(self, leg: Leg) -> Row | None: ...
    def untap(self, leg: Leg) -> None: ...


@dataclass(eq=False)
class Take:
    """One recording being made.

    rows         bank rows of the left and the right channel; None: silence. Replaced whole by the SIP thread
    begin        first tick
    end          tick at which it was stopped, None while it runs
    manifest     facts for the JSON file beside the audio
    done         called on the writer thread when the file is closed: (take, error or None)
    """

    path: Path
    rows: tuple[Row | None, Row | None]
    begin: int
    manifest: dict[str, Any]
    done: Callable[[Take, str | None], None]
    end: int | None = None
    next: int = field(init=False)
    overruns: int = 0
    _file: soundfile.SoundFile | None = None
    _header_s: float = 0.0

    def __post_init__(self) -> None:
        self.next = self.begin

    @property
    def duration_s(self) -> float:
        """Seconds written."""
        return (self.next - self.begin) * 0.02


class Writer:
    """The writer thread. `add` and `Take.end` may be set from any thread."""

    def __init__(self, bank: BankView) -> None:
        self._bank = bank
        self._takes: list[Take] = []
        self._new: list[Take] = []
        self._lock = threading.Lock()  # guards _new only
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.overruns = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Close every file properly and end the thread."""
        self._stop.set()
        self._thread.join(timeout=10)

    def add(self, take: Take) -> None:
        """Write this recording from its `begin` on."""
        with self._lock:
            self._new.append(take)

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self._round()
        for take in [*self._takes, *self._new]:
            take.end = take.end or self._bank.tick()
        self._round()

    def _round(self) -> None:
        with self._lock:
            self._takes += self._new
            self._new = []
        now = self._bank.tick()
        for take in list(self._takes):
            finished, error = True, None
            try:
                finished = self._append(take, now)
                if finished:
                    self._open(take)  # a recording of nothing is a file, too
            except Exception as failure:  # the barrier of this thread: one recording's trouble ends that recording
                log.exception("recording %s failed", take.path)
                error = _text(failure)
            if finished:
                self._takes.remove(take)
                self._finish(take, error)

    def _append(self, take: Take, now: int) -> bool:
        until = now if take.end is None else min(take.end, now)
        if until > take.next:
            take.next = max(take.next, until - self._bank.ring_frames * 4)  # after a very long stall: do not read all
            stereo = np.stack([self._side(take, row, until) for row in take.rows], axis=1)
            self._open(take).write(stereo)
            take.next = until
            self._keep_header(take)
        return take.end is not None and take.next >= min(take.end, now)

    def _side(self, take: Take, row: Row | None, until: int) -> Samples:
        if row is None:
            return np.zeros((until - take.next) * self._bank.frame_samples, np.int16)
        samples, lost = self._bank.read(row.slot, take.next, until)
        if lost:
            take.overruns += lost
            self.overruns += lost
            log.error("recording %s: %d ms overwritten before they were read (media.bank_s)", take.path, lost * 20)
        return samples

    def _open(self, take: Take) -> soundfile.SoundFile:
        if take._file is None:
            take.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            if take.path.exists():  # the same media_name again: no recording is ever overwritten
                take.path = take.path.with_stem(f"{take.path.stem}-{uuid.uuid4().hex}")
            take._file = soundfile.SoundFile(take.path, "x", self._bank.rate_hz, 2, "PCM_16")
        return take._file

    def _keep_header(self, take: Take) -> None:
        if take._file is not None and time.monotonic() - take._header_s >= HEADER_EVERY_S:
            take._header_s = time.monotonic()
            soundfile._snd.sf_command(take._file._file, _UPDATE_HEADER_NOW, soundfile._ffi.NULL, 0)
            take._file.flush()

    def _finish(self, take: Take, error: str | None) -> None:
        try:
            if take._file is not None:
                take._file.close()
                self._describe(take, error)
        except Exception as failure:  # the barrier again
            log.exception("recording %s could not be closed", take.path)
            error = error or _text(failure)
        take.done(take, error)

    def _describe(self, take: Take, error: str | None) -> None:
        facts = {**take.manifest, "file": take.path.name, "duration_ms": round(take.duration_s * 1000),
                 "sample_rate_hz": self._bank.rate_hz, "overrun_ms": take.overruns * 20, "error": error}
        beside = take.path.with_suffix(".json")
        partial = beside.with_suffix(".json.part")
        partial.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, beside)


def _text(failure: Exception) -> str:
    return str(failure) or type(failure).__name__
