# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech engines: programs and HTTP services that work, fail, take too long; and never a shell."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from b2bua.calls.sounds import SoundError
from b2bua.media import speech as speech_module
from b2bua.media.preparing import SoundCache
from b2bua.media.speech import Speech
from b2bua.media.workshop import Workshop
from config.speech import Engine
from config.speech import Speech as Settings
from tests.peers.sound import dominant_hz, read_wav

ENGINE = """
import sys, wave, math, struct
text, voice, file = sys.stdin.read(), sys.argv[1], sys.argv[2]
open(sys.argv[3], "a").write(repr((text, voice)) + "\\n")
if text == "fail":
    sys.exit("no such voice")
if text == "sleep":
    import time; time.sleep(30)
with wave.open(file, "wb") as out:
    out.setparams((1, 2, 22050, 0, "NONE", ""))
    out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i * 0.2))) for i in range(22050)))
"""
HZ = 0.2 * 22050 / 6.283185


@contextmanager
def speech(folder: Path, **settings: Any) -> Iterator[Speech]:
    (folder / "engine.py").write_text(ENGINE)
    command = (sys.executable, str(folder / "engine.py"), "{language}-{voice}", "{file}", str(folder / "said"))
    engines = {"mine": Engine(command=command, voices={"female": "f3"}, languages={"en-us": "en"}),
               "gone": Engine(command=("/no/such/program",)),
               "web": Engine(url="http://127.0.0.1:1/say?text={text}")}
    workshop = Workshop()
    workshop.start()
    try:
        cache = SoundCache(folder / "cache", 16000, 10 ** 8, 60)
        yield Speech(Settings(engine="mine", engines=engines, **settings), cache, workshop)
    finally:
        workshop.stop()


def said(folder: Path) -> list[Any]:
    file = folder / "said"
    return [eval(line) for line in file.read_text().splitlines()] if file.exists() else []


async def test_F77_an_engine_speaks_with_voice_and_language_and_only_once(tmp_path: Path) -> None:
    with speech(tmp_path) as speaker:
        first = await speaker.speak(None, "Hello; rm -rf / $(id) `id` [[x]] -v", voice="female")
        assert await speaker.speak(None, "Hello; rm -rf / $(id) `id` [[x]] -v", voice="female", engine="flite") == first
        await speaker.speak(None, "Guten Tag", voice="klaus", language="de-de")
    rate_hz, (samples,) = read_wav(first.file)
    assert dominant_hz(samples, rate_hz) == pytest.approx(HZ, abs=5)
    assert first.seconds == pytest.approx(1.0, abs=0.05)
    assert said(tmp_path) == [("Hello; rm -rf / $(id) `id` [[x]] -v", "en-f3"), ("Guten Tag", "de-de-klaus")]


@pytest.mark.parametrize(("text", "words", "why"), [
    ("", {}, "no text"), ("x\ud800", {}, "half characters"), ("x" * 3000, {}, "max_chars"),
    ("hi", {"voice": "a b"}, "is no voice"),
    ("hi", {"language": "-x"}, "is no language"), ("fail", {}, "no such voice"),
    ("hi", {"engine": "gone"}, "cannot be started"), ("hi", {"engine": "web"}, "cannot be asked"),
    ("sleep", {}, "within 0.6 s")])
async def test_F77_what_cannot_be_spoken_says_why(tmp_path: Path, text: str, words: dict[str, str], why: str) -> None:
    with speech(tmp_path, timeout_s=0.6) as speaker, pytest.raises(SoundError, match=why):
        await speaker.speak(None, text, **words)
    assert list((tmp_path / "cache").iterdir()) == []


async def test_what_is_private_is_spoken_anew_and_its_sound_is_gone_soon(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_module, "FORGET_S", 0.2)
    with speech(tmp_path) as speaker:
        one = await speaker.speak(None, "4 1 1 1", keep=False)
        assert one.file.exists()
        assert (await speaker.speak(None, "4 1 1 1", keep=False)).file != one.file
        assert len(said(tmp_path)) == 2
        async with asyncio.timeout(3):
            while list((tmp_path / "cache").iterdir()):  # noqa: ASYNC110 - another thread
                await asyncio.sleep(0.02)


def test_what_a_process_that_died_was_making_is_removed(tmp_path: Path) -> None:
    for name in ("once-1.wav", "spoken-1.part", "0a.wav"):
        (tmp_path / name).touch()
    SoundCache(tmp_path, 16000, 10 ** 8, 60)
    assert [path.name for path in tmp_path.iterdir()] == ["0a.wav"]


async def test_who_waits_no_more_ends_the_program(tmp_path: Path) -> None:
    with speech(tmp_path) as speaker:
        waiting = asyncio.ensure_future(speaker.speak(None, "sleep"))
        while not said(tmp_path):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        waiting.cancel()
        async with asyncio.timeout(3):
            while _running(tmp_path):  # noqa: ASYNC110 - it is another process's end
                await asyncio.sleep(0.02)


def _running(folder: Path) -> bool:
    lines = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if _is_there(file)]
    return any(str(folder / "engine.py").encode() in line for line in lines)


def _is_there(file: Path) -> bool:
    try:
        return bool(file.read_bytes())
    except OSError:
        return False


def gone(file: Path) -> None:
    end_s = time.monotonic() + 5
    while file.exists():
        assert time.monotonic() < end_s, "it is still there"
        time.sleep(0.02)


async def test_what_was_spoken_is_gone_from_the_disk_a_while_after_its_last_use(tmp_path: Path) -> None:
    with speech(tmp_path, keep_s=0.3) as speaker:
        sound = await speaker.speak(None, "Mrs Smith owes 20 pounds")
        assert sound.file.exists()
        await asyncio.to_thread(gone, sound.file)
    with speech(tmp_path) as speaker:
        left = await speaker.speak(None, "Mrs Smith owes 20 pounds")
    assert left.file.exists(), "the process died before its time"
    with speech(tmp_path):
        assert not left.file.exists()


async def test_who_speaks_slowly_keeps_no_other_account_from_speaking(tmp_path: Path) -> None:
    with speech(tmp_path, timeout_s=3.0) as speaker:
        slow = [asyncio.create_task(speaker.speak("a" * 32, "sleep")) for _ in range(4)]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2.5):
            await speaker.speak("b" * 32, "hello")
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
