# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a DTMF tone leaves before it is muted, and what speech loses. The C++ is compiled alone."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dsp.tones import DIGITS, press, to_int16
from tests.corpus import speech
from tests.corpus.limits import LIMITS, Case
from tests.peers.sound import decode_pcmu, encode_pcmu

PASS, HOLD, MUTE = 0, 1, 2
ALL = 0xFFFF
SILENCE = b"\xff"
LEAK_MS = 11.0  # at the begin of a tone: one block of 10 ms, and what of the next is too little to be seen
# beyond what a line in the middle of a call has
HARD = ("dial tone", "hum", "refused", "all limits", "SNR", "packet")


@pytest.fixture(scope="module")
def library(compiled: Any) -> Any:
    """tone_guard.cpp as a shared library."""
    loaded = compiled("tone_guard")
    loaded.guard_new.restype = ctypes.c_void_p
    return loaded


class Line:
    """A stream of PCMU packets through one guard; `held` counts packets that left one packet late."""

    def __init__(self, library: Any, mask: int = ALL, samples: int = 160) -> None:
        self._library, self._mask, self._samples = library, mask, samples
        self._guard = ctypes.c_void_p(library.guard_new())
        self.held = self.muted = 0

    def close(self) -> None:
        self._library.guard_free(self._guard)

    def run(self, payload: bytes) -> bytes:
        """What the far end hears of it."""
        out, waiting = [], []
        verdict = (ctypes.c_int * 2)()
        for packet in self._packets(payload):
            self._library.guard_hear(self._guard, packet, len(packet), 0, self._mask, verdict)
            held, now = verdict[0], verdict[1]
            if now == HOLD:
                out += waiting
                waiting = [packet]
                self.held += 1
                continue
            out += [SILENCE * len(one) if held == MUTE else one for one in waiting]
            waiting = []
            out.append(SILENCE * len(packet) if now == MUTE else packet)
            self.muted += (held == MUTE) + (now == MUTE)
        return b"".join(out + waiting)

    def _packets(self, payload: bytes) -> Iterator[bytes]:
        for begin in range(0, len(payload) - self._samples + 1, self._samples):
            yield payload[begin:begin + self._samples]


@pytest.fixture
def line(library: Any) -> Iterator[Line]:
    made = Line(library)
    yield made
    made.close()


def leak_ms(case: Case, heard: bytes) -> float:
    """The longest unbroken piece of a key that was heard."""
    sound = decode_pcmu(heard)
    worst = 0
    for key in case.keys:
        begin, end = round(key.start_s * 8000), round((key.start_s + key.on_s) * 8000)
        run = 0
        for block in sound[begin:min(end, len(sound))].reshape(-1):
            run = run + 1 if block else 0
            worst = max(worst, run)
    return worst / 8


@pytest.mark.parametrize("name", [name for name in LIMITS if not any(word in name for word in HARD)])
def test_no_more_than_a_block_of_a_tone_leaves(name: str, line: Line) -> None:
    rng = np.random.default_rng(7)
    worst = 0.0
    for _ in range(60):
        case = LIMITS[name](rng, 8000)
        worst = max(worst, leak_ms(case, line.run(encode_pcmu(case.pcm) + SILENCE * 320)))
    assert worst <= LEAK_MS


@pytest.mark.parametrize("name", [name for name in LIMITS
                                  if any(word in name for word in ("SNR", "all limits", "packet"))])
def test_in_noise_and_with_lost_packets_no_digit_leaves(name: str, line: Line) -> None:
    rng = np.random.default_rng(7)
    cases = [LIMITS[name](rng, 8000) for _ in range(60)]
    leaks = sorted(leak_ms(case, line.run(encode_pcmu(case.pcm) + SILENCE * 320)) for case in cases)
    assert leaks[round(0.9 * len(leaks))] <= 23.0, "what a receiver must refuse (ITU-T Q.24)"


@pytest.mark.parametrize("samples", [80, 240])
def test_other_packet_times_are_guarded_as_well(library: Any, samples: int) -> None:
    line = Line(library, samples=samples)
    rng = np.random.default_rng(3)
    for _ in range(40):
        case = LIMITS["plain digits"](rng, 8000)
        assert leak_ms(case, line.run(encode_pcmu(case.pcm) + SILENCE * 480)) <= 2 * LEAK_MS
    line.close()


def test_digits_that_are_not_withheld_pass_untouched(library: Any) -> None:
    line = Line(library, mask=1 << 10)  # * alone
    payload = encode_pcmu(to_int16(np.concatenate((np.zeros(400), press("7", 0.2), np.zeros(400)))))
    assert line.run(payload) == payload[:len(payload) // 160 * 160]
    assert line.held == 0
    star = encode_pcmu(to_int16(np.concatenate((np.zeros(400), press("*", 0.2), np.zeros(400)))))
    assert line.run(star) != star[:len(star) // 160 * 160]
    line.close()


def test_every_digit_of_both_laws_is_known(library: Any) -> None:
    for number, digit in enumerate("0123456789*#ABCD"):
        assert digit in DIGITS
        line = Line(library, mask=1 << number)
        line.run(encode_pcmu(to_int16(press(digit, 0.2))))
        assert line.muted >= 8
        line.close()


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_speech_is_hardly_ever_muted_or_late(line: Line) -> None:
    rng = np.random.default_rng(11)
    pcm = np.concatenate([speech.espeak(rng, 400) for _ in range(6)])
    line.run(encode_pcmu(pcm))
    hours = len(pcm) / 8000 / 3600
    assert line.muted / 2 / hours < 60, "bursts of 40 ms an hour"
    assert line.held / (len(pcm) / 160) < 0.005, "packets one packet late"
