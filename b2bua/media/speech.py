# SPDX-License-Identifier: GPL-3.0-or-later
"""Text made into sound by the operator's engines: a program or an HTTP service. The workshop's loop.

Text reaches a program by its standard input, never by a shell or an argument. What was spoken once is kept for a while
(`speech.keep_s`), unless it is private: texts may name people.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote
from weakref import WeakValueDictionary

import httpx

from b2bua.calls.sounds import Sound, SoundError
from b2bua.media.preparing import SoundCache, decoded
from b2bua.media.workshop import Workshop
from config.speech import Engine
from config.speech import Speech as Settings

log = logging.getLogger(__name__)

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")  # of a voice or a language: it becomes part of an argument
FORGET_S = 10.0  # the file of what is not to be kept; who plays it has mapped it at once
_SAID_MAX = 300  # of what a program complains
_SOUND_MAX = 50_000_000  # bytes of an answer


class _Turn(asyncio.Semaphore):
    """How many texts of one account are spoken at the same time: one less than of all, so that others have a turn."""


class Speech:
    """As of b2bua.metaflows.context."""

    def __init__(self, settings: Settings, cache: SoundCache, workshop: Workshop) -> None:
        self._settings, self._cache, self._workshop = settings, cache, workshop
        self._turn = asyncio.Semaphore(settings.parallel)
        self._turns: WeakValueDictionary[str | None, _Turn] = WeakValueDictionary()  # by account; while one waits
        for left in cache.folder.glob("*.wav"):  # by a process that died
            left.unlink(missing_ok=True)
        self.language = settings.language

    async def speak(self, account_id: str | None, text: str, *, language: str | None = None, voice: str = "female",
                    engine: str | None = None, keep: bool = True) -> Sound:
        """As of the protocol. SIP thread; cancelling it kills the program."""
        if not text.strip():
            raise SoundError("there is no text")
        if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise SoundError("the text has half characters in it (surrogates)")
        if len(text) > self._settings.max_chars:
            raise SoundError(f"the text has {len(text)} characters, more than {self._settings.max_chars} "
                             "(speech.max_chars)")
        name = engine if engine in self._settings.engines else self._settings.engine
        chosen = self._settings.engines[name]
        words = {"language": _word("language", language or self.language, chosen.languages),
                 "voice": _word("voice", voice, chosen.voices)}
        turn = self._turns.setdefault(account_id, _Turn(max(1, self._settings.parallel - 1)))
        return await self._workshop.run(account_id, self._speak(name, chosen, words, text, keep, turn))

    async def _speak(self, name: str, engine: Engine, words: Mapping[str, str], text: str, keep: bool,
                     turn: _Turn) -> Sound:
        key = f"speech {name} {engine!r} {sorted(words.items())} {text}"
        known = await self._workshop.compute(self._cache.find, key) if keep else None
        if known is not None:
            return known
        file = self._cache.folder / f"spoken-{os.urandom(8).hex()}.part"
        try:
            async with asyncio.timeout(self._settings.timeout_s), turn, self._turn:
                await (_ask(engine, words, text, file, self._settings.timeout_s) if engine.url
                       else _run(engine, words, text, file))
            return await self._ready(key if keep else None, file)
        except TimeoutError:
            raise SoundError(f"{name} did not speak within {self._settings.timeout_s:g} s (speech.timeout_s)") from None
        except SoundError as error:
            raise SoundError(f"{name}: {error}") from None
        finally:
            file.unlink(missing_ok=True)

    async def _ready(self, key: str | None, spoken: Path) -> Sound:
        """What the engine spoke, ready to be played; without a key it is forgotten soon."""
        if key is not None:
            sound = await self._workshop.compute(self._cache.kept, key, lambda: decoded(spoken, self._cache.rate_hz))
            self._forget_later(sound.file, self._settings.keep_s)
            return sound
        sound = await self._workshop.compute(self._cache.once, lambda: decoded(spoken, self._cache.rate_hz))
        asyncio.get_running_loop().call_later(FORGET_S, sound.file.unlink, True)
        return sound

    def _forget_later(self, file: Path, seconds: float) -> None:
        """When nobody has used it for `keep_s`; what somebody hears is mapped, and stays until he has heard it."""
        asyncio.get_running_loop().call_later(seconds, self._forget, file)

    def _forget(self, file: Path) -> None:
        with suppress(FileNotFoundError):
            left_s = self._settings.keep_s - (time.time() - file.stat().st_mtime)
            if left_s > 0:
                self._forget_later(file, left_s)
            else:
                file.unlink()


def _word(kind: str, value: str, table: Mapping[str, str]) -> str:
    """A voice or language as the engine calls it. Raises SoundError where it could be anything else."""
    if not _WORD.fullmatch(value):
        raise SoundError(f"{value[:40]!r} is no {kind}")
    return table.get(value, value)


def _filled(argument: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), argument)


async def _run(engine: Engine, words: Mapping[str, str], text: str, file: Path) -> None:
    """A program, in a process group of its own, killed when we stop waiting for it."""
    names_file = any("{file}" in argument for argument in engine.command)
    command = [_filled(argument, {**words, "file": str(file)}) for argument in engine.command]
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True)
    except OSError as error:
        raise SoundError(f"{command[0]} cannot be started: {error.strerror}") from None
    try:
        said, complaint = await process.communicate(text.encode())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode != 0:
        raise SoundError(f"{command[0]} ended with {process.returncode}: "
                         f"{complaint.decode(errors='replace').strip()[:_SAID_MAX]}")
    if not names_file:
        with file.open("wb") as out:
            out.write(said)


async def _ask(engine: Engine, words: Mapping[str, str], text: str, file: Path, timeout_s: float) -> None:
    """An HTTP service of the operator's."""
    assert engine.url is not None
    url = _filled(engine.url, {name: quote(word, safe="") for name, word in {**words, "text": text}.items()})
    method, body = ("GET", None) if "{text}" in engine.url else ("POST", {"text": text, **words})
    size = 0
    try:
        async with httpx.AsyncClient(timeout=timeout_s, trust_env=False) as http, \
                http.stream(method, url, json=body) as answer:
            if answer.status_code != 200:
                raise SoundError(f"it answers {answer.status_code}")
            with file.open("wb") as out:
                async for block in answer.aiter_bytes():
                    size += len(block)
                    if size > _SOUND_MAX:
                        raise SoundError(f"it answers more than {_SOUND_MAX} bytes")
                    out.write(block)
    except httpx.HTTPError as error:
        raise SoundError(f"it cannot be asked: {error or type(error).__name__}") from None
