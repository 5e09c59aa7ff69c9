# SPDX-License-Identifier: GPL-3.0-or-later
"""Who hears whom, told by frequency: real phones, each with a tone of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.phone import Phone
from tests.peers.sound import dominant_hz, has_tone, read_wav, tone_dbm0
from tests.sipp.conftest import DESK, PBX, TRUNK, Stage

A_HZ, B_HZ, C_HZ = 500, 900, 1300
TOLERANCE_HZ = 5
TALK_S = 1.5  # how much sound a check of frequencies gets
LEAK_DBM0 = -50.0


@dataclass(frozen=True)
class Talk:
    """Two phones in conversation through the product."""

    a: Phone
    b: Phone


@contextmanager
def talking(stage: Stage, number: str = "1001", host: str = PBX) -> Iterator[Talk]:
    """A on the trunk has called 1001 on the PBX (or another number and side); both speak."""
    with ExitStack() as stack:
        a = stack.enter_context(Phone.open(TRUNK, stage.ports[TRUNK]))
        b = stack.enter_context(Phone.open(host, stage.ports[host]))
        a.tone(A_HZ)
        b.tone(B_HZ)
        a.call(f"sip:{number}@127.0.0.1:{stage.sidecar.sip[1]}", from_user="5551234")
        b.wait("incoming")
        b.answer()
        for phone in (a, b):
            phone.wait("state", state="confirmed")
        yield Talk(a, b)


def hears(phone: Phone, file: Path) -> tuple[int, list[float]]:
    """What a phone hears from now on: the rate, and the second half of what it heard (the joint has settled)."""
    phone.record(file)
    time.sleep(TALK_S)
    phone.stop_record()
    rate_hz, (samples,) = read_wav(file)
    return rate_hz, samples[len(samples) // 2:]


def assert_hears_only(phone: Phone, file: Path, hz: float, not_hz: float) -> None:
    """This tone, and not that one."""
    rate_hz, samples = hears(phone, file)
    assert dominant_hz(samples, rate_hz) == pytest.approx(hz, abs=TOLERANCE_HZ)
    assert tone_dbm0(samples, not_hz, rate_hz) < LEAK_DBM0


def test_each_hears_the_other_and_not_itself(stage: Stage, tmp_path: Path) -> None:
    with talking(stage) as talk:
        assert_hears_only(talk.a, tmp_path / "a.wav", B_HZ, A_HZ)
        assert_hears_only(talk.b, tmp_path / "b.wav", A_HZ, B_HZ)
        talk.a.hangup()
        talk.b.wait("state", state="disconnected")


def test_sound_keeps_its_level_on_the_way(stage: Stage, tmp_path: Path) -> None:
    with talking(stage) as talk:
        rate_hz, samples = hears(talk.b, tmp_path / "b.wav")
        assert tone_dbm0(samples, A_HZ, rate_hz) == pytest.approx(-10, abs=2)


def test_a_recording_has_its_owner_left_and_the_other_right(stage: Stage) -> None:
    before, outcomes = stage.recordings(), stage.sidecar.metric("b2bua_recordings_total", outcome="stopped")
    with talking(stage) as talk:
        talk.b.digits("*9")
        started = stage.sidecar.metric("b2bua_metaflows_total", module="record_call")
        stage.sidecar.wait_metric("b2bua_metaflows_total", max(started, 1), module="record_call")
        time.sleep(TALK_S)
        talk.b.digits("*9")
        stage.sidecar.wait_metric("b2bua_recordings_total", outcomes + 1, outcome="stopped")
        talk.a.hangup()
    (recording,) = stage.new_recordings(before)
    rate_hz, (left, right) = read_wav(recording)
    assert dominant_hz(left, rate_hz) == pytest.approx(B_HZ, abs=TOLERANCE_HZ)
    assert dominant_hz(right, rate_hz) == pytest.approx(A_HZ, abs=TOLERANCE_HZ)
    assert not has_tone(left, A_HZ, rate_hz)
    assert not has_tone(right, B_HZ, rate_hz)


def test_who_is_held_hears_the_other_no_more_and_hears_it_again_after(stage: Stage, tmp_path: Path) -> None:
    with talking(stage) as talk:
        talk.a.hold()
        talk.b.wait("media", held=True)
        rate_hz, samples = hears(talk.b, tmp_path / "held.wav")
        assert tone_dbm0(samples, A_HZ, rate_hz) < LEAK_DBM0
        talk.a.unhold()
        talk.b.wait("media", held=False)
        assert_hears_only(talk.b, tmp_path / "resumed.wav", A_HZ, B_HZ)
        assert_hears_only(talk.a, tmp_path / "a.wav", B_HZ, A_HZ)


def test_after_a_transfer_the_caller_and_the_target_hear_each_other(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, talking(stage) as talk:
        c.tone(C_HZ)
        talk.a.on_refer(202)
        talk.b.digits("*23001")
        talk.a.wait("refer")
        c.wait("incoming")
        c.answer()
        c.wait("state", state="confirmed")
        talk.b.wait("state", state="disconnected")
        assert_hears_only(talk.a, tmp_path / "a.wav", C_HZ, B_HZ)
        assert_hears_only(c, tmp_path / "c.wav", A_HZ, C_HZ)
        talk.a.hangup()
        c.wait("state", state="disconnected")
