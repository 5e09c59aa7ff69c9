# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls begin and end as they should, between SIPp and SIPp."""

from __future__ import annotations

import pytest

from tests.peers.messages import find
from tests.sipp.conftest import DESK, PBX, SILENT, STRANGER, TCP, TRUNK, Stage


@pytest.mark.parametrize(("caller", "pbx"), [
    ("caller-answered-expect-200-then-bye", "pbx-answers-expect-bye"),
    ("caller-answered-expect-200-then-bye", "pbx-answers-at-once-expect-bye"),
    ("caller-answered-expect-bye-from-pbx", "pbx-hangs-up-expect-200"),
    ("caller-rings-expect-180-then-200", "pbx-answers-expect-bye"),
    ("caller-early-media-expect-183-with-sdp", "pbx-plays-early-media-expect-ack"),
    ("caller-cancels-while-ringing-expect-487", "pbx-rings-expect-cancel"),
    ("caller-busy-expect-486", "pbx-is-busy-expect-ack"),
    ("caller-unavailable-expect-480-with-reason", "pbx-is-unavailable-expect-ack"),
    ("caller-declined-expect-603", "pbx-declines-expect-ack"),
    ("caller-late-offer-expect-offer-in-200", "pbx-answers-expect-bye"),
    ("caller-with-headers-expect-200", "pbx-sees-headers-expect-bye"),
    ("caller-holds-and-resumes-expect-200", "pbx-is-held-and-resumed-expect-bye"),
    ("caller-sends-foreign-info-expect-200", "pbx-sees-foreign-info-expect-bye"),
])
def test_a_call_goes_as_both_sides_expect(stage: Stage, caller: str, pbx: str) -> None:
    called = stage.answering(pbx)
    calling = stage.calling(caller, extra=("-cid_str", "from-caller-%u-%p@%s"))
    calling.finish()
    called.finish()


def test_an_info_package_is_refused_with_469_and_the_call_goes_on(stage: Stage) -> None:
    theirs, ours = stage.call("caller-sends-info-package-expect-469", "pbx-answers-expect-bye")
    assert "recv-info" in {name.lower() for name, _ in find(theirs, "INFO", 469)[0].headers}
    assert find(ours, "INFO") == []


def test_a_call_from_the_pbx_reaches_the_trunk(stage: Stage) -> None:
    trunk = stage.answering("pbx-answers-expect-bye", TRUNK)
    stage.calling("caller-answered-expect-200-then-bye", PBX, service="4955501234", keys={"caller": "1001"}).finish()
    assert find(trunk.finish(), "INVITE")[0].start_line.startswith("INVITE sip:4955501234@")


def test_the_other_leg_has_a_call_id_and_tags_of_its_own(stage: Stage) -> None:
    theirs, ours = stage.call("caller-answered-expect-200-then-bye", "pbx-answers-expect-bye")
    incoming, outgoing = find(theirs, "INVITE")[0], find(ours, "INVITE")[0]
    assert incoming.get("Call-ID") != outgoing.get("Call-ID")
    assert incoming.get("From").partition("tag=")[2] != outgoing.get("From").partition("tag=")[2]
    assert TRUNK not in outgoing.get("Via") + outgoing.get("Contact")


def test_a_late_offer_gets_the_answer_of_the_ack(stage: Stage) -> None:
    theirs, _ = stage.call("caller-late-offer-expect-offer-in-200", "pbx-answers-expect-bye")
    assert "m=audio" in find(theirs, "INVITE", 200)[0].body


def test_nobody_answers_then_408_and_cancel_with_a_reason(stage: Stage) -> None:
    pbx = stage.answering("pbx-rings-expect-cancel")
    stage.calling("caller-unanswered-expect-408").finish()
    assert "408" in find(pbx.finish(), "CANCEL")[0].get("Reason")


def test_a_silent_pbx_is_a_408(stage: Stage) -> None:
    pbx = stage.answering("pbx-silent-expect-invite", SILENT, talk_ms=2500)
    stage.calling("caller-unanswered-expect-408", service="8001").finish()
    assert find(pbx.finish(), "INVITE")


def test_the_reason_of_the_callers_cancel_goes_across(stage: Stage) -> None:
    _, pbx = stage.call("caller-cancels-while-ringing-expect-487", "pbx-rings-expect-cancel")
    assert "caller gave up" in find(pbx, "CANCEL")[0].get("Reason")


@pytest.mark.parametrize(("scenario", "number", "host"), [
    ("caller-unroutable-expect-404", "9999", TRUNK),
    ("caller-without-hops-expect-483", "1001", TRUNK),
    ("caller-without-audio-expect-488", "1001", TRUNK),
    ("caller-unknown-peer-expect-403", "1001", STRANGER),
])
def test_what_cannot_be_carried_is_refused(stage: Stage, scenario: str, number: str, host: str) -> None:
    stage.calling(scenario, host, service=number).finish()


def test_refusals_are_counted(stage: Stage) -> None:
    before = stage.sidecar.metric("b2bua_requests_refused_total")
    stage.calling("caller-unknown-peer-expect-403", STRANGER).finish()
    assert stage.sidecar.metric("b2bua_requests_refused_total") == before + 1


def test_options_is_answered(stage: Stage) -> None:
    stage.calling("caller-options-expect-200").finish()


def test_a_caller_by_tcp_reaches_a_pbx_by_udp(stage: Stage) -> None:
    pbx = stage.answering("pbx-answers-expect-bye")
    stage.calling("caller-answered-expect-200-then-bye", transport="tcp").finish()
    pbx.finish()


def test_a_caller_by_udp_reaches_a_pbx_by_tcp(stage: Stage) -> None:
    pbx = stage.answering("pbx-answers-expect-bye", TCP, transport="tcp")
    stage.calling("caller-answered-expect-200-then-bye", service="7001").finish()
    assert "TCP" in find(pbx.finish(), "INVITE")[0].get("Via")


def test_the_first_route_that_matches_decides(stage: Stage) -> None:
    desk = stage.answering("pbx-answers-expect-bye", DESK)
    stage.calling("caller-answered-expect-200-then-bye", service="3001").finish()
    desk.finish()


def test_results_are_counted_by_direction_and_reason(stage: Stage) -> None:
    def counted(**labels: str) -> float:
        return stage.sidecar.metric("b2bua_calls_total", direction="inbound", **labels)

    completed, busy = counted(result="completed"), counted(result="busy", reason="486")
    stage.call("caller-answered-expect-200-then-bye", "pbx-answers-expect-bye")
    stage.call("caller-busy-expect-486", "pbx-is-busy-expect-ack")
    stage.sidecar.wait_metric("b2bua_calls_total", completed + 1, direction="inbound", result="completed")
    stage.sidecar.wait_metric("b2bua_calls_total", busy + 1, direction="inbound", result="busy", reason="486")


def test_twenty_calls_at_once_do_not_meet(stage: Stage) -> None:
    pbx = stage.answering("pbx-answers-expect-bye", calls=20)
    stage.calling("caller-answered-expect-200-then-bye", calls=20, rate=40, talk_ms=500).finish()
    assert len({m.get("Call-ID") for m in find(pbx.finish(), "INVITE")}) == 20
