# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of calls: which leg is on which channel, when they stop, what lies in the directory, and no tap left."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.call import Call
from b2bua.calls.leg import Ended, Leg
from b2bua.calls.reason import METAFLOW_HANGUP
from b2bua.media import recorder
from b2bua.media.bank import BankView
from b2bua.media.recorder import Writer
from b2bua.media.recordings import Recording, Recordings
from b2bua.metaflows.context import RecordingError, RecordingOptions
from tests.b2bua.calls.stage import ACCOUNT, Stage, settled
from tests.b2bua.media.fake_bank import FakeBank, FakeTaps
from tests.fakes import FakeLeg, FlyingLoop, in_no_time


class Studio:
    """Calls, a bank in which leg number n says n, and a recorder. Use it inside a loop."""

    def __init__(self, directory: Path, slots: int = 4) -> None:
        self.stage = Stage()
        self.directory = directory
        self.bank = FakeBank(slots=4, ring_frames=64)
        self.taps = FakeTaps(slots)
        self.writer = Writer(BankView(self.bank))
        self.recordings = Recordings(directory, BankView(self.bank), self.taps, self.writer, self.stage.bus,
                                     asyncio.get_running_loop())
        self.words: dict[Leg, int] = {}
        self.writer.start()

    def start(self, call: Call, **options: Any) -> Recording:
        return self.recordings.start(call, RecordingOptions(**{"left": call.a, **options}))

    def speak(self, frames: int = 1) -> None:
        """Everybody who is tapped says his number."""
        for _ in range(frames):
            says: list[int | None] = [None] * 4
            for leg, tap in self.taps.held.items():
                says[tap.slot] = self.words.setdefault(leg, len(self.words) + 1)
            self.bank.speak(*says)

    def written(self, recording: Recording) -> None:
        until(lambda: recording.take.next == self.bank.tick())

    async def close(self) -> None:
        """End all, write all."""
        self.stage.exchange.end_all()
        await settled()
        self.writer.stop()
        await settled()
        await asyncio.sleep(5)

    def heard(self, path: Path) -> list[tuple[int, int]]:
        sound, _ = soundfile.read(path, dtype="int16")
        return [(int(left), int(right)) for left, right in sound[::self.bank.frame_samples()]]


def files(directory: Path, pattern: str = "*") -> list[Path]:
    return list(directory.rglob(pattern))


def until(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + 5
    while not true():
        assert time.monotonic() < limit_s, "nothing happened"
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PERIOD_S", 0.001)


@in_no_time
async def test_caller_left_called_right_and_the_manifest_says_so(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, a, b = studio.stage.talks()
    recording = studio.start(call, label="l", origin="o")
    assert studio.recordings.running(call) is recording
    studio.speak(3)
    studio.recordings.stop(recording)
    studio.recordings.stop(recording)
    assert studio.recordings.running(call) is None
    await studio.close()
    path, = files(tmp_path, "*.wav")
    assert path.parts[-3:] == (ACCOUNT, time.strftime("%Y%m", time.gmtime()), f"{recording.id}.wav")
    assert studio.heard(path) == [(1, 2)] * 3
    manifest = json.loads(path.with_suffix(".json").read_text())
    assert manifest.pop("start") == pytest.approx(time.time(), abs=60)
    assert manifest == {
        "id": recording.id, "call_id": a.id, "interaction_id": call.id, "account_id": ACCOUNT, "label": "l",
        "origin": "o", "from": "sip:2000@trunk", "to": "1001", "direction": "inbound", "media_type": "wav",
        "media_source": "recorded", "channels": ["left", "right"], "file": path.name, "duration_ms": 60,
        "segments": [{"at_s": 0.0, "left": a.id, "right": b.id}], "stopped_by": "request", "sample_rate_hz": 200,
        "overrun_ms": 0, "error": None}
    started, = studio.stage.events("recording.started")
    stopped, = studio.stage.events("recording.stopped")
    assert started["file"] == stopped["file"] == str(path)
    assert (stopped["duration_s"], stopped["error"], stopped["recording_id"]) == (0.06, None, recording.id)


@in_no_time
async def test_the_one_who_asked_may_be_left(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, b = studio.stage.talks()
    studio.words[b] = 7
    recording = studio.start(call, left=b)
    studio.speak(1)
    await studio.close()
    assert studio.heard(recording.take.path) == [(7, 2)]


@in_no_time
async def test_the_end_of_the_call_stops_it_and_every_tap_is_given_back(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, a, _ = studio.stage.talks()
    recording = studio.start(call)
    studio.speak(2)
    a.hangs_up()
    await settled()
    assert studio.recordings.running(call) is None
    studio.written(recording)
    await asyncio.sleep(0)
    assert len(studio.taps.held) == 2  # the writer may still be reading
    await asyncio.sleep(2)
    assert studio.taps.held == {}
    await studio.close()
    assert json.loads(recording.take.path.with_suffix(".json").read_text())["stopped_by"] == "call"
    assert studio.heard(recording.take.path) == [(1, 2)] * 2


@in_no_time
async def test_toggling_makes_two_files_and_never_loses_a_tap(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    first = studio.start(call, media_name="same.wav")
    studio.speak(1)
    studio.recordings.stop(first)
    second = studio.start(call, media_name="same.wav")
    studio.speak(2)
    await asyncio.sleep(2)  # the taps of the first are given back: the second still holds them
    assert len(studio.taps.held) == 2
    studio.speak(1)
    await studio.close()
    assert studio.heard(first.take.path) == [(1, 2)]
    assert studio.heard(second.take.path) == [(1, 2)] * 3
    assert first.take.path.name == "same.wav"
    assert len(files(tmp_path, "*.json")) == 2
    assert studio.taps.held == {}


@in_no_time
async def test_it_follows_the_pair_through_two_replacements(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, a, b = studio.stage.talks()
    recording = studio.start(call)
    newcomers: list[FakeLeg] = []
    for old in (b, a):
        studio.speak(2)
        studio.written(recording)
        studio.stage.exchange.dial(call, "pbx", "1002")
        newcomers.append(studio.stage.dialer.legs[-1])
        newcomers[-1].answers()
        with call.guarded(lambda leg, event: isinstance(event, Ended)):
            call.replace(old, newcomers[-1])
            old.hangs_up()
    studio.speak(2)
    studio.written(recording)
    c, d = newcomers
    await studio.close()
    assert studio.heard(recording.take.path) == [(1, 2), (1, 2), (1, 3), (1, 3), (4, 3), (4, 3)]
    segments = json.loads(recording.take.path.with_suffix(".json").read_text())["segments"]
    assert segments == [{"at_s": 0.0, "left": a.id, "right": b.id}, {"at_s": 0.04, "left": a.id, "right": c.id},
                        {"at_s": 0.08, "left": d.id, "right": c.id}]
    assert studio.taps.held == {}


@in_no_time
async def test_who_has_no_media_yet_is_recorded_from_the_answer_on(tmp_path: Path) -> None:
    """And its row is not given back while it is read: another call's voice would be in the file."""
    studio = Studio(tmp_path)
    call, a, b = studio.stage.calls()
    FakeLeg.ports += 1
    a.port = FakeLeg.ports  # early media to the caller
    recording = studio.start(call)
    studio.speak(2)
    studio.written(recording)
    b.answers()
    assert set(studio.taps.held) == {a, b}
    studio.speak(2)
    studio.written(recording)
    await asyncio.sleep(5)
    assert set(studio.taps.held) == {a, b}
    await studio.close()
    assert studio.heard(recording.take.path) == [(1, 0), (1, 0), (1, 2), (1, 2)]
    assert studio.taps.held == {}


@in_no_time
async def test_taps_of_others_are_left_alone(tmp_path: Path) -> None:
    studio = Studio(tmp_path, slots=1)
    call, a, b = studio.stage.talks()
    recording = studio.start(call)  # b found no row
    studio.taps.slots = 4
    studio.taps.tap(b)  # somebody else listens
    studio.recordings.stop(recording)
    await studio.close()
    assert set(studio.taps.held) == {b}
    assert a not in studio.taps.held


@in_no_time
async def test_it_stops_at_its_time_limit(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    studio.start(call, time_limit_s=60)
    await asyncio.sleep(59)
    assert studio.recordings.running(call) is not None
    await asyncio.sleep(2)
    assert studio.recordings.running(call) is None
    await studio.close()
    assert len(studio.stage.events("recording.stopped")) == 1


@in_no_time
async def test_without_audio_or_rows_or_call_nothing_is_started(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    silent, _, _ = studio.stage.calls()
    with pytest.raises(RecordingError, match="neither party has audio"):
        studio.start(silent)
    call, _, _ = studio.stage.talks()
    studio.taps.slots = 0
    with pytest.raises(RecordingError, match="bank is full"):
        studio.start(call)
    studio.taps.slots = 4
    call.end(METAFLOW_HANGUP)
    with pytest.raises(RecordingError, match="ending"):
        studio.start(call)
    await studio.close()
    assert (studio.taps.held, files(tmp_path)) == ({}, [])


@in_no_time
async def test_a_failure_stops_it_and_is_told_and_the_call_goes_on(tmp_path: Path) -> None:
    (tmp_path / ACCOUNT).write_text("in the way")
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    studio.start(call)
    studio.speak(1)
    for _ in range(200):
        await asyncio.sleep(0)
        if studio.stage.events("recording.failed"):
            break
        time.sleep(0.001)  # noqa: ASYNC251 - the writer is a real thread
    failed, = studio.stage.events("recording.failed")
    assert failed["error"]
    assert studio.recordings.running(call) is None
    assert studio.stage.events("call.ended") == []
    await studio.close()
    assert studio.taps.held == {}
    assert studio.stage.events("recording.stopped") == []


hostile = st.one_of(st.text(max_size=300), st.sampled_from(["../../../etc/passwd", "/etc/passwd", "..", ".", "a/../b",
                                                            "a\\b", "x\0y", "CON", ".hidden", "é" * 300, "a" * 400]))


@settings(max_examples=60, deadline=None)
@given(name=hostile)
def test_a_hostile_media_name_stays_inside_the_directory(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    directory = tmp_path_factory.mktemp("r")

    async def main() -> None:
        studio = Studio(directory / "recordings")
        call, _, _ = studio.stage.talks()
        studio.start(call, media_name=name)
        studio.speak(1)
        await studio.close()
        assert len(studio.stage.events("recording.stopped")) == 1

    with asyncio.Runner(loop_factory=FlyingLoop) as runner:
        runner.run(main())
    made = [path for path in files(directory) if path.is_file()]
    folder = directory / "recordings" / ACCOUNT
    assert len(made) == 2
    assert all(path.parent.parent == folder and not path.name.startswith(".") for path in made)
