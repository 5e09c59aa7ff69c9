# SPDX-License-Identifier: GPL-3.0-or-later
"""The device 1005, whose codes play and speak, and the sound files that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import soundfile

from tests.peers.sound import tone

FILE_HZ, FILE_S = 1100, 1.0
NUMBER = "1005"


def play(who: str, **more: Any) -> dict[str, Any]:
    """A code that plays the file."""
    return {"module": "play", "data": {"id": "beep", "leg": who}, **more}


CODES = {
    "binding_digit": "*",
    "numbers": {
        "51": play("self"), "52": play("peer"), "53": play("both"),
        "54": {"module": "play", "data": {"id": "beep", "leg": "both", "endless_playback": True},
               "children": {"interrupted": {"module": "hangup"}}},
        "55": {"module": "play", "data": {"id": "no-such-file"}, "children": {"_": play("self")}},
        "50": {"module": "break"},
        "61": {"module": "say", "data": {"type": "number", "text": "1234567"}},
        "62": {"module": "tts", "data": {"text": "Good morning to both of you", "leg": "both", "voice": "male"}},
        "63": {"module": "tts", "data": {"text": "This takes a rather long while, and no key ends it, none at all",
                                         "terminators": []}},
        "71": {"module": "audio_level", "data": {"action": "start", "mode": "read", "level": -2}},
        "72": {"module": "audio_level", "data": {"action": "start", "mode": "write", "level": -4}},
        "73": {"module": "audio_level", "data": {"action": "start", "mode": "read", "level": 2}},
        "81": {"module": "sound_touch", "data": {"action": "start", "pitch": 1.5}},
        "80": {"module": "sound_touch", "data": {"action": "stop"}},
        "70": {"module": "audio_level", "data": {"action": "stop"}},
    },
}


def device() -> dict[str, Any]:
    """For a seed."""
    return {"id": f"{int(NUMBER):032x}", "name": "Speaking phone", "owner_id": None, "numbers": [NUMBER],
            "sip": {"username": "speaker"}, "metaflows": CODES}


def write_files(folder: Path) -> None:
    """beep.flac: one second of FILE_HZ at another rate than everything else."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "beep.flac", tone(FILE_HZ, FILE_S, -10, rate_hz=44100), 44100)
