# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer thread: what the bank gathers of the legs that are recorded goes to files.

It wakes every PERIOD_S and writes what there is; each file is whole after every write (`wave_file.py`). A disk
that is full or slow costs recordings, never a call: the take is paused, what cannot be kept is a hole of silence, and
it goes on in step when the disk does.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from b2bua.calls.leg import Leg
from b2bua.media.bank import FRAME_S, BankView, Samples
from b2bua.media.wave_file import WaveFile

log = logging.getLogger(__name__)

PERIOD_S = 0.4
RETRY_S = 2.0  # a disk that failed is tried again so often
_SPACE_S = 2.0  # free space is looked at so often


class Row(Protocol):
    """A tap: where in the bank a leg's voice is."""

    slot: int


class Taps(Protocol):
    """Who connects legs to the bank (the bridge). SIP thread."""

    def tap(self, leg: Leg) -> Row | None: ...
    def untap(self, leg: Leg) -> None: ...


Rows = tuple[Row | None, ...]
What = Literal["paused", "resumed", "closed"]
Spans = tuple[tuple[int, int | None], ...]


@dataclass(eq=False)
class Take:
    """One file being written.

    plan    from which tick on which bank row is on which channel (None: silence); replaced whole by the SIP thread
    begin   first tick
    end     tick at which it was stopped, None while it runs
    masked  spans of ticks that are silence whatever was said; replaced whole by the SIP thread
    told    called on the writer thread: (take, what, why)
    gaps    spans of ticks that could not be written, apart and in order; the writer's own until `closed` was told
    """

    path: Path
    plan: tuple[tuple[int, Rows], ...]
    begin: int
    told: Callable[[Take, What, str], None]
    end: int | None = None
    masked: Spans = ()
    gaps: list[tuple[int, int]] = field(default_factory=list)
    next: int = field(init=False)
    paused: str = ""
    _file: WaveFile | None = None
    _retry_s: float = 0.0

    def __post_init__(self) -> None:
        self.next = self.begin

    @property
    def duration_s(self) -> float:
        """Seconds written."""
        return (self.next - self.begin) * FRAME_S

    def lose(self, begin: int, end: int) -> None:
        """These ticks are not all there; told of twice (by channels, by tries) they count once."""
        if self.gaps and begin <= self.gaps[-1][1]:
            last_begin, last_end = self.gaps.pop()
            begin, end = min(begin, last_begin), max(end, last_end)
        self.gaps.append((begin, end))

    def parts(self, until: int) -> Iterator[tuple[int, int, Rows]]:
        """What is to be written next, cut where the plan changes: begin, end, rows."""
        plan = self.plan
        ends = [*(tick for tick, _ in plan[1:]), until]
        for (tick, rows), end in zip(plan, ends, strict=True):
            begin, end = max(tick, self.next), min(end, until)
            if begin < end:
                yield begin, end, rows


class Writer:
    """The writer thread. `add`, `note`, and a take's `plan`, `masked` and `end` may be set from any thread."""

    def __init__(self, bank: BankView, min_free_mb: float = 0.0, late_ticks: int = 0) -> None:
        self._bank = bank
        self._late_ticks = late_ticks  # it writes so far behind the clock: by then all has come that was said
        self._min_free_mb = min_free_mb
        self._takes: list[Take] = []
        self._new: list[Take] = []
        self._notes: dict[Path, Mapping[str, Any]] = {}
        self._lock = threading.Lock()  # guards _new and _notes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._space: dict[Path, tuple[float, bool]] = {}  # when a folder's disk was looked at, and is there enough
        self.overruns = 0
        self.cpu_s = 0.0  # processor time of the thread

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Close every file and end the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def add(self, take: Take) -> None:
        """Write this one from its `begin` on."""
        with self._lock:
            self._new.append(take)

    def note(self, path: Path, document: Mapping[str, Any]) -> None:
        """Put this into a JSON file soon, and before any take is closed that ends later. The last one wins.

        From here on nobody changes the document.
        """
        with self._lock:
            self._notes[path] = document

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self._round()
            self.cpu_s = time.thread_time()
        with self._lock:
            takes = [*self._takes, *self._new]
        for take in takes:
            take.end = take.end or self._bank.tick()
        self._late_ticks = 0
        self._round()

    def _round(self) -> None:
        with self._lock:
            self._takes += self._new
            self._new = []
        self._write_notes()
        now = self._bank.tick() - self._late_ticks
        for take in list(self._takes):
            over, error = False, ""
            try:
                over = self._serve(take, now)
            except Exception as failure:  # the barrier of this thread: one recording's trouble ends that recording
                log.exception("recording %s failed", take.path)
                over, error = True, _text(failure)
            if over:
                self._takes.remove(take)
                self._close(take, error)

    def _serve(self, take: Take, now: int) -> bool:
        """Write what there is; is it over?"""
        end = take.end  # once: it may be set while we are at it, to a tick that is not complete yet
        until = now if end is None else min(end, now)
        is_last = end is not None and now >= end
        if take.paused and not is_last and time.monotonic() < take._retry_s:
            return False
        try:
            self._append(take, until)
        except OSError as failure:
            self._pause(take, _text(failure))
            if is_last:
                self._skip(take, until)
        else:
            self._resume(take)
        return is_last

    def _append(self, take: Take, until: int) -> None:
        oldest = until + self._late_ticks - self._bank.ring_frames
        if take.next < oldest and not take.paused:
            self._late(take, oldest - take.next)
        self._skip(take, oldest)
        file = self._open(take)
        for begin, end, rows in take.parts(until):
            self._check_space(take.path.parent)
            sound = np.stack([self._side(take, row, begin, end) for row in rows], axis=1)
            self._mask(take, begin, sound)
            file.write((begin - take.begin) * self._bank.frame_samples, sound)
            take.next = end

    def _skip(self, take: Take, until: int) -> None:
        """What was before is gone from the bank, or can be written nowhere."""
        if take.next < until and take.next < (take.end or until):
            take.lose(take.next, until)
            take.next = until

    def _side(self, take: Take, row: Row | None, begin: int, end: int) -> Samples:
        if row is None:
            return np.zeros((end - begin) * self._bank.frame_samples, np.int16)
        samples, lost = self._bank.said(row.slot, begin, end, self._late_ticks)
        if lost:
            take.lose(begin, begin + lost)
            self._late(take, lost)
        return samples

    def _late(self, take: Take, frames: int) -> None:
        self.overruns += frames
        self._pause(take, f"the disk is too slow: {frames * 20} ms were overwritten before they were read")

    def _mask(self, take: Take, begin: int, sound: Samples) -> None:
        samples = self._bank.frame_samples
        for first, last in take.masked:
            sound[max(0, first - begin) * samples:None if last is None else max(0, last - begin) * samples] = 0

    def _open(self, take: Take) -> WaveFile:
        if take._file is None:
            self._check_space(take.path.parent)
            take._file = WaveFile(take.path, self._bank.rate_hz, len(take.plan[0][1]))
        return take._file

    def _check_space(self, folder: Path) -> None:
        """raises OSError when the disk has less than it must"""
        looked_s, enough = self._space.get(folder, (0.0, False))
        if time.monotonic() - looked_s > _SPACE_S:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            disk = os.statvfs(folder)
            enough = disk.f_bavail * disk.f_frsize >= self._min_free_mb * 1e6
            self._space[folder] = time.monotonic(), enough
        if not enough:
            raise OSError(errno.ENOSPC, f"less than {self._min_free_mb:g} MB are free (recordings.min_free_mb)")

    def _pause(self, take: Take, why: str) -> None:
        take._retry_s = time.monotonic() + RETRY_S
        if not take.paused:
            take.paused = why
            log.error("recording %s is paused: %s", take.path, why)
            take.told(take, "paused", why)

    def _resume(self, take: Take) -> None:
        if take.paused:
            take.paused = ""
            take.told(take, "resumed", "")

    def _close(self, take: Take, error: str) -> None:
        self._write_notes()
        try:
            if take._file is not None:
                take._file.extend((take.next - take.begin) * self._bank.frame_samples)
                take._file.close()
        except OSError as failure:
            error = error or _text(failure)
        take.told(take, "closed", error or take.paused)

    def _write_notes(self) -> None:
        with self._lock:
            notes, self._notes = self._notes, {}
        for path, document in notes.items():
            try:
                path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
                replace_text(path, json.dumps(document))
            except OSError as failure:
                log.error("%s cannot be written: %s", path, failure)


def replace_text(path: Path, text: str) -> None:
    """Write a file whole or not at all. raises OSError"""
    partial = path.with_name(path.name + ".part")
    try:
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _text(failure: Exception) -> str:
    return (failure.strerror if isinstance(failure, OSError) else None) or str(failure) or type(failure).__name__
