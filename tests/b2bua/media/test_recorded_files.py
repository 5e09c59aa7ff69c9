# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in the recordings directory afterwards: formats, names, quotas, what a dead process left."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.media import encoding, finishing, recorder
from b2bua.media.sealing import new_pair, private_key, unseal
from b2bua.media.wave_file import WaveFile
from b2bua.metaflows.context import RecordingError
from config.settings import ConfigError
from tests.b2bua.calls.stage import ACCOUNT
from tests.b2bua.media.studio import Studio, files, heard_of, until
from tests.fakes import FlyingLoop, in_no_time


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PERIOD_S", 0.001)
    monkeypatch.setattr("b2bua.media.studio.LATE_TICKS", 0)  # this clock ticks only when it is told


@in_no_time
@pytest.mark.parametrize("format_", ["mp3", "flac", "ogg", "wav"])
async def test_F85_format_and_sample_rate_are_as_asked(tmp_path: Path, format_: str) -> None:
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    recording = studio.start(call, format=format_, sample_rate_hz=16000)
    studio.speak(50)
    await studio.close()
    found = soundfile.info(studio.path(recording))
    assert (found.samplerate, found.channels, found.format) == (16000, 2, format_.upper())
    assert found.duration == pytest.approx(1.0, abs=0.08)  # mp3 has frames of 36 ms
    assert studio.path(recording).stat().st_mode & 0o007 == 0, "not for everybody on the machine"
    manifest = studio.manifest(recording)
    assert (manifest["media_type"], manifest["tracks"][0]["sample_rate_hz"]) == (format_, 16000)
    assert manifest["content_type"] == {"mp3": "audio/mpeg"}.get(format_, f"audio/{format_}")


@in_no_time
async def test_F85_what_is_shorter_than_record_min_sec_is_thrown_away(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    studio.start(call, min_s=1)
    studio.speak(10)
    await studio.close()
    assert [path for path in files(tmp_path) if path.is_file()] == []
    assert len(studio.stage.events("recording.discarded")) == 1


@in_no_time
async def test_with_its_quota_used_up_an_account_records_nothing_more(tmp_path: Path) -> None:
    studio = Studio(tmp_path, quota_mb=0.01)
    call, _, _ = studio.stage.talks()
    studio.start(call)
    studio.speak(60)
    await studio.close()
    again = Studio(tmp_path, quota_mb=0.01)
    await asyncio.sleep(0)
    until(lambda: again.shelf.used_mb(ACCOUNT) > 0.01)
    call, _, _ = again.stage.talks()
    with pytest.raises(RecordingError, match=r"recordings\.quota_mb"):
        again.start(call)
    await again.close()


@in_no_time
async def test_what_a_process_that_died_has_left_is_finished_at_the_next_start(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    recording = studio.start(call, format="flac")
    call.mask.put_on({"by": "api"})
    studio.speak(2)
    call.mask.lift({"by": "api"})
    studio.speak(5)
    studio.written(recording)
    left = tmp_path / "left"
    shutil.copytree(tmp_path / "work", left / "work")  # as the disk is when it dies
    await studio.close()
    again = Studio(left)
    await heard_of(again, "recording.stored")
    await again.close()
    manifest = again.manifest(recording)
    assert (manifest["interrupted"], manifest["stopped_by"], manifest["status"]) == (True, {"by": "crash"}, "stored")
    assert again.heard(again.path(recording)) == [(0, 0)] * 2 + [(1, 2)] * 5
    assert files(left / "work") == []


@in_no_time
async def test_a_disk_that_is_full_at_the_end_only_delays_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finishing, "RETRY_S", 0.0)
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    recording = studio.start(call)
    studio.speak(3)
    with monkeypatch.context() as patched:
        patched.setattr(finishing, "replace_text", _full)
        studio.stage.exchange.end_all()
        await heard_of(studio, "recording.failed")
    (failed,) = studio.stage.events("recording.failed")
    await heard_of(studio, "recording.stored")
    await studio.close()
    assert "No space" in failed["error"]
    assert "interrupted" not in studio.manifest(recording)
    assert studio.heard(studio.path(recording)) == [(1, 2)] * 3


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


@in_no_time
async def test_who_dies_with_it_on_the_shelf_already_does_not_store_it_twice(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    recording = studio.start(call)
    studio.speak(3)
    studio.written(recording)
    shutil.copytree(tmp_path / "work", tmp_path / "left")
    await studio.close()
    before = studio.manifest(recording)
    shutil.copytree(tmp_path / "left", tmp_path / "work", dirs_exist_ok=True)
    again = Studio(tmp_path)
    await heard_of(again, "recording.stored")
    await again.close()
    assert again.manifest(recording) == before
    assert len(files(tmp_path, "*.wav")) == 1 + len(files(tmp_path / "left", "*.wav"))


@in_no_time
async def test_what_has_no_sound_at_all_is_no_recording(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    studio.recordings.stop(studio.start(call, format="mp3"))
    await studio.close()
    assert [path for path in files(tmp_path) if path.is_file()] == []


@in_no_time
async def test_who_dies_before_the_first_byte_leaves_nothing_behind(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    call, _, _ = studio.stage.talks()
    recording = studio.start(call)
    studio.speak(1)
    studio.written(recording)
    shutil.copytree(tmp_path / "work", tmp_path / "left" / "work")
    await studio.close()
    (tmp_path / "left" / "work" / f"{recording.id}.wav").write_bytes(b"")
    again = Studio(tmp_path / "left")
    await heard_of(again, "recording.discarded")
    await again.close()
    assert files(tmp_path / "left" / "work") == []


def sealing(tmp_path: Path) -> Studio:
    """It has a public key; the private one lies beside it."""
    for name, pem in zip(("private", "public"), new_pair(), strict=True):
        (tmp_path / name).write_bytes(pem)
    return Studio(tmp_path / "r", public_key=tmp_path / "public")


@in_no_time
async def test_with_a_public_key_only_its_owner_can_listen(tmp_path: Path) -> None:
    studio = sealing(tmp_path)
    call, _, _ = studio.stage.talks()
    recording = studio.start(call)
    studio.speak(3)
    await studio.close()
    manifest, path = studio.manifest(recording), studio.path(recording)
    assert path.name == f"{recording.id[7:]}.wav.sealed"
    unseal(path, tmp_path / "open.wav", private_key(tmp_path / "private"))
    assert studio.heard(tmp_path / "open.wav") == [(1, 2)] * 3
    assert manifest["sha256"] == hashlib.sha256((tmp_path / "open.wav").read_bytes()).hexdigest()
    assert manifest["tracks"][0]["sealed_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {found.suffix for found in files(tmp_path / "r") if found.is_file()} == {".json", ".sealed"}


@in_no_time
async def test_what_a_process_that_died_left_in_plain_is_sealed_at_the_next_start(tmp_path: Path) -> None:
    studio = sealing(tmp_path)
    call, _, _ = studio.stage.talks()
    recording = studio.start(call, format="mp3")
    studio.speak(60)
    studio.written(recording)
    left = tmp_path / "left"
    shutil.copytree(tmp_path / "r" / "work", left / "work")  # as the disk is when it dies
    shutil.copy(left / "work" / f"{recording.id}.wav", left / "work" / f"{recording.id}.mp3.part")  # while it encoded
    await studio.close()
    again = Studio(left, public_key=tmp_path / "public")
    await heard_of(again, "recording.stored")
    await again.close()
    assert {found.suffix for found in files(left) if found.is_file()} == {".json", ".sealed"}


@in_no_time
async def test_what_is_too_old_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finishing, "TIDY_S", 0.0)
    studio = Studio(tmp_path, accounts={ACCOUNT: {"retention_days": 0.00001}})
    call, _, _ = studio.stage.talks()
    studio.start(call)
    studio.speak(3)
    studio.stage.exchange.end_all()
    await heard_of(studio, "recording.stored")
    await heard_of(studio, "recording.expired")
    await studio.close()
    assert [path for path in files(tmp_path) if path.is_file()] == []


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


@pytest.mark.skipif(shutil.which("sox") is None, reason="sox is not installed (tests/apt-packages.txt)")
@pytest.mark.parametrize("format_", ["mp3", "flac", "ogg", "wav"])
def test_F85_other_programs_open_every_format_and_hear_the_same(tmp_path: Path, format_: str) -> None:
    seconds, rate_hz = 2, 16000
    time_s = np.arange(seconds * rate_hz) / rate_hz
    both = np.stack([np.sin(2 * np.pi * hz * time_s) for hz in (500, 900)], axis=1)
    wave = WaveFile(tmp_path / "work.wav", rate_hz, 2)
    wave.write(0, (both * 8000).astype(np.int16))
    wave.close()
    target = tmp_path / f"talk.{format_}"
    encoding.encode(tmp_path / "work.wav", target, format_, 8000)
    subprocess.run(["sox", target, "-b", "16", tmp_path / "heard.wav"], check=True, capture_output=True)
    heard, heard_hz = soundfile.read(tmp_path / "heard.wav")
    assert heard_hz == 8000
    assert len(heard) == pytest.approx(seconds * 8000, abs=0.2 * 8000)  # sox leaves mp3's padding in
    for side, hz in enumerate((500, 900)):
        spectrum = np.abs(np.fft.rfft(heard[:, side]))
        assert np.argmax(spectrum) * 8000 / len(heard) == pytest.approx(hz, abs=2)


@in_no_time
async def test_a_public_key_that_is_none_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "public").write_text("no key")
    with pytest.raises(ConfigError, match=r"recordings\.public_key: .*public"):
        Studio(tmp_path, public_key=tmp_path / "public")
