# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer thread: what the bank holds goes to disk, and trouble with one file is that file's alone."""

from __future__ import annotations

import errno
import itertools
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from b2bua.media import recorder
from b2bua.media.bank import BankView
from b2bua.media.recorder import Rows, Take, Writer, replace_text
from tests.b2bua.media.fake_bank import FakeBank, Tap

LEFT_RIGHT: Rows = (Tap(0), Tap(1))


class Studio:
    """A bank, a writer, and takes of rows 0 (left) and 1 (right)."""

    def __init__(self, folder: Path, **bank: int) -> None:
        self.folder = folder
        self.bank = FakeBank(**bank)
        self.writer = Writer(BankView(self.bank))
        self.told: list[tuple[str, str, str]] = []

    def take(self, name: str = "one.wav", rows: Rows = LEFT_RIGHT) -> Take:
        tick = self.bank.tick()
        take = Take(self.folder / name, ((tick, rows),), tick, self._told)
        self.writer.add(take)
        return take

    def _told(self, take: Take, what: str, why: str) -> None:
        self.told.append((take.path.name, what, why))

    def closed(self, name: str) -> bool:
        return any((one, what) == (name, "closed") for one, what, _ in self.told)

    def heard(self, path: Path) -> list[tuple[int, ...]]:
        """All channels, one tuple a frame."""
        sound, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        assert rate_hz == BankView(self.bank).rate_hz
        return [tuple(int(value) for value in frame) for frame in sound[::self.bank.frame_samples()]]


def until(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + 5
    while not true():
        assert time.monotonic() < limit_s, "nothing happened"
        time.sleep(0.001)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(recorder, "PERIOD_S", 0.001)
    monkeypatch.setattr(recorder, "RETRY_S", 0.01)
    studio = Studio(tmp_path / "deep" / "down", ring_frames=16)
    yield studio
    studio.writer.stop()
    assert "writer" not in {thread.name for thread in threading.enumerate()}


def test_two_legs_are_two_channels_from_begin_to_end(studio: Studio) -> None:
    studio.bank.speak(9, 9)
    take = studio.take()
    for value in range(1, 6):
        studio.bank.speak(value, -value)
    take.end = studio.bank.tick()
    studio.bank.speak(8, 8)
    studio.writer.start()
    studio.writer.stop()
    assert studio.told == [("one.wav", "closed", "")]
    assert studio.heard(take.path) == [(value, -value) for value in range(1, 6)]


def test_a_side_that_nobody_speaks_on_is_silent_and_one_person_is_one_channel(studio: Studio) -> None:
    take, alone = studio.take(rows=(Tap(0), None)), studio.take("two.wav", (Tap(1),))
    studio.bank.speak(5, 6)
    studio.writer.start()
    studio.writer.stop()
    assert (studio.heard(take.path), studio.heard(alone.path)) == ([(5, 0)], [(6,)])


def test_a_long_recording_is_written_piece_by_piece_round_the_ring(studio: Studio) -> None:
    studio.writer.start()
    take = studio.take()
    for value in range(100):
        studio.bank.speak(value, -value)
        until(lambda: take.next == studio.bank.tick())
    take.end = studio.bank.tick()
    until(lambda: studio.closed("one.wav"))
    assert studio.heard(take.path) == [(value, -value) for value in range(100)]
    assert (take.gaps, studio.writer.overruns) == ([], 0)


def test_who_takes_a_channel_is_heard_from_his_tick_on_however_late_the_writer_comes(studio: Studio) -> None:
    take = studio.take()
    studio.bank.speak(1, 2, 3)
    studio.bank.speak(1, 2, 3)
    take.plan = (*take.plan, (studio.bank.tick(), (Tap(2), Tap(1))))
    studio.bank.speak(1, 2, 3)
    take.plan = (*take.plan, (studio.bank.tick(), (Tap(2), None)))
    studio.bank.speak(1, 2, 3)
    studio.writer.start()
    studio.writer.stop()
    assert studio.heard(take.path) == [(1, 2), (1, 2), (3, 2), (3, 0)]


def test_F83_masked_ticks_are_silence_on_all_channels_and_keep_their_length(studio: Studio) -> None:
    studio.bank.speak(9, 9)
    take = studio.take()
    for value in range(1, 9):
        studio.bank.speak(value, -value)
    take.masked = ((3, 5), (7, None))
    studio.writer.start()
    studio.writer.stop()
    assert [left for left, _ in studio.heard(take.path)] == [1, 2, 0, 0, 5, 6, 0, 0]
    assert all(left == -right for left, right in studio.heard(take.path))


def test_what_was_written_opens_while_the_recording_runs(studio: Studio) -> None:
    studio.writer.start()
    take = studio.take()
    studio.bank.speak(3, 4)
    until(lambda: take.next == 1)
    assert studio.heard(take.path) == [(3, 4)]


def test_an_overrun_is_silence_in_step_counted_and_told(studio: Studio) -> None:
    take = studio.take()
    for value in range(1, 21):
        studio.bank.speak(value, value)
    studio.writer.start()
    studio.writer.stop()
    lost = 20 - 16 + 1
    assert studio.heard(take.path) == [(0, 0)] * lost + [(value, value) for value in range(lost + 1, 21)]
    assert (take.gaps, studio.writer.overruns) == ([(0, lost)], 4 + 2)
    assert [what for _, what, _ in studio.told] == ["paused", "resumed", "closed"]
    assert "too slow" in studio.told[0][2]


def test_notes_are_written_before_a_take_is_closed_and_the_last_one_stays(studio: Studio) -> None:
    take = studio.take()
    studio.writer.note(studio.folder / "one.json", {"first": 1})
    studio.writer.note(studio.folder / "one.json", {"last": 1})
    take.end = studio.bank.tick()
    studio.writer.start()
    until(lambda: studio.closed("one.wav"))
    assert (studio.folder / "one.json").read_text() == '{"last": 1}'
    assert studio.heard(take.path) == []  # a recording of nothing is a file, too


def test_an_unwritable_directory_pauses_that_recording_only(studio: Studio) -> None:
    studio.folder.mkdir(parents=True)
    (studio.folder / "file").write_text("in the way")
    good, bad = studio.take(), studio.take("file/bad.wav")
    studio.writer.start()
    studio.bank.speak(1, 2)
    until(lambda: ("bad.wav", "paused") in [told[:2] for told in studio.told])
    studio.bank.speak(3, 4)
    until(lambda: good.next == 2)
    (studio.folder / "file").unlink()
    until(lambda: ("bad.wav", "resumed", "") in studio.told)
    studio.writer.stop()
    assert studio.heard(good.path) == studio.heard(bad.path) == [(1, 2), (3, 4)]


def test_a_full_disk_pauses_it_and_it_goes_on_in_step(studio: Studio) -> None:
    """The limit of file sizes stands for the full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    studio.writer.start()
    take = studio.take()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        for value in range(1, 150):
            studio.bank.speak(value, -value)
            until(lambda: bool(take.paused) or take.next == studio.bank.tick())
        until(lambda: ("one.wav", "paused") in [told[:2] for told in studio.told])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    until(lambda: ("one.wav", "resumed", "") in studio.told)
    studio.bank.speak(200, -200)
    studio.writer.stop()
    heard = studio.heard(take.path)
    assert len(heard) == 150
    assert all(left in (0, value) and right in (0, -value) for value, (left, right) in enumerate(heard[:149], 1))
    assert heard[-1] == (200, -200)
    assert 0 < [left for left, _ in heard].count(0) <= sum(end - begin for begin, end in take.gaps)
    assert all(one_end < begin < end for (_, one_end), (begin, end) in itertools.pairwise(take.gaps))


def test_a_disk_that_has_no_room_for_the_first_byte_may_have_some_later(
        studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        take = studio.take()
        studio.bank.speak(1, 2)
        studio.writer.start()
        until(lambda: ("one.wav", "paused") in [told[:2] for told in studio.told])
        assert not take.path.exists()
    until(lambda: ("one.wav", "resumed", "") in studio.told)
    studio.writer.stop()
    assert studio.heard(take.path) == [(1, 2)]


def test_a_note_that_does_not_fit_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    note = tmp_path / "one.json"
    replace_text(note, "old")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        with pytest.raises(OSError, match="too large"):
            replace_text(note, "new" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert (note.read_text(), list(tmp_path.iterdir())) == ("old", [note])


def test_too_little_free_space_is_a_full_disk(tmp_path: Path, studio: Studio) -> None:
    studio.writer = Writer(BankView(studio.bank), min_free_mb=1e12)
    studio.take()
    studio.writer.start()
    studio.bank.speak(1, 2)
    until(lambda: bool(studio.told))
    assert studio.told[0][1] == "paused"
    assert "recordings.min_free_mb" in studio.told[0][2]


def test_a_bug_in_one_recording_does_not_stop_the_thread(studio: Studio) -> None:
    bad, good = studio.take("bad.wav", (Tap(99), None)), studio.take("good.wav")
    studio.bank.speak(1, 2)
    studio.writer.start()
    studio.writer.stop()
    assert studio.heard(good.path) == [(1, 2)]
    assert ("good.wav", "closed", "") in studio.told
    assert bad.path.name in [name for name, what, why in studio.told if what == "closed" and why]


def test_what_was_delayed_stands_where_it_was_said(tmp_path: Path, studio: Studio) -> None:
    """The right side's packets come 3 ticks late from the fourth frame on: what was made up meanwhile is gone."""
    studio.writer = Writer(BankView(studio.bank), late_ticks=4)
    studio.writer.start()
    take = studio.take()
    for tick in range(40):
        late = 3 if tick >= 6 else 0
        studio.bank.delays[1, tick % 16] = late * studio.bank.frame_samples()
        studio.bank.speak(tick + 1, tick + 1 - late if late or tick < 3 else 99)
        until(lambda tick=tick: take.next >= tick - 4)  # type: ignore[misc]
    take.end = 36
    until(lambda: studio.closed("one.wav"))
    assert studio.heard(take.path) == [(said, said) for said in range(1, 37)]


def test_a_delay_that_shrinks_leaves_silence_and_no_step(studio: Studio) -> None:
    view = BankView(studio.bank)
    for tick in range(12):
        studio.bank.delays[0, tick] = 8 if tick < 6 else 0
        studio.bank.speak(tick + 1)
    samples, lost = view.said(0, 0, 8, 4)
    assert (lost, samples[::4].tolist()) == (0, [3, 4, 5, 6, 0, 0, 7, 8])
