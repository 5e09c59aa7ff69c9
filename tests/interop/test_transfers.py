# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers through the product and a real Asterisk, by code and by REFER, whoever asks for them."""

from __future__ import annotations

import pytest

from tests.interop.stage import REMOTE, Stage

pytestmark = pytest.mark.interop


def answered(stage: Stage) -> None:
    """The colleague is rung and answers."""
    stage.colleague.wait("incoming", 12)
    stage.colleague.answer()
    stage.colleague.wait("state", state="confirmed")


def test_blind_by_code_the_caller_refuses_refer_and_is_joined_by_us(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*21002")
    stage.caller.wait("refer")
    answered(stage)
    stage.desk.wait("state", state="disconnected")
    stage.talk("caller", "colleague")


def test_blind_by_code_the_caller_follows_refer(stage: Stage) -> None:
    stage.caller.on_refer(202)
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*21002")
    answered(stage)
    stage.desk.wait("state", state="disconnected")
    stage.talk("caller", "colleague")


def test_blind_by_code_the_pbx_follows_refer(stage: Stage) -> None:
    """The code is typed outside, so the PBX is who is sent elsewhere: it joins its own two phones."""
    stage.call(stage.caller, "1001", stage.desk, from_user=REMOTE)
    stage.caller.digits("*21002")
    answered(stage)
    stage.caller.wait("state", state="disconnected")
    stage.talk("desk", "colleague")
    assert stage.b2bua.metric("b2bua_calls_active") == 0, "nothing of it is left with us"


def test_blind_by_code_to_a_busy_phone_leaves_all_as_it_was(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*21002")
    stage.colleague.wait("incoming", 12)
    stage.colleague.hangup(486)
    stage.talk("caller", "desk")


def test_blind_by_code_in_a_call_that_the_pbx_began(stage: Stage) -> None:
    stage.call(stage.desk, "5551234", stage.caller)
    stage.desk.digits("*21002")
    answered(stage)
    stage.desk.wait("state", state="disconnected")
    stage.talk("caller", "colleague")


def test_the_pbx_refers_the_caller_to_its_phone(stage: Stage) -> None:
    """Asterisk's Transfer(): REFER received from the PBX."""
    stage.caller.call(f"sip:81002@{stage.b2bua.sip[0]}:{stage.b2bua.sip[1]}", "5551234")
    stage.caller.wait("state", state="confirmed")
    answered(stage)
    stage.talk("caller", "colleague")


def test_the_caller_refers_the_phone_to_another(stage: Stage) -> None:
    """REFER received from outside: the transfer key of the caller's phone."""
    stage.call(stage.caller, "1001", stage.desk)
    stage.caller.transfer(f"sip:1002@{stage.b2bua.sip[0]}:{stage.b2bua.sip[1]}")
    answered(stage)
    stage.caller.wait("state", state="disconnected")
    stage.talk("desk", "colleague")


def test_the_phone_of_the_pbx_refers_the_caller(stage: Stage) -> None:
    """The transfer key of a phone of the PBX: Asterisk joins, we see new sound at most."""
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.transfer(f"sip:1002@{stage.pbx.sip[0]}:{stage.pbx.sip[1]}")
    answered(stage)
    stage.talk("caller", "colleague")


def test_the_phone_of_the_pbx_joins_caller_and_colleague(stage: Stage) -> None:
    """Attended at the PBX: the phone consults, then REFER with Replaces to Asterisk."""
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.hold()
    stage.hears("caller", "music")
    stage.desk.call(f"sip:1002@{stage.pbx.sip[0]}:{stage.pbx.sip[1]}")
    answered(stage)
    stage.hears("colleague", "desk")
    stage.desk.transfer_joined()
    stage.talk("caller", "colleague")


def test_the_caller_joins_two_phones_of_the_pbx(stage: Stage) -> None:
    """Attended outside: two calls of the caller through us, then REFER with Replaces to us."""
    stage.call(stage.caller, "1001", stage.desk)
    stage.caller.hold()
    stage.hears("desk", "music")
    stage.call(stage.caller, "1002", stage.colleague)
    stage.hears("colleague", "caller")
    stage.caller.transfer_joined()
    stage.talk("desk", "colleague")
