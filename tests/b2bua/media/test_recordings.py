# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of calls: which leg is on which channel, when they stop, what lies in the directory, and no tap left."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from pathlib import Path

import pytest
import soundfile

from b2bua.calls.leg import Ended
from b2bua.calls.reason import METAFLOW_HANGUP
from b2bua.media import recorder
from b2bua.metaflows.context import RecordingError
from tests.b2bua.calls.stage import ACCOUNT, settled
from tests.b2bua.media.studio import Studio, files, heard_of
from tests.fakes import FakeLeg, in_no_time


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PERIOD_S", 0.001)
    monkeypatch.setattr("b2bua.media.studio.LATE_TICKS", 0)  # this clock ticks only when it is told


@in_no_time
async def test_F80_F89_B15_caller_left_called_right_and_the_manifest_says_so(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, a, b = studio.stage.talks()
    recording = studio.start(call, label="l", origin="o", by={"by": "api"})
    assert studio.recordings.running(call) is recording
    studio.speak(3)
    studio.recordings.stop(recording, {"by": "code", "code": "9"})
    studio.recordings.stop(recording)
    assert studio.recordings.running(call) is None
    await studio.close()
    path, = files(tmp_path, "*.wav")
    assert path.parts[-3:] == (ACCOUNT, time.strftime("%Y%m", time.gmtime()), f"{recording.id[7:]}.wav")
    assert studio.heard(path) == [(1, 2)] * 3
    manifest = json.loads(path.with_suffix(".json").read_text())
    assert manifest.pop("begin_at") == pytest.approx(time.time(), abs=60)
    assert manifest.pop("start") == pytest.approx(time.time() + 62167219200, abs=60)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    expected = {
        "id": recording.id, "type": "call_recording", "name": path.name, "description": f"recording {path.name}",
        "content_type": "audio/wav", "media_type": "wav", "media_source": "recorded", "source_type": "metaflow-b2bua",
        "call_id": a.id, "interaction_id": call.id, "cdr_id": f"{recording.id[:6]}-{a.id}", "account_id": ACCOUNT,
        "from": "sip:2000@trunk", "to": "1001", "request": "1001", "direction": "inbound", "label": "l", "origin": "o",
        "caller_id_number": "2000", "callee_id_number": "1001", "url": None, "custom_channel_vars": {},
        "segments": [{"at_ms": 0, "left": a.id, "right": b.id}], "masked": [], "gaps": [],
        "started_by": {"by": "api"}, "stopped_by": {"by": "code", "code": "9"}, "status": "stored", "error": None,
        "duration_ms": 60, "duration": 0, "file": path.name, "sha256": digest, "recorded_rate_hz": 8000,
        "tracks": [{"channels": ["left", "right"], "offset_ms": 0, "file": path.name, "sha256": digest,
                    "bytes": path.stat().st_size, "sample_rate_hz": 8000}]}
    assert {key: manifest[key] for key in expected} == expected
    assert manifest["people"].keys() == {a.id, b.id}
    assert manifest["people"][b.id]["number"] == "1001"
    stopped, = studio.stage.events("recording.stopped")
    stored, = studio.stage.events("recording.stored")
    assert (stopped["duration_s"], stopped["error"], stopped["recording_id"]) == (0.06, None, recording.id)
    assert (stored["file"], stored["sha256"], stored["recording_id"]) == (path.name, digest, recording.id)


@in_no_time
async def test_the_one_who_asked_may_be_left(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, b = studio.stage.talks()
    studio.words[b] = 7
    recording = studio.start(call, left=b)
    studio.speak(1)
    await studio.close()
    assert studio.heard(studio.path(recording)) == [(7, 2)]


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
    assert studio.manifest(recording)["stopped_by"] == {"by": "call"}
    assert studio.heard(studio.path(recording)) == [(1, 2)] * 2


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
    assert studio.heard(studio.path(first)) == [(1, 2)]
    assert studio.heard(studio.path(second)) == [(1, 2)] * 3
    assert studio.path(first).name == "same.wav"
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
    assert studio.heard(studio.path(recording)) == [(1, 2), (1, 2), (1, 3), (1, 3), (4, 3), (4, 3)]
    segments = studio.manifest(recording)["segments"]
    assert segments == [{"at_ms": 0, "left": a.id, "right": b.id}, {"at_ms": 40, "left": a.id, "right": c.id},
                        {"at_ms": 80, "left": d.id, "right": c.id}]
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
    assert studio.heard(studio.path(recording)) == [(1, 0), (1, 0), (1, 2), (1, 2)]
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
    assert (studio.taps.held, [path for path in files(tmp_path) if path.is_file()]) == ({}, [])


@in_no_time
async def test_a_disk_that_fails_pauses_it_and_the_call_goes_on(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("in the way")
    studio = Studio(tmp_path, work=tmp_path / "work")
    studio.settings.work_directory.rmdir()
    studio.settings.work_directory.write_text("in the way")
    call, _, _ = studio.stage.talks()
    recording = studio.start(call)
    studio.speak(1)
    await heard_of(studio, "recording.paused")
    assert studio.recordings.running(call) is recording
    studio.settings.work_directory.unlink()
    await heard_of(studio, "recording.resumed")
    recording.note()
    assert studio.stage.events("call.ended") == []
    await studio.close()
    assert (studio.taps.held, studio.heard(studio.path(recording))) == ({}, [(1, 2)])


@in_no_time
async def test_a_third_person_has_a_track_of_her_own(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, a, b = studio.stage.talks()
    recording = studio.start(call, media_name="talk")
    studio.speak(2)
    studio.stage.exchange.dial(call, "pbx", "1002")
    third = studio.stage.dialer.legs[-1]
    third.answers()
    await asyncio.sleep(1.5)
    studio.speak(3)
    third.hangs_up()
    await asyncio.sleep(1.5)
    studio.speak(1)
    await studio.close()
    manifest = studio.manifest(recording)
    assert [track["channels"] for track in manifest["tracks"]] == [["left", "right"], [third.id]]
    assert [track["file"] for track in manifest["tracks"]] == ["talk.wav", "talk-2.wav"]
    assert manifest["tracks"][1]["offset_ms"] == 40
    assert studio.heard(studio.path(recording)) == [(1, 2)] * 6
    assert [frame for frame, in soundfile.read(studio.path(recording, 1), dtype="int16", always_2d=True)[0][::160]] \
        == [3, 3, 3]
    assert manifest["people"].keys() == {a.id, b.id, third.id}


@in_no_time
async def test_F83_a_mask_of_the_call_is_silence_in_the_recording_and_stands_in_the_manifest(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, b = studio.stage.talks()
    recording = studio.start(call)
    studio.speak(2)
    call.mask.put_on({"by": "code", "code": "5"})
    studio.speak(3)
    b.press("123")
    call.mask.lift({"by": "api"})
    studio.speak(1)
    call.mask.put_on({"by": "api"})
    studio.recordings.stop(recording)
    again = studio.start(call)  # what begins in a masked call is masked
    studio.speak(1)
    await studio.close()
    assert studio.heard(studio.path(recording)) == [(1, 2)] * 2 + [(0, 0)] * 3 + [(1, 2)]
    masked = studio.manifest(recording)["masked"]
    assert masked[0] == {"begin": 40, "end": 100, "by": {"by": "code", "code": "5"}, "ended_by": {"by": "api"},
                         "digits": 3}
    assert (masked[1]["begin"], masked[1]["end"]) == (120, 120)
    assert studio.heard(studio.path(again)) == [(0, 0)]
