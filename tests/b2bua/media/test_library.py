# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds made ready: any format and rate, by name, by id and from the web, once, within limits."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from b2bua.calls.sounds import HEADER_BYTES, Sound, SoundError, Tune
from b2bua.media.library import Library
from b2bua.media.workshop import ACCOUNT_JOBS_MAX, JOBS_MAX, Workshop
from config.settings import Sounds
from tests.peers.sound import dominant_hz, read_wav, tone

RATE_HZ, HZ = 16000, 700
A = "a" * 32
MEDIA = "5" * 32


@contextmanager
def library(folder: Path, **settings: Any) -> Iterator[Library]:
    workshop = Workshop()
    workshop.start()
    try:
        yield Library(Sounds(directory=folder / "sounds", cache=folder / "cache", **settings), RATE_HZ, workshop)
    finally:
        workshop.stop()


def write(file: Path, format_: str = "WAV", rate_hz: int = 44100, channels: int = 2, seconds: float = 0.5) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    sound = np.repeat(tone(HZ, seconds, -10, rate_hz=rate_hz)[:, None], channels, axis=1)
    soundfile.write(file, sound, rate_hz, format=format_)


def assert_ready(sound: Sound, seconds: float = 0.5) -> None:
    """Mono, 16 bits, our rate, the tone; and the samples begin where everybody thinks."""
    rate_hz, (samples,) = read_wav(sound.file)
    assert rate_hz == RATE_HZ
    assert dominant_hz(samples, rate_hz) == pytest.approx(HZ, abs=5)
    assert sound.seconds == pytest.approx(seconds, abs=0.08)
    assert np.array_equal(np.fromfile(sound.file, np.int16, offset=HEADER_BYTES), samples)


@pytest.mark.parametrize(("format_", "rate_hz", "channels"), [
    ("WAV", 8000, 1), ("WAV", 48000, 2), ("FLAC", 44100, 2), ("OGG", 22050, 1), ("MP3", 44100, 2)])
async def test_any_format_and_rate_is_made_ready(tmp_path: Path, format_: str, rate_hz: int, channels: int) -> None:
    write(tmp_path / "sounds" / f"beep.{format_.lower()}", format_, rate_hz, channels)
    with library(tmp_path) as sounds:
        assert_ready(await sounds.find(A, "beep"))


async def test_it_is_made_ready_once_and_again_when_the_file_changed(tmp_path: Path) -> None:
    file = tmp_path / "sounds" / "beep.wav"
    write(file)
    with library(tmp_path) as sounds:
        first = await sounds.find(A, "beep.wav")
        assert await sounds.find(None, "beep") == first
        write(file, seconds=0.8)
        assert_ready(await sounds.find(A, "beep"), 0.8)


async def test_an_account_has_its_own_media_and_nobody_elses(tmp_path: Path) -> None:
    write(tmp_path / "sounds" / "accounts" / A / MEDIA)
    with library(tmp_path) as sounds:
        assert_ready(await sounds.find(A, MEDIA))
        assert_ready(await sounds.find(A, f"/{A}/{MEDIA}"))
        for account, name in (("b" * 32, MEDIA), (None, MEDIA), ("b" * 32, f"/{A}/{MEDIA}"),
                              ("b" * 32, f"accounts/{A}/{MEDIA}"), ("b" * 32, f"x/../accounts/{A}/{MEDIA}")):
            with pytest.raises(SoundError):
                await sounds.find(account, name)


@pytest.mark.parametrize("name", ["", "no-such", "../secret.wav", "/etc/passwd", "tone_stream://x", "file:///etc/passwd",
                                  "broken", "empty", "long", "a" * 300, "x\0y", "\ud800", "http://[bad",
                                  "http://a..b/", f"http://{'y' * 70}.z/", "http://\ud800/"])
async def test_what_cannot_be_played_says_so(tmp_path: Path, name: str) -> None:
    write(tmp_path / "secret.wav")
    write(tmp_path / "sounds" / "long.wav", seconds=3.0)
    (tmp_path / "sounds" / "broken.wav").write_bytes(b"RIFF????WAVEnonsense")
    write(tmp_path / "sounds" / "empty.wav", seconds=0.0)
    with library(tmp_path, max_s=2) as sounds, pytest.raises(SoundError):
        await sounds.find(A, name)
    assert list((tmp_path / "cache" / "ready").iterdir()) == []


async def test_tunes_are_always_there_and_silence_has_its_length(tmp_path: Path) -> None:
    with library(tmp_path) as sounds:
        for tune in Tune:
            assert await sounds.find(A, tune.value) == sounds.tune(tune)
            assert read_wav(sounds.tune(tune).file)[1][0].any()
        assert (await sounds.find(A, "silence_stream://1500")).seconds == 1.5


async def test_the_cache_lets_the_oldest_go(tmp_path: Path) -> None:
    for index in range(4):
        write(tmp_path / "sounds" / f"{index}.wav", seconds=1.0)
    with library(tmp_path, cache_mb=0.08) as sounds:  # two and a half of them
        for index in range(4):
            newest = await sounds.find(A, f"{index}")
            await asyncio.sleep(0.02)
        assert len(list((tmp_path / "cache" / "ready").iterdir())) == 2
        assert newest.file.exists()


async def test_too_much_at_a_time_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "sounds" / "beep.wav")
    with library(tmp_path) as sounds:
        accounts = [f"{index % 9}" * 32 for index in range(JOBS_MAX + 9)]
        done = await asyncio.gather(*(sounds.find(one, "beep") for one in accounts), return_exceptions=True)
    assert sum(isinstance(one, SoundError) for one in done) == 9
    assert sum(isinstance(one, Sound) for one in done) == JOBS_MAX


async def test_one_account_leaves_room_for_the_others(tmp_path: Path) -> None:
    write(tmp_path / "sounds" / "beep.wav")
    with library(tmp_path) as sounds:
        greedy = [sounds.find(A, "beep") for _ in range(JOBS_MAX)]
        *done, other = await asyncio.gather(*greedy, sounds.find("b" * 32, "beep"), return_exceptions=True)
        assert isinstance(await sounds.find(A, "beep"), Sound), "afterwards it may again"
    assert sum(isinstance(one, Sound) for one in done) == ACCOUNT_JOBS_MAX
    assert isinstance(other, Sound)


class Web(BaseHTTPRequestHandler):
    """Answers as its path says, and remembers."""

    asked: list[tuple[str, str | None]] = []  # noqa: RUF012 - of the test
    sound = b""

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("If-None-Match")))
        if self.path.startswith("/moved"):
            return self._answer(302, {"Location": "/fresh.wav"})
        if self.path == "/stalls":
            time.sleep(2)
        if self.path == "/tagged.wav" and self.headers.get("If-None-Match") == '"v1"':
            return self._answer(304, {})
        if self.path == "/gone":
            return self._answer(404, {})
        control = {"/fresh.wav": "max-age=60", "/tagged.wav": "no-cache"}.get(self.path, "no-store")
        return self._answer(200, {"Cache-Control": control, "ETag": '"v1"'}, self.sound)

    def _answer(self, code: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # they did not wait for it
            pass

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    write(tmp_path / "web.wav")
    Web.sound, Web.asked = (tmp_path / "web.wav").read_bytes(), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


Get = Callable[[str], Awaitable[Sound]]


async def test_a_url_is_fetched_and_kept_as_long_as_its_server_says(tmp_path: Path, web: str) -> None:
    with library(tmp_path, private_addresses=True) as sounds:
        for path in ("/fresh.wav", "/fresh.wav", "/tagged.wav", "/tagged.wav", "/moved.wav"):
            assert_ready(await sounds.find(A, f"{web}{path}"))
    assert Web.asked == [("/fresh.wav", None), ("/tagged.wav", None), ("/tagged.wav", '"v1"'), ("/moved.wav", None),
                         ("/fresh.wav", None)]


async def test_a_server_that_refuses_stalls_or_says_too_much_costs_that_sound_only(tmp_path: Path, web: str) -> None:
    with library(tmp_path, private_addresses=True, timeout_s=0.5) as sounds:
        for path, why in (("/gone", "answers 404"), ("/stalls", "within 0.5 s")):
            with pytest.raises(SoundError, match=why):
                await sounds.find(A, f"{web}{path}")
        with pytest.raises(SoundError, match="cannot be fetched"):
            await sounds.find(A, "http://127.0.0.1:1/x.wav")
    with library(tmp_path / "small", private_addresses=True, max_mb=0.01) as sounds:
        with pytest.raises(SoundError, match="larger than 10000 bytes"):
            await sounds.find(A, f"{web}/fresh.wav")
        assert list((tmp_path / "small" / "cache" / "web").iterdir()) == []


async def test_private_addresses_are_not_asked_unless_allowed(tmp_path: Path, web: str) -> None:
    with library(tmp_path) as sounds:
        for url in (f"{web}/fresh.wav", web.replace("127.0.0.1", "localhost") + "/fresh.wav"):
            with pytest.raises(SoundError, match="private"):
                await sounds.find(A, url)
    assert Web.asked == []
