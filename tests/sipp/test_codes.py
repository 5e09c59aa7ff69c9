# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes typed in a call: recording, hanging up, blind transfer down its ladder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.messages import find
from tests.peers.rtp import Track
from tests.peers.rtp_pcap import can_play
from tests.peers.sound import AUDIBLE_DBM0, Samples, dominant_hz, has_tone, read_wav, tone_dbm0
from tests.sipp.conftest import PBX, TRUNK, Stage

CALLER_HZ, CALLED_HZ, TARGET_HZ = 500, 900, 1300
SILENT_DBM0 = AUDIBLE_DBM0 - 15  # a tone that must not be there is far below one that is


def holds_only(samples: Samples, hz: float, other_hz: float, rate_hz: int) -> bool:
    """This tone and not the other one."""
    return has_tone(samples, hz, rate_hz) and tone_dbm0(samples, other_hz, rate_hz) < SILENT_DBM0


def transfer(track: Track, target: str = "3001") -> Track:
    """Types *2 and a number."""
    return track.talk(0.5).digits(f"*2{target}", digit_ms=80, gap_ms=60).talk(1)


def check_recording(file: Path, *, at_least_s: float) -> None:
    """Stereo: whose code it was left, the other right."""
    rate_hz, channels = read_wav(file)
    assert len(channels) == 2
    left, right = channels
    assert len(left) / rate_hz >= at_least_s
    assert holds_only(left, CALLED_HZ, CALLER_HZ, rate_hz)
    assert holds_only(right, CALLER_HZ, CALLED_HZ, rate_hz)


def test_star_9_starts_and_stops_a_recording(stage: Stage) -> None:
    before, stopped = stage.recordings(), stage.sidecar.metric("b2bua_recordings_total", outcome="stopped")
    device = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=4500)
    caller.plays(CALLER_HZ, lambda track: track.talk(4.5))
    device.plays(CALLED_HZ, lambda track: track.talk(0.6).digits("*9").talk(1.5).digits("*9").talk(1.5))
    caller.finish()
    device.finish()
    stage.sidecar.wait_metric("b2bua_recordings_total", stopped + 1, outcome="stopped")
    (recording,) = stage.new_recordings(before)
    check_recording(recording, at_least_s=1.3)


def test_a_recording_that_nobody_stopped_ends_with_the_call(stage: Stage) -> None:
    before = stage.recordings()
    device = stage.device("pbx-hangs-up-expect-200", talk_ms=3000)
    caller = stage.caller("caller-answered-expect-bye-from-pbx")
    caller.plays(CALLER_HZ, lambda track: track.talk(3.5))
    device.plays(CALLED_HZ, lambda track: track.talk(0.5).digits("*9").talk(2.2))
    caller.finish()
    device.finish()
    stage.sidecar.wait_quiet()
    (recording,) = stage.new_recordings(before)
    check_recording(recording, at_least_s=1.3)


def test_codes_by_info_record_too(stage: Stage) -> None:
    before = stage.sidecar.metric("b2bua_recordings_total", outcome="started")
    pbx = stage.answering("pbx-presses-by-info-expect-bye", keys={"first": "*", "second": "9"})
    stage.calling("caller-answered-expect-200-then-bye", talk_ms=1500).finish()
    pbx.finish()
    assert stage.sidecar.metric("b2bua_recordings_total", outcome="started") == before + 1


def test_the_far_side_hears_no_code(stage: Stage) -> None:
    device = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=3000)
    device.plays(CALLED_HZ, lambda track: track.talk(0.5).digits("*9").talk(0.5).digits("*9").talk(0.5))
    caller.finish()
    device.finish()
    assert caller.rtp.presses() == []
    assert has_tone(caller.rtp.heard(), CALLED_HZ)


def test_digits_that_are_no_code_are_given_back(stage: Stage) -> None:
    device = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=3500)
    device.plays(CALLED_HZ, lambda track: track.talk(0.5).digits("*77").talk(0.5))
    presses = caller.rtp.wait_presses(3)
    caller.finish()
    device.finish()
    assert [press.digit for press in presses] == ["*", "7", "7"]
    assert len(caller.rtp.presses()) == 3


@pytest.mark.skipif(not can_play(), reason="SIPp needs a raw socket to play a capture")
def test_the_strangers_digits_are_no_code(stage: Stage) -> None:
    before = stage.sidecar.metric("b2bua_metaflows_total")
    device = stage.device()
    caller = stage.calling("caller-presses-expect-200-then-bye", talk_ms=2000,
                           tracks={"caller.pcap": Track(CALLER_HZ).talk(0.4).digits("*8").talk(1)})
    presses = device.rtp.wait_presses(2)
    caller.finish()
    device.finish()
    assert [press.digit for press in presses] == ["*", "8"]
    assert stage.sidecar.metric("b2bua_metaflows_total") == before


def test_star_8_hangs_up_both_with_a_reason(stage: Stage) -> None:
    device = stage.device()
    caller = stage.calling("caller-answered-expect-bye-from-pbx")
    device.plays(CALLED_HZ, lambda track: track.talk(0.5).digits("*8").talk(1))
    assert "metaflow hangup" in find(caller.finish(), "BYE")[0].get("Reason")
    device.finish()


@pytest.mark.skipif(not can_play(), reason="SIPp needs a raw socket to play a capture")
def test_a_caller_with_codes_hangs_up_by_star_8(stage: Stage) -> None:
    trunk = stage.answering("pbx-answers-expect-bye", TRUNK)
    stage.calling("caller-presses-expect-bye", PBX, service="49555", keys={"caller": "1001"},
                  tracks={"caller.pcap": Track(CALLER_HZ).talk(0.5).digits("*8").talk(1)}).finish()
    trunk.finish()


def number_of(trunk: str) -> str:
    """A number that the PBX reaches through this trunk."""
    return f"5{trunk.rpartition('.')[2]}55"


# -- transfer ---------------------------------------------------------------------------------------------------------


def transfers(stage: Stage, outcome: str) -> float:
    """How many transfers came to this end."""
    return stage.sidecar.metric("b2bua_transfers_total", outcome=outcome)


def test_a_transfer_by_refer_releases_both_legs(stage: Stage, fresh_trunk: str) -> None:
    before = transfers(stage, "answered")
    device = stage.device()
    caller = stage.calling("caller-takes-refer-expect-bye", fresh_trunk)
    device.plays(CALLED_HZ, transfer)
    assert "<sip:3001@" in find(caller.finish(), "REFER")[0].get("Refer-To")
    device.finish()
    stage.sidecar.wait_metric("b2bua_transfers_total", before + 1, outcome="answered")


def test_a_calling_device_transfers_the_called_side(stage: Stage, fresh_trunk: str) -> None:
    trunk = stage.answering("pbx-takes-refer-expect-bye", fresh_trunk)
    device = stage.caller("caller-answered-expect-bye-from-pbx", PBX, service=number_of(fresh_trunk),
                          keys={"caller": "1001"})
    device.plays(CALLED_HZ, transfer)
    assert "<sip:3001@" in find(trunk.finish(), "REFER")[0].get("Refer-To")
    device.finish()


@pytest.mark.parametrize("scenario", [
    "caller-refuses-refer-with-603-expect-joined",
    "caller-refuses-refer-with-405-expect-joined",
    "caller-refuses-refer-with-501-expect-joined",
    "caller-never-notifies-expect-joined",
])
def test_who_does_not_follow_refer_is_joined_with_the_target(stage: Stage, fresh_trunk: str, scenario: str) -> None:
    before = transfers(stage, "answered")
    pbx = stage.device(calls=2)  # who types, and whom we call for him: both are numbers of the PBX
    caller = stage.caller(scenario, fresh_trunk, talk_ms=6000 if "never" in scenario else 3000)
    caller.plays(CALLER_HZ, lambda track: track.talk(9))
    pbx.plays(CALLED_HZ, transfer)
    pbx.plays(TARGET_HZ, lambda track: track.talk(6), call=2)
    stage.sidecar.wait_metric("b2bua_transfers_total", before + 1, outcome="answered")
    caller.finish()
    invites = find(pbx.finish(), "INVITE")
    assert [invite.start_line.partition("@")[0] for invite in invites] == ["INVITE sip:1001", "INVITE sip:3001"]
    assert dominant_hz(pbx.rtp.heard(0.5)) == pytest.approx(CALLER_HZ, abs=5)
    assert dominant_hz(caller.rtp.heard(0.5)) == pytest.approx(TARGET_HZ, abs=5)


def test_the_called_side_that_refuses_refer_is_joined_with_the_target(stage: Stage, fresh_trunk: str) -> None:
    trunk = stage.answering("pbx-refuses-refer-with-603-expect-joined", fresh_trunk)
    target = stage.answering("pbx-hangs-up-expect-200", talk_ms=1000)
    device = stage.caller("caller-answered-expect-bye-from-pbx", PBX, service=number_of(fresh_trunk),
                          keys={"caller": "1001"})
    device.plays(CALLED_HZ, transfer)
    device.finish()
    target.finish()
    trunk.finish()


def test_a_busy_target_leaves_the_parties_together_by_refer(stage: Stage, fresh_trunk: str) -> None:
    busy = transfers(stage, "busy")
    device = stage.device()
    caller = stage.calling("caller-follows-refer-in-vain-expect-call-goes-on", fresh_trunk, talk_ms=1500)
    device.plays(CALLED_HZ, transfer)
    caller.finish()
    device.finish()
    stage.sidecar.wait_metric("b2bua_transfers_total", busy + 1, outcome="busy")


def test_a_busy_target_leaves_the_caller_and_the_called_side_together(stage: Stage, fresh_trunk: str) -> None:
    """The other direction, both ways of doing it: its REFER comes to 486, then (having refused one) our INVITE does."""
    busy = transfers(stage, "busy")
    for way, scenario in enumerate(("pbx-follows-refer-in-vain-expect-call-goes-on",
                                    "pbx-refuses-refer-with-603-expect-joined"), 1):
        trunk = stage.answering(scenario, fresh_trunk)
        target = stage.answering("pbx-is-busy-expect-ack") if "refuses" in scenario else None
        device = stage.caller("caller-answered-expect-200-then-bye", PBX, service=number_of(fresh_trunk),
                              keys={"caller": "1001"}, talk_ms=4000)
        device.plays(CALLED_HZ, lambda track: transfer(track).talk(3))
        stage.sidecar.wait_metric("b2bua_transfers_total", busy + way, 10, outcome="busy")
        for end in (device, trunk, target):
            if end is not None:
                end.finish()


def test_a_busy_target_leaves_the_parties_together_by_our_invite(stage: Stage, fresh_trunk: str) -> None:
    busy = transfers(stage, "busy")
    pbx = stage.device("pbx-answers-but-3002-is-busy-expect-bye", calls=2)
    caller = stage.caller("caller-refuses-refer-with-603-expect-joined", fresh_trunk, talk_ms=2000)
    pbx.plays(CALLED_HZ, lambda track: transfer(track, "3002").talk(3))
    caller.finish()
    pbx.finish()
    stage.sidecar.wait_metric("b2bua_transfers_total", busy + 1, outcome="busy")
    assert dominant_hz(caller.rtp.heard(0.5)) == pytest.approx(CALLED_HZ, abs=5)


def test_what_a_peer_refused_once_is_not_asked_of_it_again(stage: Stage, fresh_trunk: str) -> None:
    for scenario in ("caller-refuses-refer-with-603-expect-joined", "caller-answered-expect-200-then-bye"):
        pbx = stage.device(calls=2)
        caller = stage.caller(scenario, fresh_trunk, talk_ms=3000)
        pbx.plays(CALLED_HZ, transfer)
        caller.finish()
        pbx.finish()
