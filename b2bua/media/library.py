# SPDX-License-Identifier: GPL-3.0-or-later
"""Where sounds come from: our tunes, what accounts uploaded, files of the operator, the web. SIP thread.

Everything that takes time is done by the workshop; here names become places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from b2bua.calls.sounds import Sound, SoundError, Tune
from b2bua.media.fetching import Fetcher
from b2bua.media.preparing import SoundCache
from b2bua.media.tunes import tunes
from b2bua.media.workshop import Workshop
from config.sections import Sounds

MEDIA_ID = re.compile(r"[0-9a-f]{32}")
ACCOUNTS = "accounts"  # in sounds.directory: what accounts uploaded
_SUFFIXES = ("", ".wav", ".mp3", ".ogg", ".flac")
_SILENCE = re.compile(r"silence_stream://(\d{1,7})")  # ms; KAZOO's and FreeSWITCH's name of it


def media_folder(directory: Path, account_id: str) -> Path:
    """Where the sounds of an account's media lie. The id must have been checked."""
    return directory / ACCOUNTS / account_id


def media_file(directory: Path, account_id: str, media_id: str) -> Path:
    """Where one of them lies. The ids must have been checked."""
    return media_folder(directory, account_id) / media_id


class Library:
    """As of b2bua.calls.sounds."""

    def __init__(self, settings: Sounds, rate_hz: int, workshop: Workshop) -> None:
        self._directory, self._workshop, self.rate_hz = settings.directory, workshop, rate_hz
        self._tunes: Mapping[Tune, Sound] = tunes(settings.cache / "tunes", rate_hz)
        self.cache = SoundCache(settings.cache / "ready", rate_hz, round(settings.cache_mb * 1e6), settings.max_s)
        self._fetcher = Fetcher(settings.cache / "web", max_bytes=round(settings.max_mb * 1e6),
                                timeout_s=settings.timeout_s, private_addresses=settings.private_addresses)

    def tune(self, name: Tune) -> Sound:
        """As of the protocol."""
        return self._tunes[name]

    async def find(self, account_id: str | None, name: str) -> Sound:
        """As of the protocol."""
        if name in self._tunes:
            return self._tunes[Tune(name)]
        return await self._workshop.run(account_id, self._find(account_id, name))

    async def _find(self, account_id: str | None, name: str) -> Sound:
        """On the workshop's loop."""
        if silence := _SILENCE.fullmatch(name):
            return await self._workshop.compute(self.cache.kept, name, lambda: _silence(int(silence[1]), self.rate_hz))
        if re.match(r"https?://", name, re.IGNORECASE):
            return await self._workshop.compute(self.cache.of_file, await self._fetcher.get(name))
        if "://" in name:
            raise SoundError(f"{name.partition(':')[0]}: is none of http, https, silence_stream")
        return await self._workshop.compute(self._local, account_id, name)

    def _local(self, account_id: str | None, name: str) -> Sound:
        """On a worker."""
        words = name.strip("/").split("/")
        if account_id is not None and MEDIA_ID.fullmatch(words[-1]) and words[:-1] in ([], [account_id]):
            file = media_file(self._directory, account_id, words[-1])
            if not file.is_file():
                raise SoundError(f"this account has no media {words[-1]} with a sound")
            return self.cache.of_file(file)
        root = self._directory.resolve()
        for suffix in _SUFFIXES:
            try:
                file = (root / f"{'/'.join(words)}{suffix}").resolve()
                is_there = file.is_relative_to(root) and not file.is_relative_to(root / ACCOUNTS) and file.is_file()
            except (OSError, ValueError):  # longer than a name may be, or with a zero in it
                continue
            if is_there:
                return self.cache.of_file(file)
        raise SoundError(f"there is no sound {name[:100]!r}")


def _silence(ms: int, rate_hz: int) -> Iterable[NDArray[np.int16]]:
    block = np.zeros(rate_hz, np.int16)
    for second in range(0, ms, 1000):
        yield block[:rate_hz * min(1000, ms - second) // 1000]
