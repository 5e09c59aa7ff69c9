# SPDX-License-Identifier: GPL-3.0-or-later
"""Attended transfers by code through the product and a real Asterisk."""

from __future__ import annotations

import pytest

from tests.interop.stage import REMOTE, Stage

pytestmark = pytest.mark.interop


def consulting(stage: Stage) -> None:
    """The desk has called the colleague by code; the caller waits."""
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*31002")
    stage.colleague.wait("incoming", 12)
    stage.hears("caller", "our music")
    stage.colleague.answer()
    stage.talk("desk", "colleague")
    stage.hears("caller", "our music")


def test_attended_by_code_the_desk_hangs_up_and_two_are_left(stage: Stage) -> None:
    consulting(stage)
    stage.desk.hangup()
    stage.talk("caller", "colleague")


def test_attended_by_code_the_caller_follows_refer_with_replaces(stage: Stage) -> None:
    stage.caller.on_refer(202)
    consulting(stage)
    stage.desk.hangup()
    stage.talk("caller", "colleague")


def test_attended_by_code_is_taken_back(stage: Stage) -> None:
    consulting(stage)
    stage.desk.digits("*1")
    stage.colleague.wait("state", state="disconnected")
    stage.talk("caller", "desk")


def test_attended_by_code_all_three_talk(stage: Stage) -> None:
    consulting(stage)
    stage.desk.digits("*3")
    stage.hears("caller", "desk", "colleague")
    stage.hears("desk", "caller", "colleague")
    stage.hears("colleague", "caller", "desk")
    stage.desk.hangup()
    stage.talk("caller", "colleague")


def test_attended_by_code_of_the_one_outside(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk, from_user=REMOTE)
    stage.caller.digits("*31002")
    stage.colleague.wait("incoming", 12)
    stage.colleague.answer()
    stage.talk("caller", "colleague")
    stage.caller.hangup()
    stage.talk("desk", "colleague")


def test_attended_by_code_to_a_busy_phone_leaves_all_as_it_was(stage: Stage) -> None:
    stage.call(stage.caller, "1001", stage.desk)
    stage.desk.digits("*31002")
    stage.colleague.wait("incoming", 12)
    stage.colleague.hangup(486)
    stage.talk("caller", "desk")
