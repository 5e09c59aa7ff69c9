# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls, digits and recordings through the product and a real Asterisk."""

from __future__ import annotations

import pytest

from tests.interop.stage import Stage
from tests.peers.sound import has_tone, read_wav

pytestmark = pytest.mark.interop


def test_a_caller_outside_reaches_a_phone_of_the_pbx(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk)
    stage.talk("caller", "desk")
    stage.caller.hangup()
    stage.desk.wait("state", state="disconnected")


def test_a_phone_of_the_pbx_reaches_somebody_outside(stage: Stage) -> None:
    stage.call(stage.desk, "5551234", stage.caller)
    stage.talk("caller", "desk")
    stage.desk.hangup()
    stage.caller.wait("state", state="disconnected")


def test_digits_pass_both_ways(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk)
    stage.caller.digits("12#")
    stage.desk.wait_digits("12#")
    stage.desk.digits("73")
    stage.caller.wait_digits("73")
    stage.talk("caller", "desk")


def test_a_code_typed_at_the_pbx_records_the_call(stage: Stage) -> None:
    started = stage.b2bua.metric("b2bua_recordings_total", outcome="stopped")
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*9")
    stage.talk("caller", "desk")
    stage.desk.digits("*9")
    stage.metric("b2bua_recordings_total", started + 1, outcome="stopped")
    newest = max(stage.b2bua.recordings.rglob("*.wav"), key=lambda file: file.stat().st_mtime)
    rate_hz, (left, right) = read_wav(newest)
    assert has_tone(left, 900, rate_hz), "the desk, who typed, is left"
    assert has_tone(right, 500, rate_hz), "the caller is right"
    assert not [e for e in stage.caller.events if e["event"] == "digit"], "the caller hears nothing of the code"


def test_a_code_typed_outside_hangs_up(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk, from_user="2001")
    stage.caller.digits("*8")
    stage.desk.wait("state", state="disconnected")
    stage.caller.wait("state", state="disconnected")


def test_a_busy_phone_is_busy_for_the_caller(stage: Stage) -> None:
    stage.caller.call(f"sip:1001@{stage.b2bua.sip[0]}:{stage.b2bua.sip[1]}", "5551234")
    stage.desk.wait("incoming")
    stage.desk.hangup(486)
    assert stage.caller.wait("state", state="disconnected")["code"] == 486


def test_the_music_of_the_pbx_is_heard(stage: Stage) -> None:
    stage.caller.call(f"sip:7001@{stage.b2bua.sip[0]}:{stage.b2bua.sip[1]}", "5551234")
    stage.caller.wait("state", state="confirmed")
    stage.hears("caller", "music")
