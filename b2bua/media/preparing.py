# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound files made ready to be played: any format and rate that libsndfile reads becomes mono PCM at our rate, once.

Blocking; for the workers of the workshop. The cache is a folder of WAV files, each named after what it was made of;
the least recently used go when it grows too large.
"""

from __future__ import annotations

import hashlib
import os
import wave
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from b2bua.calls.sounds import Sound, SoundError
from dsp.tones import to_int16

_BLOCK = 65536  # frames decoded at once
_RATES_HZ = (4000, 192000)
_ONCE = "once-"  # the names of what is to be forgotten begin so
_VERSION = 1  # of what is kept: raise it when the making changes

Floats = NDArray[np.float32]


class SoundCache:
    """Sounds that are ready.

    rate_hz    of the conference
    max_bytes  of the whole folder
    max_s      of one sound
    """

    def __init__(self, folder: Path, rate_hz: int, max_bytes: int, max_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for left in (*folder.glob("*.part"), *folder.glob(f"{_ONCE}*")):  # by a process that died
            left.unlink(missing_ok=True)
        self.folder, self.rate_hz, self.max_bytes, self.max_s = folder, rate_hz, max_bytes, max_s

    def of_file(self, source: Path) -> Sound:
        """A sound file, made ready unless that has been done since it changed. Raises SoundError."""
        try:
            state = source.stat()
        except OSError as error:
            raise SoundError(f"{source.name}: {error.strerror}") from None
        key = f"{source.resolve()} {state.st_mtime_ns} {state.st_size}"
        return self.kept(key, lambda: decoded(source, self.rate_hz))

    def find(self, key: str) -> Sound | None:
        """The sound of this key, if there is one."""
        file = self._file(key)
        sound = opened(file)
        if sound is not None:
            os.utime(file)
        return sound

    def _file(self, key: str) -> Path:
        name = hashlib.sha256(f"{_VERSION} {self.rate_hz} {key}".encode()).hexdigest()[:40]
        return self.folder / f"{name}.wav"

    def kept(self, key: str, make: Callable[[], Iterable[NDArray[np.int16]]]) -> Sound:
        """The sound of this key; `make` gives its samples, in blocks, where there is none yet. Raises SoundError."""
        return self.find(key) or self._made(self._file(key), make)

    def once(self, make: Callable[[], Iterable[NDArray[np.int16]]]) -> Sound:
        """A sound that nobody finds again; who asked for it removes the file. Raises SoundError."""
        return self._made(self.folder / f"{_ONCE}{os.urandom(16).hex()}.wav", make)

    def _made(self, file: Path, make: Callable[[], Iterable[NDArray[np.int16]]]) -> Sound:
        self._write(file, make())
        self._tidy(file)
        sound = opened(file)
        if sound is None or sound.seconds == 0:
            file.unlink(missing_ok=True)
            raise SoundError("there is no sound in it")
        return sound

    def _write(self, file: Path, blocks: Iterable[NDArray[np.int16]]) -> None:
        part = file.with_suffix(f".{os.urandom(4).hex()}.part")
        left = round(self.max_s * self.rate_hz)
        try:
            with wave.open(str(part), "wb") as out:
                out.setparams((1, 2, self.rate_hz, 0, "NONE", ""))
                for block in blocks:
                    left -= len(block)
                    if left < 0:
                        raise SoundError(f"it is longer than {self.max_s:g} s (sounds.max_s)")
                    out.writeframesraw(block.tobytes())
            part.replace(file)
        except OSError as error:
            raise SoundError(f"it cannot be kept in {self.folder}: {error.strerror}") from None
        finally:
            part.unlink(missing_ok=True)

    def _tidy(self, newest: Path) -> None:
        files = sorted(((file.stat().st_mtime, file.stat().st_size, file) for file in self.folder.glob("*.wav")
                        if file != newest), reverse=True)
        total = newest.stat().st_size
        for _, size, file in files:
            total += size
            if total > self.max_bytes:
                file.unlink(missing_ok=True)


def opened(file: Path) -> Sound | None:
    """A file of ours as a sound; None where there is none."""
    try:
        with file.open("rb") as raw, wave.open(raw) as found:
            os.posix_fadvise(raw.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)  # the clock thread shall not wait for a disk
            return Sound(file, found.getnframes() / found.getframerate())
    except (OSError, EOFError, wave.Error):
        return None


def decoded(source: Path, rate_hz: int) -> Iterator[NDArray[np.int16]]:
    """The samples of a sound file, mono at this rate, in blocks. Raises SoundError."""
    try:
        with soundfile.SoundFile(source) as sound:
            if not _RATES_HZ[0] <= sound.samplerate <= _RATES_HZ[1]:
                raise SoundError(f"{source.name}: {sound.samplerate} Hz is no rate that can be played")
            resampler = soxr.ResampleStream(sound.samplerate, rate_hz, 1, dtype="float32")
            for block in sound.blocks(_BLOCK, dtype="float32", always_2d=True):
                yield to_int16(resampler.resample_chunk(np.ascontiguousarray(block.mean(axis=1))))
            yield to_int16(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise SoundError(f"{source.name} is no sound file that can be read: {error}") from None
