# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls, a bank in which leg number n says n, and the product's recorder on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg
from b2bua.media.bank import BankView
from b2bua.media.recording import Recording
from b2bua.media.studio import Studio as Product
from b2bua.metaflows.context import RecordingOptions
from config.recordings import Recordings as Settings
from tests.b2bua.calls.stage import ACCOUNT, Stage, settled
from tests.b2bua.media.fake_bank import FakeBank, FakeTaps


class Studio:
    """Calls, a bank in which leg number n says n, and a recorder. Use it inside a loop."""

    def __init__(self, directory: Path, slots: int = 4, **settings_: Any) -> None:
        self.stage = Stage()
        self.directory = directory
        self.bank = FakeBank(slots=4, ring_frames=64, frame_samples=160)
        self.taps = FakeTaps(slots)
        self.settings = Settings(**{"directory": directory, "min_free_mb": 0, "format": "wav", **settings_})
        self.product = Product(self.settings, BankView(self.bank), self.taps, self.stage.bus,
                               asyncio.get_running_loop())
        self.writer, self.recordings, self.shelf = self.product.writer, self.product.recordings, self.product.shelf
        self.words: dict[Leg, int] = {}
        self.product.start()

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
        until(lambda: recording.next == self.bank.tick())

    async def close(self) -> None:
        """End all, write all, finish all."""
        self.stage.exchange.end_all()
        await settled()
        self.writer.stop()
        await settled()
        self.product.stop_finishing()
        await settled()
        await asyncio.sleep(5)

    def manifest(self, recording: Recording) -> dict[str, Any]:
        found = self.shelf.get(ACCOUNT, recording.id)
        assert found is not None
        return found

    def path(self, recording: Recording, track: int = 0) -> Path:
        found = self.shelf.audio(ACCOUNT, self.manifest(recording), track)
        assert found is not None
        return found

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


async def heard_of(studio: Studio, name: str) -> None:
    """Until this event was published; the writer is a real thread."""
    for _ in range(3000):
        await asyncio.sleep(0)
        if studio.stage.events(name):
            return
        time.sleep(0.001)  # noqa: ASYNC251
    raise AssertionError(name)
