# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold, parking and moving through the product and a real Asterisk."""

from __future__ import annotations

import pytest

from tests.interop.stage import Stage

pytestmark = pytest.mark.interop


def test_the_phone_of_the_pbx_holds_and_resumes(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.hold()
    stage.hears("caller", "music")
    stage.desk.unhold()
    stage.talk("caller", "desk")


def test_the_caller_holds_and_resumes(stage: Stage) -> None:
    """The hold passes through us; the music that the phone hears is the PBX's."""
    stage.call(stage.caller, "1001", stage.desk)
    stage.caller.hold()
    stage.hears("desk", "music")
    stage.hears("caller")
    stage.caller.unhold()
    stage.talk("caller", "desk")


def test_parked_at_the_pbx_by_code_and_fetched(stage: Stage) -> None:
    """*2 and the PBX's parking number: the caller waits at the PBX; a colleague fetches him there."""
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*2700")
    stage.desk.wait("state", state="disconnected")
    stage.hears("caller", "music")
    stage.colleague.call(f"sip:701@{stage.pbx.sip[0]}:{stage.pbx.sip[1]}")
    stage.colleague.wait("state", state="confirmed")
    stage.talk("caller", "colleague")


def test_held_by_code_hears_our_music(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*4")
    stage.hears("caller", "our music")
    stage.hears("desk")
    stage.desk.digits("1")
    stage.talk("caller", "desk")


def test_parked_with_us_by_code_and_fetched_by_number(stage: Stage) -> None:
    """*5 parks at 701 of ours; a phone of the PBX dials *7701."""
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*5")
    stage.hears("caller", "our music")
    stage.desk.wait("state", state="disconnected", timeout_s=20)
    stage.colleague.call(f"sip:*7701@{stage.pbx.sip[0]}:{stage.pbx.sip[1]}")
    stage.colleague.wait("state", state="confirmed")
    stage.talk("caller", "colleague")


def test_moved_by_code_to_the_other_phone_of_the_owner(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*0")
    stage.colleague.wait("incoming")
    stage.colleague.answer()
    stage.desk.wait("state", state="disconnected")
    stage.talk("caller", "colleague")
