# SPDX-License-Identifier: GPL-3.0-or-later
"""A WAV file written by position: what is never written is silence, a hole that takes no disk.

Its header is right after every write, so it opens whenever the process dies. Any one thread.
"""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_MOST = 0xFFFFFFFF - HEADER.size  # bytes of sound that a WAV header can name


class WaveFile:
    """16-bit PCM, made anew. raises OSError; then nothing is left of it"""

    def __init__(self, path: Path, rate_hz: int, channels: int) -> None:
        self._rate_hz, self._channels = rate_hz, channels
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self.frames = 0
        try:
            self._head()
        except OSError:
            os.close(self._fd)
            path.unlink(missing_ok=True)
            raise

    def write(self, begin: int, samples: NDArray[np.int16]) -> None:
        """Samples (frames, channels) from frame `begin` on. raises OSError; what was written before stays whole"""
        width = 2 * self._channels
        data = memoryview(np.ascontiguousarray(samples, "<i2").tobytes())
        if (begin * width) + len(data) > _MOST:
            raise OSError(errno.EFBIG, "a WAV file takes no more than 4 GB")
        at = HEADER.size + begin * width
        while data:
            done = os.pwrite(self._fd, data, at)
            at, data = at + done, data[done:]
        self.extend(begin + len(samples))

    def extend(self, frames: int) -> None:
        """At least so long: silence at the end."""
        if frames > self.frames:
            self.frames = frames
            self._head()

    def _head(self) -> None:
        os.pwrite(self._fd, header(self._rate_hz, self._channels, self.frames), 0)

    def close(self) -> None:
        """To its full length; its header is right already."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.ftruncate(fd, HEADER.size + self.frames * 2 * self._channels)
            finally:
                os.close(fd)


def header(rate_hz: int, channels: int, frames: int) -> bytes:
    """The 44 bytes before the samples."""
    width = 2 * channels
    return HEADER.pack(b"RIFF", HEADER.size - 8 + frames * width, b"WAVE", b"fmt ", 16, 1, channels, rate_hz,
                       rate_hz * width, width, 16, b"data", frames * width)


def is_begun(path: Path) -> bool:
    """Does it have a header? Who died before that has left nothing."""
    return path.is_file() and path.stat().st_size >= HEADER.size


def repair(path: Path) -> int:
    """Make the header of a file that nobody closed name all that is in it; its frames. raises OSError, ValueError"""
    with path.open("r+b") as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size or head[:4] != b"RIFF":
            raise ValueError(f"{path} is no WAV file of ours")
        channels, rate_hz, named = *HEADER.unpack(head)[6:8], HEADER.unpack(head)[12]
        there = os.fstat(file.fileno()).st_size - HEADER.size
        frames = max(named, there) // (2 * channels)
        file.seek(0)
        file.write(header(rate_hz, channels, frames))
        file.truncate(HEADER.size + frames * 2 * channels)
    return int(frames)
