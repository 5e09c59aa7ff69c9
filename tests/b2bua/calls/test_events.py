# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: told once to everybody; a subscriber that fails hurts nobody. And the reasons why things end."""

from __future__ import annotations

import logging

import pytest

from b2bua.calls.events import Event, Events
from b2bua.calls.reason import HANGUP, EndReason, Result


def test_a_failing_subscriber_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("no")

    events = Events(lambda: 12.5)
    for subscriber in (broken, told.append, broken):
        events.subscribe(subscriber)
    with caplog.at_level(logging.ERROR):
        events.publish("call.started", call_id="c", leg_id="l", account_id="a", direction="inbound")
    assert told == [Event("call.started", 12.5, "c", "l", "a", {"direction": "inbound"})]
    assert [record.getMessage() for record in caplog.records] == ["a subscriber failed on call.started"] * 2


@pytest.mark.parametrize(("code", "result"), [
    (200, Result.COMPLETED), (299, Result.COMPLETED), (486, Result.BUSY), (600, Result.BUSY), (408, Result.NO_ANSWER),
    (480, Result.NO_ANSWER), (487, Result.CANCELLED), (404, Result.REFUSED), (603, Result.REFUSED),
    (500, Result.FAILED), (503, Result.FAILED), (302, Result.FAILED), (0, Result.FAILED), (999, Result.FAILED)])
def test_every_final_code_has_a_result(code: int, result: Result) -> None:
    assert EndReason.from_code(code, "").result is result


def test_a_reason_that_came_is_not_replaced_by_ours() -> None:
    came = EndReason.from_code(486, "busy", "Q.850;cause=17")
    assert came.because("SIP;cause=200") is came
    assert HANGUP.because("SIP;cause=200").header == "SIP;cause=200"
