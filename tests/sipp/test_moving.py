# SPDX-License-Identifier: GPL-3.0-or-later
"""hold and move with real phones: who hears whom, told by frequency, and that the path is relayed again afterwards."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers.messages import find
from tests.peers.phone import Phone
from tests.peers.sound import AUDIBLE_DBM0, dominant_hz, read_wav, tone_dbm0
from tests.sipp.conftest import DESK, PBX, TCP, TRUNK, Stage
from tests.sipp.test_sound import A_HZ, C_HZ, LEAK_DBM0, TALK_S, TOLERANCE_HZ, Talk, hears, talking

B_HZ = 2220  # not in the tune, nor a harmonic of a note of it
BUSY_HZ = 425
NOTES_HZ = (174.6, 220.0, 246.9, 261.6, 293.7, 329.6, 392.0)  # of the tune's chords


def assert_hears_music(phone: Phone, file: Path, not_hz: float) -> None:
    """The built-in tune, and not that tone."""
    rate_hz, samples = hears(phone, file)
    assert max(tone_dbm0(samples, hz, rate_hz) for hz in NOTES_HZ) > AUDIBLE_DBM0
    assert tone_dbm0(samples, not_hz, rate_hz) < LEAK_DBM0


def assert_hears_nothing_of(phone: Phone, file: Path, *tones_hz: float) -> None:
    """None of these tones."""
    rate_hz, samples = hears(phone, file)
    for hz in tones_hz:
        assert tone_dbm0(samples, hz, rate_hz) < LEAK_DBM0


def assert_together(stage: Stage, one: Phone, one_hz: float, other: Phone, other_hz: float, folder: Path) -> None:
    """They hear each other and not themselves, packet by packet."""
    sides = ((one, other_hz, one_hz), (other, one_hz, other_hz))
    stage.sidecar.wait_metric("b2bua_relayed_calls", 1)
    for phone, hz, _ in sides:
        phone.record(folder / f"{hz}.wav")
    time.sleep(TALK_S)
    for phone, hz, own_hz in sides:
        phone.stop_record()
        rate_hz, (samples,) = read_wav(folder / f"{hz}.wav")
        samples = samples[len(samples) // 2:]  # the joint has settled
        assert dominant_hz(samples, rate_hz) == pytest.approx(hz, abs=TOLERANCE_HZ)
        assert tone_dbm0(samples, own_hz, rate_hz) < LEAK_DBM0


def type_code(stage: Stage, talk: Talk, digits: str, module: str, method: str = "rfc4733") -> None:
    """B types, and the module has ended."""
    before = stage.sidecar.metric("b2bua_metaflows_total", module=module)
    talk.b.digits(digits, method=method)
    stage.sidecar.wait_metric("b2bua_metaflows_total", before + 1, module=module)


def test_F70_F71_the_held_party_hears_music_the_holder_silence_and_the_key_ends_it(stage: Stage,
                                                                                  tmp_path: Path) -> None:
    with talking(stage) as talk:
        talk.b.tone(B_HZ)
        type_code(stage, talk, "*4", "hold")
        assert_hears_music(talk.a, tmp_path / "held.wav", B_HZ)
        assert_hears_nothing_of(talk.b, tmp_path / "holder.wav", A_HZ, *NOTES_HZ)
        talk.b.digits("1")
        assert_together(stage, talk.a, A_HZ, talk.b, B_HZ, tmp_path)
        assert not [event for event in talk.a.events if event["event"] == "digit"]
        talk.a.hangup()
        talk.b.wait("state", state="disconnected")


@pytest.mark.parametrize("leaver", ["a", "b"])
def test_F70_music_of_his_own_and_whoever_hangs_up_on_hold_ends_the_call(stage: Stage, tmp_path: Path,
                                                                        leaver: str) -> None:
    with talking(stage) as talk:
        type_code(stage, talk, "*41", "hold")
        for name, phone in (("a", talk.a), ("b", talk.b)):
            rate_hz, samples = hears(phone, tmp_path / f"{name}.wav")
            assert tone_dbm0(samples, BUSY_HZ, rate_hz) > AUDIBLE_DBM0
        phones = {"a": talk.a, "b": talk.b}
        phones.pop(leaver).hangup()
        phones.popitem()[1].wait("state", state="disconnected")


def test_F73_hold_control_holds_the_phone_in_sip_and_its_partner_hears_music(stage: Stage, tmp_path: Path) -> None:
    with talking(stage) as talk:
        talk.b.tone(B_HZ)
        type_code(stage, talk, "*5", "hold_control")
        talk.b.wait("media", held=True)
        assert_hears_music(talk.a, tmp_path / "held.wav", B_HZ)
        type_code(stage, talk, "*5", "hold_control", "info")
        talk.b.wait("media", held=False)
        assert_together(stage, talk.a, A_HZ, talk.b, B_HZ, tmp_path)
        talk.a.hangup()
        talk.b.wait("state", state="disconnected")


def test_a_phones_own_hold_has_our_music_where_the_peer_says_so(stage: Stage, tmp_path: Path) -> None:
    with talking(stage, number="3001", host=DESK) as talk:
        talk.b.tone(B_HZ)
        talk.b.hold()
        assert_hears_music(talk.a, tmp_path / "held.wav", B_HZ)
        talk.b.unhold()
        assert_together(stage, talk.a, A_HZ, talk.b, B_HZ, tmp_path)
        assert not [event for event in talk.a.events if event.get("held")]
        talk.a.hangup()
        talk.b.wait("state", state="disconnected")


def test_F101_after_a_move_the_other_device_has_the_call(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, talking(stage) as talk:
        c.tone(C_HZ)
        talk.b.digits("*6")
        c.wait("incoming")
        c.answer()
        c.wait("state", state="confirmed")
        talk.b.wait("state", state="disconnected")
        assert_together(stage, talk.a, A_HZ, c, C_HZ, tmp_path)
        talk.a.hangup()
        c.wait("state", state="disconnected")


def test_F101_B19_of_two_devices_that_ring_the_loser_is_told_why(stage: Stage) -> None:
    mobile = stage.answering("pbx-rings-expect-cancel", TCP, transport="tcp")
    with Phone.open(DESK, stage.ports[DESK]) as c, talking(stage) as talk:
        talk.b.digits("*6")
        c.wait("incoming")
        c.answer()
        talk.b.wait("state", state="disconnected")
        assert "Call completed elsewhere" in find(mobile.finish(), "CANCEL")[0].get("Reason")
        c.hangup()
        talk.a.wait("state", state="disconnected")


@pytest.mark.parametrize("ending", [
    lambda talk, c: talk.a.hangup(),
    lambda talk, c: (talk.b.hangup(), c.hangup(486)),
])
def test_nobody_is_left_when_a_party_leaves_while_the_device_rings(
        stage: Stage, ending: Callable[[Talk, Phone], None]) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, talking(stage) as talk:
        talk.b.digits("*6")
        c.wait("incoming")
        ending(talk, c)
        for phone in (talk.a, talk.b, c):
            phone.wait("state", state="disconnected")


def test_F102_a_device_that_declines_leaves_the_two_together(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, talking(stage) as talk:
        failed = stage.sidecar.metric("b2bua_metaflows_total", module="move", outcome="failed")
        talk.b.digits("*61")
        c.wait("incoming")
        c.hangup(486)
        stage.sidecar.wait_metric("b2bua_metaflows_total", failed + 1, module="move", outcome="failed")
        assert_together(stage, talk.a, A_HZ, talk.b, 900, tmp_path)
        talk.a.hangup()
        talk.b.wait("state", state="disconnected")


@pytest.mark.parametrize("scenario", ["caller-holds-and-resumes-expect-200",
                                      "caller-holds-by-inactive-and-resumes-expect-200"])
def test_a_hold_by_sendonly_or_inactive_has_our_music_and_no_reinvite_for_the_partner(stage: Stage,
                                                                                      scenario: str) -> None:
    device = stage.device()
    stage.calling(scenario, DESK, talk_ms=1500).finish()
    assert len(find(device.finish(), "INVITE")) == 1
    heard = device.rtp.heard()
    assert max(tone_dbm0(heard, hz) for hz in NOTES_HZ) > AUDIBLE_DBM0


def test_what_a_held_party_gets_is_one_stream_from_the_answer_to_the_end(stage: Stage) -> None:
    device = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=5500)
    caller.plays(A_HZ, lambda track: track.talk(5))
    device.plays(B_HZ, lambda track: track.talk(0.5).digits("*4").talk(2.5).digits("1").talk(1.2))
    caller.finish()
    device.finish()
    heard = [packet for packet in caller.rtp.packets if packet.payload_type == 0]
    assert len({packet.ssrc for packet in heard}) == 1
    steps = [(after.sequence - before.sequence) & 0xFFFF for before, after in itertools.pairwise(heard)]
    assert set(steps) == {1}
    times = [(after.timestamp - before.timestamp) & 0xFFFFFFFF for before, after in itertools.pairwise(heard)]
    assert max(times) < 8000 * 2, "no jump: what was silent is a gap of its own length"
    sound = caller.rtp.heard()
    assert max(tone_dbm0(sound, hz) for hz in NOTES_HZ) > AUDIBLE_DBM0
    assert tone_dbm0(caller.rtp.heard(0.5), B_HZ) > AUDIBLE_DBM0


def test_F70_F101_the_caller_holds_and_moves_as_well(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, Phone.open(PBX, stage.ports[PBX]) as a, \
            Phone.open(TRUNK, stage.ports[TRUNK]) as b:
        for phone, hz in ((a, A_HZ), (b, B_HZ), (c, C_HZ)):
            phone.tone(hz)
        a.call(f"sip:2000@127.0.0.1:{stage.sidecar.sip[1]}", from_user="1001")
        b.wait("incoming")
        b.answer()
        a.wait("state", state="confirmed")
        type_code(stage, Talk(b, a), "*4", "hold")
        assert_hears_music(b, tmp_path / "held.wav", A_HZ)
        a.digits("1")
        stage.sidecar.wait_metric("b2bua_relayed_calls", 1)
        a.digits("*6")
        c.wait("incoming")
        c.answer()
        a.wait("state", state="disconnected")
        assert_together(stage, b, B_HZ, c, C_HZ, tmp_path)
        c.hangup()
        b.wait("state", state="disconnected")
