# SPDX-License-Identifier: GPL-3.0-or-later
"""Digits cross the product: by RFC 4733 and INFO, as they were pressed, and once."""

from __future__ import annotations

import pytest

from tests.peers.phone import Phone
from tests.peers.rtp import Press
from tests.peers.rtp_end import RtpEnd
from tests.sipp.conftest import PBX, TRUNK, Stage


def heard_by_pbx(stage: Stage, caller: str, count: int, talk_ms: int = 300) -> list[Press]:
    """What a PBX hears of a caller who presses keys by INFO."""
    with RtpEnd.open(PBX) as end:
        pbx = stage.answering("pbx-answers-expect-bye", rtp_port=end.port)
        calling = stage.calling(caller, talk_ms=talk_ms)
        end.wait_presses(count)
        calling.finish()
        pbx.finish()
        return end.presses()


def test_digits_by_info_dtmf_relay_arrive_by_rfc4733_where_that_was_agreed(stage: Stage) -> None:
    presses = heard_by_pbx(stage, "caller-presses-by-info-dtmf-relay-expect-200", 2, talk_ms=600)
    assert [press.digit for press in presses] == ["5", "#"]
    assert [press.duration_ms for press in presses] == [pytest.approx(160, abs=40), pytest.approx(100, abs=40)]


def test_digits_by_bare_info_arrive(stage: Stage) -> None:
    presses = heard_by_pbx(stage, "caller-presses-by-info-dtmf-expect-200", 1, talk_ms=600)
    assert [press.digit for press in presses] == ["7"]


@pytest.mark.parametrize("event", ["101", "96"])
def test_digits_by_rfc4733_keep_order_and_length(stage: Stage, event: str) -> None:
    pbx = stage.device()
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=3500, keys={"event": event})
    caller.plays(500, lambda track: track.talk(0.4).digits("12#A", digit_ms=120, gap_ms=120)
                 .digits("9", digit_ms=400).talk(0.5))
    event_type = pbx.sipp.peer_sdp().event_type
    presses = pbx.rtp.wait_presses(5, event=event_type)
    caller.finish()
    pbx.finish()
    assert [press.digit for press in presses] == ["1", "2", "#", "A", "9"]
    presses = pbx.rtp.presses(event_type)
    assert [p.duration_ms for p in presses] == [pytest.approx(ms, abs=40) for ms in (120, 120, 120, 120, 400)]


def test_digits_are_counted_by_source(stage: Stage) -> None:
    before = stage.sidecar.metric("b2bua_digits_total", source="info")
    heard_by_pbx(stage, "caller-presses-by-info-dtmf-expect-200", 1, talk_ms=600)
    assert stage.sidecar.metric("b2bua_digits_total", source="info") == before + 1


def test_digits_of_a_real_phone_reach_a_real_phone_both_ways(stage: Stage) -> None:
    with Phone.open(TRUNK) as caller, Phone.open(PBX, stage.ports[PBX]) as called:
        caller.call(f"sip:1001@127.0.0.1:{stage.sidecar.sip[1]}", from_user="5551234")
        called.wait("incoming")
        called.answer()
        caller.wait("state", state="confirmed")
        called.wait("state", state="confirmed")
        caller.digits("123", ms=120)
        called.wait_digits("123")
        called.digits("45", ms=120)
        caller.wait_digits("45")
        caller.digits("6", ms=160, method="info")
        called.wait_digits("6")
        caller.hangup()
        called.wait("state", state="disconnected")
