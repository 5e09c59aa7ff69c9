# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever types hears whether it was a code, if asked for, and does not wait without need."""

from __future__ import annotations

import asyncio

from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import in_no_time

CODES = {"numbers": {"9": {"module": "record_call"}}, "feedback": "tones"}


@in_no_time
async def test_B28_a_complete_code_runs_at_once_and_is_heard_to_be_accepted() -> None:
    stage = Stage(account=CODES)
    talk = await stage.talk()
    talk.b.press("*9")
    await settled()
    assert (stage.outcomes(), stage.tones.played) == ([("record_call", "started")], [("accepted", talk.b.id)])


@in_no_time
async def test_B28_what_is_no_code_is_heard_to_be_rejected() -> None:
    stage = Stage(account=CODES)
    talk = await stage.talk()
    talk.b.press("*1")
    await asyncio.sleep(2)
    assert stage.tones.played == [("rejected", talk.b.id)]


@in_no_time
async def test_B28_without_feedback_there_is_no_tone() -> None:
    stage = Stage(account={**CODES, "feedback": "none"})
    talk = await stage.talk()
    talk.b.press("*9*1")
    await asyncio.sleep(2)
    assert stage.tones.played == []
