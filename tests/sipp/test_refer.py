# SPDX-License-Identifier: GPL-3.0-or-later
"""REFER and Replaces as far ends send them, from either side; who hears whom afterwards is told by frequency."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from tests.peers.messages import SipMessage, find
from tests.peers.phone import Phone
from tests.peers.rtp import Track
from tests.peers.sound import dominant_hz
from tests.sipp.conftest import DESK, PBX, RELAYING, TRUNK, Device, Stage

CALLER_HZ, CALLED_HZ, TARGET_HZ = 500, 900, 1300
PATIENCE_S = 6.0


def wait_hears(device: Device, hz: float) -> None:
    """Until this is what it hears."""
    end_s = time.monotonic() + PATIENCE_S
    while abs((heard := dominant_hz(device.rtp.heard(0.3)) if device.rtp.packets else 0.0) - hz) > 5:
        assert time.monotonic() < end_s, f"it hears {heard:.0f} Hz, not {hz:.0f}"
        time.sleep(0.05)


def talk(track: Track) -> Track:
    return track.talk(8)


def dialog_of(messages: list[SipMessage]) -> str:
    """Replaces for us, of the dialog in which a far end has sent this ACK."""
    ack = find(messages, "ACK")[0]
    to_tag, from_tag = (ack.get(name).partition("tag=")[2].partition(";")[0] for name in ("To", "From"))
    return f"{ack.get('Call-ID')};to-tag={to_tag};from-tag={from_tag}"


@pytest.mark.parametrize(("referrer", "side"), [("caller", PBX), ("caller", TRUNK)])
def test_PB31_a_refer_from_the_caller_joins_the_called_one_with_the_target(stage: Stage, referrer: str,
                                                                           side: str) -> None:
    target = stage.device("pbx-answers-expect-bye", PBX)
    other = stage.device("pbx-hangs-up-expect-200", DESK, talk_ms=5000)
    caller = stage.caller("caller-refers-expect-notify-200-then-bye", side, service="3001", keys={"target": "1003"})
    other.plays(CALLED_HZ, talk)
    target.plays(TARGET_HZ, talk)
    caller.finish()
    wait_hears(other, TARGET_HZ)
    wait_hears(target, CALLED_HZ)
    other.finish()
    target.finish()


def test_PB31_a_refer_from_the_called_side_joins_the_caller_with_the_target(stage: Stage) -> None:
    target = stage.device("pbx-answers-expect-bye", DESK)
    called = stage.device("pbx-refers-expect-notify-200-then-bye", PBX, keys={"target": "3001"})
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=4500)
    caller.plays(CALLER_HZ, talk)
    target.plays(TARGET_HZ, talk)
    called.finish()
    wait_hears(caller, TARGET_HZ)
    wait_hears(target, CALLER_HZ)
    caller.finish()
    target.finish()


def test_PB32_a_busy_target_and_a_forbidden_one_leave_the_two_together(stage: Stage) -> None:
    for scenario, number, busy in (("caller-refers-to-busy-expect-notify-486-then-call-goes-on", "1003", True),
                                   ("caller-refers-to-forbidden-expect-notify-403-then-call-goes-on", "1900", False)):
        target = stage.answering("pbx-is-busy-expect-ack") if busy else None
        other = stage.device("pbx-answers-expect-bye", DESK)
        caller = stage.caller(scenario, service="3001", keys={"target": number}, talk_ms=1500)
        other.plays(CALLED_HZ, talk)
        caller.plays(CALLER_HZ, talk)
        wait_hears(caller, CALLED_HZ)
        caller.finish()
        other.finish()
        if target is not None:
            target.finish()


def test_a_caller_that_hangs_up_after_its_refer_has_transferred(stage: Stage) -> None:
    other = stage.device("pbx-hangs-up-expect-200", DESK, talk_ms=3500)
    with Phone.open(PBX, stage.ports[PBX]) as target:
        target.tone(TARGET_HZ)
        caller = stage.calling("caller-refers-and-hangs-up-expect-200", service="3001", keys={"target": "1003"})
        other.plays(CALLED_HZ, talk)
        target.wait("incoming")
        target.answer(180)
        caller.finish()
        target.answer()
        wait_hears(other, TARGET_HZ)
        other.finish()
        target.wait("state", 10, state="disconnected")


def test_refer_sub_false_is_obeyed_and_bad_refers_are_refused(stage: Stage) -> None:
    target = stage.answering("pbx-answers-expect-bye")
    other = stage.answering("pbx-hangs-up-expect-200", DESK, talk_ms=2500)
    stage.calling("caller-refers-quietly-expect-202-then-bye", service="3001", keys={"target": "1003"}).finish()
    other.finish()
    target.finish()
    called = stage.answering("pbx-answers-expect-bye")
    stage.calling("caller-refers-wrongly-expect-400-and-416").finish()
    called.finish()


@pytest.mark.parametrize("referrer", ["caller", "pbx"])
def test_PB33_attended_by_the_phones_own_key_joins_the_two_others(stage: Stage, referrer: str) -> None:
    target = stage.device("pbx-hangs-up-expect-200", DESK, talk_ms=6000)
    consulting = stage.caller("caller-answered-expect-bye-from-pbx", PBX, service="3001", keys={"caller": "1001"})
    target.plays(TARGET_HZ, talk)
    messages = consulting.sipp.wait_message("ACK")
    keys = {"refer_to": f"<sip:3001@127.0.0.1?Replaces={quote(dialog_of(messages), safe='')}>", "caller": "1001"}
    if referrer == "caller":
        other = stage.device("pbx-answers-expect-bye", TRUNK)
        sender = stage.calling("caller-refers-with-replaces-expect-notify-200-then-bye", PBX, service="2001", keys=keys)
    else:
        sender = stage.answering("pbx-refers-with-replaces-expect-notify-200-then-bye", PBX, keys=keys)
        other = stage.caller("caller-answered-expect-bye-from-pbx", TRUNK)
    other.plays(CALLED_HZ, talk)
    sender.finish()
    consulting.finish()
    wait_hears(other, TARGET_HZ)
    wait_hears(target, CALLED_HZ)
    target.finish()
    other.finish()


def test_PB33_an_invite_with_replaces_takes_the_callers_place(stage: Stage) -> None:
    other = stage.device("pbx-answers-expect-bye")
    first = stage.caller("caller-answered-expect-bye-from-pbx")
    other.plays(CALLED_HZ, talk)
    replaces = dialog_of(first.sipp.wait_message("ACK"))
    for scenario, value in (("caller-replaces-expect-481", "x@y;to-tag=1;from-tag=2"),
                            ("caller-replaces-expect-486", f"{replaces};early-only"),
                            ("caller-replaces-expect-400", "x@y")):
        stage.calling(scenario, keys={"replaces": value}).finish()
    stage.calling("caller-replaces-expect-403", PBX, keys={"replaces": replaces}).finish()
    new = stage.caller("caller-replaces-expect-200-then-bye", keys={"replaces": replaces}, talk_ms=2500)
    new.plays(TARGET_HZ, talk)
    first.finish()
    wait_hears(new, CALLED_HZ)
    wait_hears(other, TARGET_HZ)
    new.finish()
    other.finish()


def test_PB31_a_relayed_refer_is_followed_by_the_other_leg(stage: Stage, fresh_trunk: str) -> None:
    called = stage.answering("pbx-refers-what-is-relayed-expect-notify-200-then-bye", RELAYING, keys={"target": "1003"})
    caller = stage.calling("caller-takes-refer-expect-bye", fresh_trunk, service="6101")
    caller.finish()
    called.finish()
    assert "<sip:1003@" in find(caller.messages(), "REFER")[0].get("Refer-To")


def type_transfer(device: Device) -> None:
    device.plays(CALLED_HZ, lambda track: track.talk(0.5).digits("*23001", digit_ms=80, gap_ms=60).talk(1))


@pytest.mark.parametrize("scenario", ["caller-challenges-refer-expect-bye", "caller-wants-a-referrer-expect-bye"])
def test_PB37_a_refer_that_is_challenged_comes_again(stage: Stage, fresh_trunk: str, scenario: str) -> None:
    device = stage.device()
    caller = stage.calling(scenario, fresh_trunk)
    type_transfer(device)
    caller.finish()
    device.finish()


def test_PB28_the_transferee_is_told_by_update_whom_it_talks_to(stage: Stage, fresh_trunk: str) -> None:
    for scenario in ("caller-refuses-refer-with-603-expect-joined",
                     "caller-is-told-who-it-talks-to-expect-update-then-bye"):
        pbx = stage.device(calls=2)
        caller = stage.calling(scenario, fresh_trunk, talk_ms=1500)
        type_transfer(pbx)
        caller.finish()
        pbx.finish()


def test_PB28_a_transferee_without_update_is_told_by_reinvite_and_the_target_by_diversion(stage: Stage) -> None:
    """The transferee has called, then was called."""
    pbx = stage.device(calls=2)
    caller = stage.caller("caller-is-told-who-it-talks-to-expect-reinvite-then-bye", RELAYING, talk_ms=1500)
    caller.plays(CALLER_HZ, talk)
    type_transfer(pbx)
    caller.finish()
    invite = find(pbx.finish(), "INVITE")[1]
    assert "<sip:1001@" in invite.get("Diversion")
    assert "reason=deflection" in invite.get("Diversion")
    target = stage.answering("pbx-answers-expect-bye")
    called = stage.answering("pbx-is-told-who-it-talks-to-expect-reinvite-then-200", RELAYING, talk_ms=500)
    transferor = stage.caller("caller-answered-expect-bye-from-pbx", PBX, service="6101", keys={"caller": "1001"})
    type_transfer(transferor)
    transferor.finish()
    called.finish()
    assert find(target.finish(), "INVITE")[0].get("Diversion")


def test_a_notify_that_nobody_has_asked_for_is_refused(stage: Stage) -> None:
    stage.call("caller-notifies-unasked-expect-481", "pbx-answers-expect-bye")


def test_F91_F92_the_called_one_transfers_attended(stage: Stage) -> None:
    """1001 hangs up while it talks to 1003, or while that still rings."""
    for scenario, talk_ms in (("pbx-1001-hangs-up-after-asking-1003-expect-joined", 4000),
                              ("pbx-1001-hangs-up-while-1003-rings-expect-joined", 2500)):
        target = stage.rtp(PBX)
        pbx = stage.device(scenario, calls=2, talk_ms=talk_ms, keys={"target_rtp_port": str(target.port)})
        caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=8000)
        caller.plays(CALLER_HZ, lambda track: track.talk(9))
        pbx.plays(CALLED_HZ, lambda track: track.talk(0.5).digits("*#1003", digit_ms=80, gap_ms=60).talk(3))
        answer = pbx.sipp.peer_sdp(call=2, timeout_s=10)
        target.play(Track(TARGET_HZ, event=answer.event_type or 0).talk(8), to=answer.media)
        wait_hears(caller, TARGET_HZ)
        wait_hears(Device(pbx.sipp, target), CALLER_HZ)
        caller.finish()
        pbx.finish()
