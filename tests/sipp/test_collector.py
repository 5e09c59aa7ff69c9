# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector over real SIP: shadow mode, codes before the answer, through hold and after a transfer, and documents
that change while people talk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.rest import EventLog, Rest
from tests.peers.rtp import Track
from tests.sipp.conftest import DESK, PBX, TRUNK, Stage

HZ = 900
RECORD = {"module": "record_call", "data": {"action": "toggle", "format": "wav"}}
HANGUP = {"module": "hangup"}
NAMES = "metaflow.*,call.*,collector.*,recording.*,transfer.*"


@pytest.fixture
def rest(stage: Stage) -> Rest:
    """The account's API."""
    return Rest(stage.sidecar)


@pytest.fixture
def told(rest: Rest) -> Iterator[EventLog]:
    """What the event stream says meanwhile."""
    with rest.events(NAMES) as log:
        yield log


def modules(told: EventLog, name: str = "metaflow.started") -> list[str]:
    """Which modules ran."""
    return [fields["module"] for fields in told.named(name)]


def test_E2_in_shadow_nothing_runs_nothing_is_withheld_and_the_delay_is_told(
        stage: Stage, rest: Rest, told: EventLog) -> None:
    codes = {"mode": "shadow", "digit_timeout": 700, "numbers": {"9": RECORD, "91": RECORD, "8": HANGUP}}
    before = stage.sidecar.metric("b2bua_metaflows_shadowed_total")
    with rest.device("1301", codes):
        device = stage.device()
        caller = stage.caller("caller-answered-expect-200-then-bye", service="1301", talk_ms=4000)
        device.plays(HZ, lambda track: track.talk(0.4).digits("*9").talk(1.2).digits("*8").talk(2))
        presses = caller.rtp.wait_presses(4)
        waited, at_once = told.wait("metaflow.shadowed", 2)
        caller.finish()
        device.finish()
    assert [press.digit for press in presses] == ["*", "9", "*", "8"]
    assert [waited["module"], waited["outcome"], at_once["module"]] == ["record_call", "matched", "hangup"]
    assert 0.6 < waited["delay_s"] < 1.5  # 91 is longer: live, *9 would have waited for the time-out
    assert at_once["delay_s"] < 0.1
    assert modules(told) == []
    assert stage.sidecar.metric("b2bua_metaflows_shadowed_total") == before + 2


def test_A8_a_caller_types_codes_before_the_answer_where_there_is_early_media(
        stage: Stage, rest: Rest, told: EventLog) -> None:
    with rest.device("1302", {"numbers": {"9": RECORD}}):
        trunk = stage.device("pbx-plays-early-media-expect-ack", TRUNK, talk_ms=2000)
        caller = stage.caller("caller-early-media-expect-183-with-sdp", PBX, service="49555", keys={"caller": "1302"},
                              talk_ms=500)
        early = caller.sipp.wait_message("INVITE", 183)[-1]
        caller.rtp.play(Track(HZ, event=early.event_type or 0).talk(0.4).digits("*9").talk(4), to=early.media)
        told.wait("metaflow.started")
        assert "call.answered" not in told.names
        caller.finish()
        trunk.finish()
    assert modules(told) == ["record_call"]
    assert trunk.rtp.presses() == []  # the code is hidden before the answer too


def test_A8_a_code_goes_through_hold(stage: Stage, rest: Rest, told: EventLog) -> None:
    """`*` while they talk, `9` while the typist holds; and another whole code after they talk again."""
    with rest.device("1303", {"digit_timeout": 4000, "numbers": {"9": RECORD}}):
        trunk = stage.device("pbx-is-held-and-resumed-expect-bye", TRUNK)
        caller = stage.caller("caller-holds-and-resumes-expect-200", PBX, service="49555", keys={"caller": "1303"},
                              talk_ms=1500)
        caller.plays(HZ, lambda track: track.talk(0.6).digits("*").talk(1.4).digits("9").talk(1.5).digits("*9").talk(1))
        told.wait("metaflow.ended", 2)
        caller.finish()
        trunk.finish()
    assert modules(told) == ["record_call", "record_call"]
    assert trunk.rtp.presses() == []


def test_F54_who_was_transferred_still_has_their_codes(stage: Stage, rest: Rest, told: EventLog) -> None:
    before = stage.sidecar.metric("b2bua_transfers_total", outcome="answered")
    with rest.device("1304", {"numbers": {"9": RECORD}}):
        pbx = stage.device(calls=2)  # 1002, and the target 1003
        caller = stage.caller("caller-refuses-refer-with-603-expect-joined", DESK, service="1002",
                              keys={"caller": "1304"}, talk_ms=4000)
        pbx.plays(500, lambda track: track.talk(0.5).digits("*21003", digit_ms=80, gap_ms=60).talk(1))
        stage.sidecar.wait_metric("b2bua_transfers_total", before + 1, 10, outcome="answered")
        caller.plays(HZ, lambda track: track.talk(0.4).digits("*9").talk(1))
        told.wait("recording.started")
        caller.finish()
        pbx.finish()
    assert modules(told) == ["transfer", "record_call"]


def test_F32_a_change_of_the_document_is_for_later_calls(stage: Stage, rest: Rest, told: EventLog) -> None:
    with rest.device("1305", {"numbers": {"9": RECORD}}) as device_id:
        device = stage.device(calls=2)
        caller = stage.caller("caller-answered-expect-200-then-bye", service="1305", talk_ms=2500)
        caller.sipp.wait_message("ACK")
        rest.ask("POST", f"/devices/{device_id}/metaflows", {"numbers": {"9": HANGUP}})
        device.plays(HZ, lambda track: track.talk(0.3).digits("*9").talk(1))
        caller.finish()
        assert modules(told) == ["record_call"]
        later = stage.caller("caller-answered-expect-bye-from-pbx", service="1305")
        device.plays(HZ, lambda track: track.talk(0.3).digits("*9").talk(1), call=2)
        later.finish()
        device.finish()
    assert modules(told) == ["record_call", "hangup"]
