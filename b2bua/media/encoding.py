# SPDX-License-Identifier: GPL-3.0-or-later
"""From the WAV that was written as it went to the file that was asked for. Blocks; not for the SIP thread."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import soundfile
import soxr

CONTENT_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg"}
RATES_HZ = (8000, 48000)  # lowest and highest that all formats take
_MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # MPEG 1, 2 and 2.5
_SUBTYPES = {"mp3": "MPEG_LAYER_III", "wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS"}
_MP3_LEVEL = 0.7  # of libsndfile's 0..1: about 64 kbit/s for two voices
_BLOCK = 65536  # frames at once
_MODE = 0o640  # what people say is not for everybody on the machine


def fitting_rate(rate_hz: int | None, format_: str, own_hz: int) -> int:
    """The rate that will be written: what was asked for, as near as the format can."""
    wanted = min(max(rate_hz or own_hz, RATES_HZ[0]), RATES_HZ[1])
    return min(_MP3_RATES_HZ, key=lambda one: abs(one - wanted)) if format_ == "mp3" else wanted


def encode(source: Path, target: Path, format_: str, rate_hz: int) -> None:
    """Write `target` anew from a WAV file. raises OSError, soundfile.LibsndfileError"""
    with soundfile.SoundFile(source) as sound:
        if format_ == "wav" and rate_hz == sound.samplerate:
            _same(source, target)
            return
        resampler = soxr.ResampleStream(sound.samplerate, rate_hz, sound.channels, dtype="int16") \
            if rate_hz != sound.samplerate else None
        quality = {"compression_level": _MP3_LEVEL, "bitrate_mode": "AVERAGE"} if format_ == "mp3" else {}
        target.touch(_MODE)
        with soundfile.SoundFile(target, "w", rate_hz, sound.channels, _SUBTYPES[format_], format=format_.upper(),
                                 **quality) as out:
            while len(block := sound.read(_BLOCK, dtype="int16", always_2d=True)):
                last = sound.tell() >= sound.frames
                out.write(resampler.resample_chunk(block, last=last) if resampler else block)


def _same(source: Path, target: Path) -> None:
    """The same bytes under another name; copied only where it must be."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def sha256(path: Path) -> str:
    """Of the file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
