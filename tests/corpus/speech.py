# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech: hours of it for talk-off, from recorded prompts and from synthesisers, at one level.

Nothing is kept in the repository. Recordings are any folder of WAV files; espeak-ng and flite are used when they are
installed. Text is Python's own manual, cut at random, and nonsense syllables.
"""

import io
import re
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from numpy.typing import NDArray

from dsp.tones import FULL_SCALE_DBM0, to_int16

RATE_HZ = 8000
SPEECH_DBM0 = -15.0  # active level, as the issue asks
ACTIVE_BELOW_PEAK_DB = 25.0  # frames further under the loudest are pauses
LANGUAGES = (
    "en", "en-us", "en-gb-scotland", "de", "fr-fr", "es", "it", "pt-br", "ru", "pl", "sv", "nl", "da", "fi",
    "cmn", "ja", "ko", "hi", "ar", "tr", "el", "hu", "cs", "ro", "vi", "sw",
)  # fmt: skip
SPEAKERS = ("", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m3", "+m5", "+m7", "+croak", "+whisper")
FLITE_VOICES = ("kal", "kal16", "awb", "rms", "slt")
ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "st", "br")
VOWELS = ("a", "e", "i", "o", "u", "ai", "ou", "ee", "oo")
CODAS = ("n", "m", "l", "r", "s", "t")

Pcm = NDArray[np.int16]


def at_rate(sound: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Resampled to 8 kHz over the whole spectrum; a rate that is not the true one shifts the pitch."""
    made = int(sound.size * RATE_HZ / rate_hz)
    spectrum = np.fft.rfft(sound)[: made // 2 + 1]
    return np.asarray(np.fft.irfft(spectrum, made) * (made / sound.size)) if made else np.zeros(0)


def levelled(sound: NDArray[np.float64], dbm0: float = SPEECH_DBM0) -> Pcm:
    """Scaled so that its active frames of 20 ms have this mean level."""
    frames = sound[: sound.size // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    active = power[power > power.max(initial=0.0) / 10 ** (ACTIVE_BELOW_PEAK_DB / 10)]
    if not active.size or not active.mean():
        return np.zeros(0, np.int16)
    wanted = 0.5 * 10 ** ((dbm0 - FULL_SCALE_DBM0) / 10)
    return to_int16(sound * np.sqrt(wanted / active.mean()))


def read_wav(data: bytes) -> tuple[NDArray[np.float64], int]:
    """First channel of a 16-bit WAV, full scale 1.0, and its rate."""
    with wave.open(io.BytesIO(data)) as file:
        count = file.getnchannels()
        raw = file.readframes(min(file.getnframes(), len(data)))
        rate_hz = file.getframerate()
    return np.frombuffer(raw[: len(raw) // 2 // count * 2 * count], "<i2")[::count] / 32768.0, rate_hz


def recorded(folder: Path, pitch: float = 1.0) -> Iterator[Pcm]:
    """Every WAV in a folder, about a minute at a time; `pitch` above 1 speaks higher and faster."""
    gathered: list[NDArray[np.float64]] = []
    for path in sorted(folder.rglob("*.wav")):
        sound, rate_hz = read_wav(path.read_bytes())
        gathered.append(sound)
        if sum(part.size for part in gathered) > 60 * rate_hz:
            yield levelled(at_rate(np.concatenate(gathered), rate_hz * pitch))
            gathered = []
    if gathered:
        yield levelled(at_rate(np.concatenate(gathered), rate_hz * pitch))


def text(rng: np.random.Generator, words: int) -> str:
    """Prose and nonsense, half and half."""
    manual = re.sub(r"[^A-Za-z ,.]+", " ", topics[str(rng.choice(sorted(topics)))]).split()
    first = int(rng.integers(0, max(1, len(manual) - words // 2)))
    nonsense = []
    for _ in range(words // 2):
        syllables = [str(rng.choice(ONSETS)) + str(rng.choice(VOWELS)) for _ in range(rng.integers(1, 4))]
        nonsense.append("".join(syllables) + str(rng.choice(CODAS)))
    return " ".join(manual[first : first + words // 2] + nonsense)


def espeak(rng: np.random.Generator, words: int = 900) -> Pcm:
    """Some minutes of espeak-ng, random voice, pitch and speed."""
    voice = str(rng.choice(LANGUAGES)) + str(rng.choice(SPEAKERS))
    pitch, speed = str(rng.integers(20, 90)), str(rng.integers(110, 200))
    made = subprocess.run(
        ["espeak-ng", "-v", voice, "-p", pitch, "-s", speed, "--stdout"],
        input=text(rng, words).encode(), capture_output=True, check=True,
    )  # fmt: skip
    return levelled(at_rate(*read_wav(made.stdout)))


def flite(rng: np.random.Generator, target: Path, words: int = 300) -> Pcm:
    """A minute or two of flite, random voice, pitch and speed; `target` is a file it may write."""
    subprocess.run(
        ["flite", "-voice", str(rng.choice(FLITE_VOICES)), "--setf", f"int_f0_target_mean={rng.integers(80, 240)}",
         "--setf", f"duration_stretch={rng.uniform(0.8, 1.4):.2f}", "-t", text(rng, words), "-o", str(target)],
        capture_output=True, check=True,
    )  # fmt: skip
    return levelled(at_rate(*read_wav(target.read_bytes())))
