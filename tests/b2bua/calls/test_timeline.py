# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was on which side of a call, and when."""

from __future__ import annotations

from b2bua.calls.call import Call
from b2bua.calls.headers import Party
from b2bua.calls.timeline import MAX_MOMENTS
from tests.b2bua.calls.stage import Stage, settled
from tests.fakes import FakeLeg, in_no_time


def moments(call: Call) -> list[tuple[str, str, str]]:
    """What happened, without the times."""
    return [(moment.what, moment.side, moment.leg_id) for moment in call.timeline.moments]


@in_no_time
async def test_the_two_join_at_the_answer_and_leave_at_the_end() -> None:
    stage = Stage()
    call, a, b = stage.calls()
    b.rings()
    assert call.timeline.moments == []
    b.answers()
    b.hangs_up()
    await settled()
    assert moments(call) == [("joined", "a", a.id), ("joined", "b", b.id), ("left", "b", b.id), ("left", "a", a.id)]
    times = [moment.t_s for moment in call.timeline.moments]
    assert times == sorted(times)
    assert call.timeline.moments[1].number == "1001"


@in_no_time
async def test_a_party_that_is_replaced_leaves_and_the_new_one_joins_on_its_side() -> None:
    stage = Stage()
    call, _, b = stage.talks()
    new = FakeLeg("new", "pbx", "outbound", Party("", "1003", "sip:1003@pbx"))
    call.add(new)
    new.answers()
    call.replace(b, new)
    assert moments(call)[2:] == [("left", "b", b.id), ("joined", "b", "new")]


@in_no_time
async def test_a_hold_by_sip_is_noted_for_the_one_who_is_held() -> None:
    stage = Stage()
    call, a, b = stage.talks()
    b.holds(True)
    b.holds(False)
    assert moments(call)[2:] == [("held", "a", a.id), ("resumed", "a", a.id)]


@in_no_time
async def test_a_phone_that_holds_for_ever_fills_no_memory() -> None:
    stage = Stage()
    call, _, b = stage.talks()
    for _ in range(MAX_MOMENTS):
        b.holds(True)
        b.holds(False)
    assert len(call.timeline.moments) == MAX_MOMENTS
