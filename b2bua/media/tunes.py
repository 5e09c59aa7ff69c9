# SPDX-License-Identifier: GPL-3.0-or-later
"""The sounds that are always there, made of sines: hold music, ringback, busy. Pure numpy; kept as files in a cache."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from b2bua.calls.sounds import Sound, Tune
from b2bua.media.preparing import opened
from dsp.tones import amplitude, chord, to_int16

MUSIC_DBM0 = -22.0  # of one voice; three sound together
TONE_DBM0 = -13.0  # of ringback and busy (ITU-T E.180 §3: -10 +/- 5 dBm0)
TONE_HZ = 425.0  # ITU-T E.180 §2
BEAT_S = 0.5
FADE_S = 0.02  # at both ends of a note: no click

# A quiet progression in C: chords of three voices, four beats each, and a melody above them; Hz of equal temperament.
_CHORDS = ((60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62)) * 2
_MELODY = (76, 79, 84, 79, 76, 72, 76, 72, 69, 72, 77, 72, 74, 79, 74, 71,
           76, 79, 84, 88, 81, 84, 81, 76, 77, 76, 74, 72, 74, 71, 67, 71)


def tunes(folder: Path, rate_hz: int) -> dict[Tune, Sound]:
    """Make what is not there yet; blocks for some milliseconds."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {Tune.HOLD_MUSIC: _music, Tune.RINGBACK: _ringback, Tune.BUSY: _busy}
    files = {tune: folder / f"{tune.value}-1-{rate_hz}.wav" for tune in made}
    return {tune: opened(file) or _kept(file, made[tune](rate_hz), rate_hz) for tune, file in files.items()}


def _kept(file: Path, samples: NDArray[np.int16], rate_hz: int) -> Sound:
    part = file.with_suffix(".part")
    with wave.open(str(part), "wb") as out:
        out.setparams((1, 2, rate_hz, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    part.replace(file)
    return Sound(file, len(samples) / rate_hz)


def _cadence(on_s: float, off_s: float, rate_hz: int) -> NDArray[np.int16]:
    tone = chord([TONE_HZ], [TONE_DBM0], on_s, rate_hz)
    return to_int16(np.concatenate((tone, np.zeros(round(off_s * rate_hz), np.float32))))


def _ringback(rate_hz: int) -> NDArray[np.int16]:
    return _cadence(1.0, 4.0, rate_hz)


def _busy(rate_hz: int) -> NDArray[np.int16]:
    return _cadence(0.5, 0.5, rate_hz)


def _note(key: int, seconds: float, rate_hz: int) -> NDArray[np.float64]:
    """A soft organ pipe: `key` as in MIDI, 69 is 440 Hz; it dies away."""
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    hz = 440.0 * 2.0 ** ((key - 69) / 12)
    pipe = sum(level * np.sin(2 * np.pi * hz * part * at_s) for part, level in ((1, 1.0), (2, 0.3), (3, 0.1)))
    fade = np.minimum(1.0, np.minimum(at_s, seconds - at_s) / FADE_S)
    return np.asarray(amplitude(MUSIC_DBM0) * pipe * fade * np.exp(-at_s / (2 * seconds)))


def _music(rate_hz: int) -> NDArray[np.int16]:
    bars = [sum(_note(key, 4 * BEAT_S, rate_hz) for key in keys) for keys in _CHORDS]
    melody = np.concatenate([_note(key, BEAT_S, rate_hz) for key in _MELODY])
    return to_int16(np.concatenate(bars) + melody)
