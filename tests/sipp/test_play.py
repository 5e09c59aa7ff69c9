# SPDX-License-Identifier: GPL-3.0-or-later
"""What codes let people hear, told by frequency: who hears it, when it ends, and what becomes of the line."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.peers.rest import Rest
from tests.peers.rtp import RtpPacket, Track
from tests.peers.sound import AUDIBLE_DBM0, dominant_hz, tone_dbm0
from tests.sipp.conftest import Device, Stage
from tests.sipp.sounds import FILE_HZ, FILE_S, NUMBER

A_HZ, B_HZ = 500, 900
FRAME_S = 0.02


def call(stage: Stage, part: Callable[[Track], Track], talk_ms: int) -> tuple[Device, Device]:
    """The trunk calls 1005, who does this; the caller talks all the time."""
    before = stage.sidecar.metric("b2bua_metaflows_total")
    phone = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=talk_ms, service=NUMBER)
    caller.plays(A_HZ, lambda track: track.talk(talk_ms / 1000 - 0.3))
    phone.plays(B_HZ, part)
    caller.finish()
    phone.finish()
    assert stage.sidecar.metric("b2bua_metaflows_total") > before
    return caller, phone


def audible_s(device: Device, hz: float) -> float:
    """For how long it heard this frequency, in blocks of 100 ms."""
    samples = device.rtp.heard()
    blocks = [samples[at:at + 800] for at in range(0, len(samples) - 799, 800)]
    return 0.1 * sum(tone_dbm0(block, hz) > AUDIBLE_DBM0 for block in blocks)


def assert_unbroken(packets: list[RtpPacket]) -> None:
    """One stream, no packet missing, no time jumped over, none late by more than a busy machine makes it."""
    heard = sorted((p for p in packets if p.payload_type == 0), key=lambda p: p.sequence)
    pairs = list(itertools.pairwise(heard))
    assert len({p.ssrc for p in heard}) == 1
    assert {b.sequence - a.sequence for a, b in pairs} == {1}
    assert max(b.at_s - a.at_s for a, b in pairs) < 0.4


@pytest.mark.parametrize(("code", "hear"), [("*51", "b"), ("*52", "a"), ("*53", "ab")])
def test_F74_play_is_heard_by_whom_it_is_for_seen_from_who_typed(stage: Stage, code: str, hear: str) -> None:
    caller, phone = call(stage, lambda track: track.talk(0.5).digits(code).talk(2.3), 3800)
    for name, device, other_hz in (("a", caller, B_HZ), ("b", phone, A_HZ)):
        assert audible_s(device, FILE_HZ) == pytest.approx(FILE_S if name in hear else 0.0, abs=0.25)
        assert dominant_hz(device.rtp.heard(0.6)[:3200]) == pytest.approx(other_hz, abs=5), "and then the other again"
        assert_unbroken(device.rtp.packets)


def test_F74_any_key_stops_what_is_played_and_the_child_of_that_outcome_runs(stage: Stage) -> None:
    before = stage.sidecar.metric("b2bua_metaflows_total", module="play", outcome="interrupted")
    phone = stage.device()
    caller = stage.caller("caller-answered-expect-bye-from-pbx", service=NUMBER)
    caller.plays(A_HZ, lambda track: track.talk(4))
    phone.plays(B_HZ, lambda track: track.talk(0.5).digits("*54").talk(2).digits("7").talk(0.3))
    caller.finish()
    phone.finish()
    assert audible_s(phone, FILE_HZ) == pytest.approx(2.0, abs=0.4), "twice the file: it was played again and again"
    assert stage.sidecar.metric("b2bua_metaflows_total", module="play", outcome="interrupted") == before + 1


def test_F75_play_of_what_is_not_there_plays_nothing_and_goes_on(stage: Stage) -> None:
    failed = stage.sidecar.metric("b2bua_metaflows_total", module="play", outcome="failed")
    _, phone = call(stage, lambda track: track.talk(0.5).digits("*55").talk(2.3), 3800)
    assert audible_s(phone, FILE_HZ) == pytest.approx(FILE_S, abs=0.25), "the child's file"
    assert stage.sidecar.metric("b2bua_metaflows_total", module="play", outcome="failed") == failed + 1


def speech_s(device: Device, *others_hz: float) -> float:
    """For how long it heard something beside these tones."""
    samples = device.rtp.heard().astype(float)
    loud = 0
    for at in range(0, len(samples) - 799, 800):
        spectrum = abs(np.fft.rfft(samples[at:at + 800] * np.hanning(800)))
        for hz in others_hz:
            spectrum[max(0, int(hz / 10) - 6):int(hz / 10) + 7] = 0
        loud += int(spectrum[10:340].max() > 40000)
    return 0.1 * loud


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
@pytest.mark.parametrize(("code", "hear"), [("*61", "b"), ("*62", "ab")])
def test_F76_F77_speech_is_heard_by_whom_it_is_for_seen_from_who_typed(stage: Stage, code: str, hear: str) -> None:
    caller, phone = call(stage, lambda track: track.talk(0.5).digits(code).talk(4.3), 5800)
    assert (speech_s(phone, A_HZ) > 0.8) is ("b" in hear)
    assert (speech_s(caller, B_HZ) > 0.8) is ("a" in hear)
    assert_unbroken(phone.rtp.packets)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_F69_F77_break_ends_speech_that_no_key_ends(stage: Stage) -> None:
    before = stage.sidecar.metric("b2bua_metaflows_total", module="tts", outcome="interrupted")
    _, phone = call(stage, lambda track: track.talk(0.5).digits("*63").talk(1.2).digits("*50").talk(2.8), 5800)
    assert 0.3 < speech_s(phone, A_HZ) < 2.0
    assert stage.sidecar.metric("b2bua_metaflows_total", module="tts", outcome="interrupted") == before + 1


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_F107_what_the_api_plays_speaks_and_changes_is_heard(stage: Stage) -> None:
    phone, rest = stage.device(), Rest(stage.sidecar)
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=9000, service=NUMBER)
    caller.plays(A_HZ, lambda track: track.talk(8.7))
    phone.plays(B_HZ, lambda track: track.talk(8.7))
    (leg,) = [leg for leg in rest.ask("GET", "/channels")["data"] if leg["direction"] == "outbound"]

    def does(module: str, wait_s: int = 5, /, **data: Any) -> str:
        answer = rest.ask("POST", f"/channels/{leg['uuid']}?action={module}&wait={wait_s}", data)
        return "{outcome} {reason}".format(**answer["data"]).strip() if wait_s else str(answer["data"])

    assert does("play", id="beep", leg="peer") == "done"
    assert does("say", type="number", text="42", leg="peer") == "done"
    assert does("tts", text="Hello there", leg="self") == "done"
    assert does("play", 0, id="beep", leg="self", endless_playback=True) == "play initiated"
    time.sleep(0.6)
    assert does("break") == "done"
    assert does("audio_level", action="start", mode="read", level=-4) == "done"
    time.sleep(0.8)
    assert does("audio_level", action="stop") == "done"
    caller.finish()
    phone.finish()
    assert (audible_s(caller, FILE_HZ), audible_s(phone, FILE_HZ)) == pytest.approx((FILE_S, 0.6), abs=0.3)
    assert speech_s(caller, B_HZ, FILE_HZ) > 0.3
    assert speech_s(phone, A_HZ, FILE_HZ) > 0.3
    assert audible_s(phone, A_HZ) - audible_s(caller, B_HZ) == pytest.approx(0.8, abs=0.35), "muted for so long"


@pytest.mark.parametrize(("code", "speaks_db", "hears_db"), [
    pytest.param("*71", -6, 0, id="read -2"), pytest.param("*73", 6, 0, id="read +2"),
    pytest.param("*72", 0, -60, id="write -4")])
def test_F78_B17_levels_are_those_of_who_typed_and_end_again(stage: Stage, code: str, speaks_db: float,
                                                             hears_db: float) -> None:
    caller, phone = call(stage, lambda track: track.talk(0.5).digits(code).talk(1.2).digits("*70").talk(1), 4200)
    for device, hz, change_db in ((caller, B_HZ, speaks_db), (phone, A_HZ, hears_db)):
        levels = [tone_dbm0(device.rtp.heard()[at:at + 1600], hz) for at in range(0, len(device.rtp.heard()), 800)]
        assert levels[-4] == pytest.approx(-10, abs=1), "as it was"
        during = float(np.median(levels[11:17]))  # 1.1 s to 1.8 s: between the codes
        assert during < -50 if change_db == -60 else during == pytest.approx(-10 + change_db, abs=1.0)


def test_F79_B17_the_voice_of_who_typed_is_changed_and_nobody_elses(stage: Stage) -> None:
    caller, phone = call(stage, lambda track: track.talk(0.5).digits("*81").talk(1.5).digits("*80").talk(1.2), 4500)
    assert audible_s(caller, 1.5 * B_HZ) == pytest.approx(1.9, abs=0.5)
    assert dominant_hz(caller.rtp.heard(0.8)[:3200]) == pytest.approx(B_HZ, abs=5), "as it was"
    assert dominant_hz(phone.rtp.heard()) == pytest.approx(A_HZ, abs=5)
    assert audible_s(phone, 1.5 * A_HZ) < 0.2
    assert_unbroken(caller.rtp.packets)
