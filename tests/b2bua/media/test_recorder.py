# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer thread: what the bank holds goes to disk, and trouble with one file is that file's alone."""

from __future__ import annotations

import json
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
from b2bua.media.recorder import Take, Writer
from tests.b2bua.media.fake_bank import FakeBank, Tap


class Studio:
    """A bank, a writer, and takes of rows 0 (left) and 1 (right)."""

    def __init__(self, folder: Path, **bank: int) -> None:
        self.folder = folder
        self.bank = FakeBank(**bank)
        self.writer = Writer(BankView(self.bank))
        self.done: dict[str, str | None] = {}
        self.finished = threading.Event()

    def take(self, name: str = "one.wav", right: Tap | None = Tap(1)) -> Take:  # noqa: B008 - never changed
        take = Take(self.folder / name, (Tap(0), right), self.bank.tick(), {"id": name}, self._done)
        self.writer.add(take)
        return take

    def _done(self, take: Take, error: str | None) -> None:
        self.done[take.path.name] = error
        self.finished.set()

    def heard(self, path: Path) -> list[tuple[int, int]]:
        """Left and right, one pair a frame."""
        sound, rate_hz = soundfile.read(path, dtype="int16")
        assert rate_hz == BankView(self.bank).rate_hz
        return [(int(left), int(right)) for left, right in sound[::self.bank.frame_samples()]]


def until(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + 5
    while not true():
        assert time.monotonic() < limit_s, "nothing happened"
        time.sleep(0.001)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(recorder, "PERIOD_S", 0.001)
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
    assert studio.done == {"one.wav": None}
    assert studio.heard(take.path) == [(value, -value) for value in range(1, 6)]


def test_a_side_that_nobody_speaks_on_is_silent(studio: Studio) -> None:
    take = studio.take(right=None)
    studio.bank.speak(5, 6)
    studio.writer.start()
    studio.writer.stop()
    assert studio.heard(take.path) == [(5, 0)]


def test_a_long_recording_is_written_piece_by_piece_round_the_ring(studio: Studio) -> None:
    studio.writer.start()
    take = studio.take()
    for value in range(100):
        studio.bank.speak(value, -value)
        until(lambda: take.next == studio.bank.tick())
    take.rows = (take.rows[1], take.rows[0])
    studio.bank.speak(1, 2)
    until(lambda: take.next == studio.bank.tick())
    take.end = studio.bank.tick()
    until(lambda: bool(studio.done))
    assert studio.heard(take.path) == [*((value, -value) for value in range(100)), (2, 1)]
    assert (take.overruns, studio.writer.overruns) == (0, 0)


def test_what_was_written_opens_while_the_recording_runs(studio: Studio) -> None:
    studio.writer.start()
    take = studio.take()
    studio.bank.speak(3, 4)
    until(lambda: take.next == 1)
    assert studio.heard(take.path) == [(3, 4)]


def test_an_overrun_is_silence_counted_and_told(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    take = studio.take()
    for value in range(1, 21):
        studio.bank.speak(value, value)
    studio.writer.start()
    studio.writer.stop()
    lost = 20 - 16 + 1
    assert studio.heard(take.path) == [(0, 0)] * lost + [(value, value) for value in range(lost + 1, 21)]
    assert (take.overruns, studio.writer.overruns) == (2 * lost, 2 * lost)
    assert f"{lost * 20} ms overwritten" in caplog.text
    assert json.loads(take.path.with_suffix(".json").read_text())["overrun_ms"] == 2 * lost * 20


def test_the_manifest_lies_beside_the_audio(studio: Studio) -> None:
    take = studio.take()
    for _ in range(10):
        studio.bank.speak(1, 1)
    studio.writer.start()
    studio.writer.stop()
    assert json.loads(take.path.with_suffix(".json").read_text()) == {
        "id": "one.wav", "file": "one.wav", "duration_ms": 200, "sample_rate_hz": 200, "overrun_ms": 0, "error": None}
    assert sorted(path.name for path in studio.folder.iterdir()) == ["one.json", "one.wav"]


def test_a_recording_of_nothing_is_an_empty_file(studio: Studio) -> None:
    take = studio.take()
    take.end = studio.bank.tick()
    studio.writer.start()
    studio.writer.stop()
    assert studio.heard(take.path) == []


def test_a_name_that_is_taken_costs_neither_recording(studio: Studio) -> None:
    first, second = studio.take(), studio.take()
    studio.bank.speak(1, 2)
    studio.writer.start()
    studio.writer.stop()
    assert first.path != second.path
    assert studio.heard(first.path) == studio.heard(second.path) == [(1, 2)]
    assert set(studio.done.values()) == {None}
    assert len(list(studio.folder.glob("*.json"))) == 2


def test_an_unwritable_directory_fails_that_recording_only(studio: Studio) -> None:
    studio.folder.mkdir(parents=True)
    (studio.folder / "file").write_text("in the way")
    good = studio.take()
    studio.take("file/bad.wav")
    studio.writer.start()
    studio.bank.speak(1, 2)
    until(lambda: "bad.wav" in studio.done)
    assert studio.done["bad.wav"]
    studio.bank.speak(3, 4)
    studio.writer.stop()
    assert studio.heard(good.path) == [(1, 2), (3, 4)]


def test_on_a_full_disk_the_take_is_closed_and_what_was_written_opens(studio: Studio) -> None:
    """The limit of file sizes stands for the full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    studio.writer.start()
    take = studio.take()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        for value in range(1, 300):
            if studio.done:
                break
            studio.bank.speak(value, -value)
            until(lambda: bool(studio.done) or take.next == studio.bank.tick())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert studio.done["one.wav"]
    heard = studio.heard(take.path)
    assert len(heard) > 100
    assert heard == [(value, -value) for value in range(1, len(heard) + 1)]
    again = studio.take("two.wav")
    studio.bank.speak(5, 6)
    studio.writer.stop()
    assert studio.heard(again.path) == [(5, 6)]


def test_a_bug_in_whoever_is_told_does_not_stop_the_thread(studio: Studio) -> None:
    take = studio.take()
    take.manifest["label"] = object()  # no JSON
    good = studio.take("good.wav")
    studio.bank.speak(1, 2)
    studio.writer.start()
    studio.writer.stop()
    assert studio.heard(good.path) == [(1, 2)]
    assert studio.done["good.wav"] is None
    assert studio.done["one.wav"]
