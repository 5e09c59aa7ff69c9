# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes typed in a call: recording, hanging up, blind transfer down its ladder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.messages import find
from tests.peers.rtp import Track
from tests.peers.rtp_end import RtpEnd
from tests.peers.rtp_pcap import can_play
from tests.peers.sipp import Sipp
from tests.peers.sound import AUDIBLE_DBM0, Samples, has_tone, read_wav, tone_dbm0
from tests.sipp.conftest import DESK, PBX, TRUNK, Stage

CALLER_HZ, CALLED_HZ = 500, 900
SILENT_DBM0 = AUDIBLE_DBM0 - 15  # a tone that must not be there is far below one that is


def holds_only(samples: Samples, hz: float, other_hz: float, rate_hz: int) -> bool:
    """This tone and not the other one."""
    return has_tone(samples, hz, rate_hz) and tone_dbm0(samples, other_hz, rate_hz) < SILENT_DBM0


def transfer_keys(target: str = "3001") -> Track:
    """The called side types *2 and a number."""
    return Track(CALLED_HZ).talk(0.5).digits(f"*2{target}", digit_ms=80, gap_ms=60).talk(1)


def pressing(stage: Stage, name: str, track: Track, host: str = PBX, **options: object) -> Sipp:
    """A called side that plays the track from the ACK on."""
    if not can_play():
        pytest.skip("SIPp needs a raw socket to play a capture")
    return stage.answering(name, host, tracks={"pbx.pcap": track}, **options)


def check_recording(file: Path, *, at_least_s: float) -> None:
    """Stereo: whose code it was left, the other right."""
    rate_hz, channels = read_wav(file)
    assert len(channels) == 2
    left, right = channels
    assert len(left) / rate_hz >= at_least_s
    assert holds_only(left, CALLED_HZ, CALLER_HZ, rate_hz)
    assert holds_only(right, CALLER_HZ, CALLED_HZ, rate_hz)


def test_star_9_starts_and_stops_a_recording(stage: Stage) -> None:
    before = stage.recordings()
    stopped = stage.sidecar.metric("b2bua_recordings_total", outcome="stopped")
    keys = Track(CALLED_HZ).talk(0.6).digits("*9").talk(1.5).digits("*9").talk(1)
    pbx = pressing(stage, "pbx-presses-expect-bye", keys)
    stage.calling("caller-presses-expect-200-then-bye", talk_ms=4500,
                  tracks={"caller.pcap": Track(CALLER_HZ).talk(4.5)}).finish()
    pbx.finish()
    stage.sidecar.wait_metric("b2bua_recordings_total", stopped + 1, outcome="stopped")
    (recording,) = stage.new_recordings(before)
    check_recording(recording, at_least_s=1.3)


def test_a_recording_that_nobody_stopped_ends_with_the_call(stage: Stage) -> None:
    before = stage.recordings()
    pbx = pressing(stage, "pbx-presses-then-hangs-up-expect-200", Track(CALLED_HZ).talk(0.5).digits("*9").talk(2),
                   talk_ms=3000)
    stage.calling("caller-presses-expect-bye", tracks={"caller.pcap": Track(CALLER_HZ).talk(3.5)}).finish()
    pbx.finish()
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
    with RtpEnd.open(TRUNK) as caller:
        pbx = pressing(stage, "pbx-presses-expect-bye", Track(CALLED_HZ).talk(0.5).digits("*9").talk(0.5).digits("*9"))
        stage.calling("caller-answered-expect-200-then-bye", talk_ms=3000, rtp_port=caller.port).finish()
        pbx.finish()
        assert caller.presses() == []
        assert has_tone(caller.heard(), CALLED_HZ)


def test_digits_that_are_no_code_are_given_back(stage: Stage) -> None:
    with RtpEnd.open(TRUNK) as caller:
        pbx = pressing(stage, "pbx-presses-expect-bye", Track(CALLED_HZ).talk(0.5).digits("*77").talk(0.5))
        calling = stage.calling("caller-answered-expect-200-then-bye", talk_ms=3500, rtp_port=caller.port)
        caller.wait_presses(3)
        calling.finish()
        pbx.finish()
        assert [press.digit for press in caller.presses()] == ["*", "7", "7"]


def test_the_strangers_digits_are_no_code(stage: Stage) -> None:
    before = stage.sidecar.metric("b2bua_metaflows_total")
    if not can_play():
        pytest.skip("SIPp needs a raw socket to play a capture")
    with RtpEnd.open(PBX) as called:
        pbx = stage.answering("pbx-answers-expect-bye", rtp_port=called.port)
        calling = stage.calling("caller-presses-expect-200-then-bye", talk_ms=2000,
                                tracks={"caller.pcap": Track(CALLER_HZ).talk(0.4).digits("*8").talk(1)})
        called.wait_presses(2)
        calling.finish()
        pbx.finish()
    assert stage.sidecar.metric("b2bua_metaflows_total") == before


def test_star_8_hangs_up_both_with_a_reason(stage: Stage) -> None:
    pbx = pressing(stage, "pbx-presses-expect-bye", Track(CALLED_HZ).talk(0.5).digits("*8").talk(1))
    caller = stage.calling("caller-answered-expect-bye-from-pbx").finish()
    assert "metaflow hangup" in find(caller, "BYE")[0].get("Reason")
    pbx.finish()


def test_a_caller_with_codes_hangs_up_by_star_8(stage: Stage) -> None:
    if not can_play():
        pytest.skip("SIPp needs a raw socket to play a capture")
    trunk = stage.answering("pbx-answers-expect-bye", TRUNK)
    stage.calling("caller-presses-expect-bye", PBX, service="49555", keys={"caller": "1001"},
                  tracks={"caller.pcap": Track(CALLER_HZ).talk(0.5).digits("*8").talk(1)}).finish()
    trunk.finish()


# -- transfer ---------------------------------------------------------------------------------------------------------


def transfers(stage: Stage, outcome: str) -> float:
    """How many transfers came to this end."""
    return stage.sidecar.metric("b2bua_transfers_total", outcome=outcome)


def test_a_transfer_by_refer_releases_both_legs(stage: Stage) -> None:
    before = transfers(stage, "answered")
    pbx = pressing(stage, "pbx-presses-expect-bye", transfer_keys())
    caller = stage.calling("caller-takes-refer-expect-bye").finish()
    assert "sip:3001@" in find(caller, "REFER")[0].get("Refer-To")
    pbx.finish()
    stage.sidecar.wait_metric("b2bua_transfers_total", before + 1, outcome="answered")


def test_a_calling_device_transfers_the_called_side(stage: Stage) -> None:
    if not can_play():
        pytest.skip("SIPp needs a raw socket to play a capture")
    trunk = stage.answering("pbx-takes-refer-expect-bye", TRUNK)
    stage.calling("caller-presses-expect-bye", PBX, service="49555", keys={"caller": "1001"},
                  tracks={"caller.pcap": transfer_keys()}).finish()
    assert "sip:3001@" in find(trunk.finish(), "REFER")[0].get("Refer-To")


@pytest.mark.parametrize("caller", [
    "caller-refuses-refer-with-603-expect-joined",
    "caller-refuses-refer-with-405-expect-joined",
    "caller-refuses-refer-with-501-expect-joined",
    "caller-never-notifies-expect-joined",
])
def test_a_party_that_does_not_follow_refer_is_joined_with_the_target(stage: Stage, caller: str) -> None:
    before = transfers(stage, "answered")
    with RtpEnd.open(DESK) as target:
        desk = stage.answering("pbx-answers-expect-bye", DESK, rtp_port=target.port)
        pbx = pressing(stage, "pbx-presses-expect-bye", transfer_keys())
        calling = stage.calling(caller, talk_ms=5000 if "never" in caller else 2500)
        pbx.finish()  # the transferor is released
        assert find(desk.wait_message("INVITE"), "INVITE")
        calling.finish()
        desk.finish()
    stage.sidecar.wait_metric("b2bua_transfers_total", before + 1, outcome="answered")


def test_the_called_side_that_refuses_refer_is_joined_with_the_target(stage: Stage) -> None:
    if not can_play():
        pytest.skip("SIPp needs a raw socket to play a capture")
    trunk = stage.answering("pbx-refuses-refer-with-603-expect-joined", TRUNK)
    desk = stage.answering("pbx-hangs-up-expect-200", DESK, talk_ms=1000)
    stage.calling("caller-presses-expect-bye", PBX, service="49555", keys={"caller": "1001"},
                  tracks={"caller.pcap": transfer_keys()}).finish()
    desk.finish()
    trunk.finish()


def test_a_busy_target_leaves_the_parties_together_by_refer(stage: Stage) -> None:
    busy = transfers(stage, "busy")
    pbx = pressing(stage, "pbx-presses-expect-bye", transfer_keys())
    stage.calling("caller-follows-refer-in-vain-expect-call-goes-on", talk_ms=1500).finish()
    pbx.finish()
    stage.sidecar.wait_metric("b2bua_transfers_total", busy + 1, outcome="busy")


def test_a_busy_target_leaves_the_parties_together_by_our_invite(stage: Stage) -> None:
    busy = transfers(stage, "busy")
    desk = stage.answering("pbx-is-busy-expect-ack", DESK)
    pbx = pressing(stage, "pbx-presses-expect-bye", transfer_keys())
    stage.calling("caller-refuses-refer-with-603-expect-joined", talk_ms=2000).finish()
    pbx.finish()
    desk.finish()
    stage.sidecar.wait_metric("b2bua_transfers_total", busy + 1, outcome="busy")
