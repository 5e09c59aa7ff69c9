# SPDX-License-Identifier: GPL-3.0-or-later
"""Of several that ring, and of several calls, only who answered is listened for, and only in its own call."""

from __future__ import annotations

import asyncio

from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import in_no_time

RECORD = {"module": "record_call", "data": {"action": "toggle"}}
CODES = {"numbers": {"9": RECORD, "0": {"module": "hangup"}}}


@in_no_time
async def test_F38_B3_the_callee_is_listened_for_from_its_answer() -> None:
    stage = Stage(devices={"1001": CODES})
    ringing = await stage.rings()
    ringing.b.press("*9")
    await settled()
    assert (stage.recorder.made, ringing.a.sent) == ([], "*9")
    ringing.b.answers()
    await settled()
    ringing.b.press("*9")
    await settled()
    assert (set(stage.recorder.live), ringing.a.sent) == ({ringing.call}, "*9")


@in_no_time
async def test_F38_B3_of_two_that_ring_at_once_only_who_answered_is_listened_for() -> None:
    """One carrier calls 1001 and 1002 at the same time; 1002 answers, 1001 answers later or never."""
    stage = Stage(devices={"1001": CODES, "1002": {"numbers": {"9": {"module": "say"}, "8": {"module": "hangup"}}}})
    ringing, answered = await stage.rings(number="1001"), await stage.rings(number="1002")
    answered.b.answers()
    await settled()
    for leg in (answered.a, answered.b, ringing.b):
        leg.press("*9")
        await asyncio.sleep(1)
    assert [(event.fields["endpoint_id"], event.leg_id) for event in stage.told
            if event.name == "collector.matched"] == [("d1002", answered.b.id)]
    assert stage.recorder.made == []
    ringing.a.hangs_up()  # it never answered
    await settled()
    later = await stage.talk(number="1003")
    for leg in (later.a, later.b):
        leg.press("*9")
    await asyncio.sleep(1)
    assert len(stage.events("collector.matched")) == 1
    assert stage.recorder.made == []


@in_no_time
async def test_F38_of_the_devices_that_a_move_rings_those_that_lose_are_never_listened_for() -> None:
    stage = Stage(devices={"1001": {"numbers": {"4": {"module": "move"}, "9": RECORD}},
                           "1003": {"numbers": {"7": {"module": "hangup"}, "9": {"module": "hangup"}}},
                           "1005": {"numbers": {"7": {"module": "hangup"}}}})
    talk = await stage.talk(number="1001")
    talk.b.press("*4")
    await settled()
    loser, winner = stage.dialer.legs[1:]
    loser.rings()
    for leg in (loser, winner):
        leg.press("*7")
    await asyncio.sleep(1)
    winner.answers()
    await settled()
    loser.press("*7*9")
    await asyncio.sleep(1)
    assert stage.outcomes() == [("move", "answered")]
    winner.press("*9")  # the codes of the party that moved
    await settled()
    assert stage.outcomes() == [("move", "answered"), ("record_call", "started")]
    assert [event["endpoint_id"] for event in stage.events("collector.matched")] == ["d1001", "d1001"]


@in_no_time
async def test_F39_B2_calls_of_one_account_do_not_hear_each_other() -> None:
    stage = Stage(devices={"1001": CODES, "1002": CODES})
    one, other = await stage.talk(number="1001"), await stage.talk(number="1002")
    one.b.press("*")
    other.b.press("9")
    await asyncio.sleep(1)
    assert stage.recorder.made == []
    assert (one.a.sent, other.a.sent) == ("*", "9")
