# SPDX-License-Identifier: GPL-3.0-or-later
"""REFER with Replaces that comes from either side, and REFER that is relayed. PB: what went wrong elsewhere."""

from __future__ import annotations

import asyncio

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import TRANSFERRED, EndReason
from tests.b2bua.metaflows.refer_scene import PBX, US, referred, replaces, replacing, stage_of
from tests.b2bua.metaflows.stage import settled
from tests.fakes import in_no_time


@in_no_time
async def test_PB33_attended_joins_with_the_leg_behind_the_named_dialog() -> None:
    stage, first, second = await replacing()
    second.a.holds(True)
    first.b.holds(True)
    first.b.asks_transfer(replaces(second.a))
    await settled()
    assert stage.mixer.hears(first.a, second.b)
    assert second.a.hung_up == TRANSFERRED
    assert (first.b.notified(), second.call.state) == ([100, 200], CallState.ENDED)
    assert second.b.told[-1] != ("hold", True)
    assert first.call.legs >= {first.a, second.b}
    second.b.hangs_up()
    await settled()
    assert first.a.state is LegState.ENDED


@in_no_time
async def test_PB33_the_dialog_may_be_named_as_its_far_end_sees_it() -> None:
    stage, first, second = await replacing()
    first.b.asks_transfer(replaces(second.b, far=True))
    await settled()
    assert stage.mixer.hears(first.a, second.b)


@in_no_time
async def test_PB29_attended_finishing_while_the_target_still_rings() -> None:
    stage, first, second = await replacing(target_up=False)
    first.b.asks_transfer(replaces(second.a))
    await settled()
    assert second.a.hung_up is not None
    assert stage.mixer.hears(first.a, first.b)
    second.b.answers()
    await settled()
    assert stage.mixer.hears(first.a, second.b)
    assert first.b.notified() == [100, 200]


@in_no_time
async def test_PB29_a_target_that_was_ringing_and_fails_leaves_the_first_two() -> None:
    stage, first, second = await replacing(target_up=False)
    first.b.asks_transfer(replaces(second.a))
    await settled()
    second.b.hangs_up(486)
    await settled()
    assert stage.mixer.hears(first.a, first.b)
    assert first.b.notified() == [100, 486]


@in_no_time
async def test_nobody_takes_a_dialog_of_another_side() -> None:
    stage, first, second = await replacing()
    first.a.asks_transfer(replaces(second.a))
    await settled()
    assert first.a.notified() == [403]
    assert stage.mixer.hears(second.a, second.b)


@in_no_time
async def test_a_dialog_that_is_not_ours_goes_to_its_own_side_with_replaces() -> None:
    talk, target = await referred(stage_of(), f"<sip:1002@{PBX}?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    assert target.dialed is not None
    assert dict(target.dialed.headers)["Replaces"] == "x@y;to-tag=1;from-tag=2"
    talk.b.notified()
    talk, last = await referred(stage_of(), f"<sip:2002@{US}?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    assert (talk.b.notified(), last) == ([481], talk.b)


@in_no_time
async def test_a_relayed_dialog_that_is_not_ours_keeps_its_escapes() -> None:
    talk, _ = await referred(stage_of(referred="relay"), f"<sip:1002@{PBX}?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    (uri, _), = talk.a.refers()
    assert uri.endswith("?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2")


@in_no_time
async def test_PB31_relay_passes_it_on_and_the_notifies_back() -> None:
    stage = stage_of(referred="relay")
    talk, _ = await referred(stage)
    assert talk.a.refers() == [("sip:3001@192.0.2.1:5060", {})]
    talk.a.accepts_refer()
    talk.a.notifies(180, final=False)
    talk.a.notifies(200)
    await settled()
    assert talk.b.notified() == [100, 180, 200]
    talk.b.answers_notify()
    await asyncio.sleep(3)
    assert talk.call.state is CallState.ENDED


@in_no_time
async def test_PB33_relay_maps_the_dialog_to_the_one_that_the_target_knows() -> None:
    stage, first, second = await replacing()
    stage.peers["pbx"] = stage.peers["pbx"].model_copy(update={"referred": "relay"})
    first.b.asks_transfer(replaces(second.a))
    await settled()
    (uri, _), = first.a.refers()
    assert uri == f"sip:2002@192.0.2.1:5060?Replaces={second.b.id}%3Bto-tag%3D{second.b.id}-theirs%3Bfrom-tag%3D" \
                  f"{second.b.id}-ours"


@in_no_time
async def test_PB31_where_the_other_leg_will_not_we_place_the_call() -> None:
    stage = stage_of(referred="relay")
    talk, _ = await referred(stage)
    talk.a.refuses_refer(405)
    await settled()
    stage.dialer.legs[-1].answers()
    await settled()
    assert talk.b.notified() == [100, 200]
    assert stage.mixer.hears(talk.a, stage.dialer.legs[-1])


@in_no_time
async def test_relay_tells_that_the_target_was_busy() -> None:
    stage = stage_of(referred="relay")
    talk, _ = await referred(stage)
    talk.a.accepts_refer()
    talk.a.notifies(486)
    await settled()
    assert talk.b.notified() == [100, 486]
    assert stage.mixer.hears(talk.a, talk.b)


@in_no_time
async def test_the_end_of_the_call_ends_it() -> None:
    stage = stage_of()
    talk, target = await referred(stage)
    stage.exchange.end_all()
    await settled()
    assert {leg.state for leg in (talk.a, talk.b, target)} == {LegState.ENDED}


@in_no_time
async def test_an_invite_that_cannot_be_sent_is_told() -> None:
    stage = stage_of()
    talk = await stage.talk()
    stage.dialer.refusal = EndReason.from_code(503, "no transport")
    talk.b.asks_transfer(f"<sip:3001@{US}>")
    await settled()
    assert talk.b.notified() == [100, 503]
