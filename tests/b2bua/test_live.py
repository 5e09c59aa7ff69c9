# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API may ask of live calls: plain data, and only of its own account."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from b2bua.calls.reason import METAFLOW_HANGUP
from b2bua.live import Live
from tests.b2bua.metaflows.stage import ACCOUNT, Stage, settled
from tests.fakes import in_no_time

CODES = {"numbers": {"9": {"module": "hangup"}}}


class Desk:
    """A stage with one live call, and the API's view of it. Use it inside a loop."""

    def __init__(self) -> None:
        self.stage = Stage(account=CODES)
        self.live = Live(self.stage.exchange, asyncio.get_running_loop(), self.stage.parts)

    async def act(self, leg_id: str, action: str, data: Any = None, account: str = ACCOUNT) -> tuple[str, str]:
        result = await self.live.act(account, leg_id, action, data or {})
        return result.outcome, result.reason


@in_no_time
async def test_both_legs_are_listed_for_their_account_only() -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    channels = {channel["call_id"]: channel for channel in await desk.live.channels(ACCOUNT)}
    assert set(channels) == {talk.a.id, talk.b.id}
    assert await desk.live.channels("b" * 32) == []
    b = channels[talk.b.id]
    assert (b["other_leg"], b["answered"], b["channel_state"]) == (talk.a.id, True, "talking")
    assert (b["authorizing_id"], b["authorizing_type"], b["owner_id"]) == ("d1001", "device", "u1")
    assert (b["direction"], b["peer"], b["codec"], b["leg_state"]) == ("outbound", "pbx", "pcmu/8000", "up")
    assert (b["from"], b["to"], b["interaction_id"]) == ("sip:2000@trunk", "1001", talk.call.id)
    assert channels[talk.a.id]["authorizing_id"] is None
    assert await desk.live.channel(ACCOUNT, talk.b.id) == b


@in_no_time
async def test_a_leg_of_another_account_is_unknown() -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    assert await desk.live.channel("b" * 32, talk.b.id) is None
    assert await desk.live.channel(ACCOUNT, "none such") is None
    assert (await desk.act(talk.b.id, "hangup", account="b" * 32))[0] == "unknown"
    assert (await desk.act("none such", "hangup"))[0] == "unknown"
    assert talk.b.hung_up is None


@in_no_time
async def test_hangup_ends_the_leg_and_so_the_call() -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    assert (await desk.act(talk.b.id, "hangup"))[0] == "started"
    await settled()
    assert talk.b.hung_up is METAFLOW_HANGUP
    assert desk.stage.exchange.calls == {}
    assert (await desk.act(talk.b.id, "hangup"))[0] == "unknown"


@in_no_time
async def test_a_call_that_is_ending_takes_no_commands() -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    talk.b.hangup = lambda reason: None  # type: ignore[method-assign]  # its BYE is never answered
    talk.call.end(METAFLOW_HANGUP)
    assert await desk.act(talk.b.id, "record_call") == ("refused", "the call is ending")


@pytest.mark.parametrize(("action", "data"), [
    ("record_call", {"action": "start"}), ("metaflow", {"module": "record_call", "data": {"action": "start"}})])
@in_no_time
async def test_a_module_or_a_whole_node_is_started(action: str, data: dict[str, Any]) -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    assert await desk.act(talk.b.id, action, data) == ("started", "")
    assert desk.stage.recorder.running(talk.call) is not None


@in_no_time
async def test_what_cannot_be_done_at_all_is_told_at_once() -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    desk.stage.recorder.failure = "no row is free"
    assert await desk.act(talk.b.id, "record_call", {"action": "start"}) == ("refused", "no row is free")
    outcome, reason = await desk.act(talk.b.id, "record_call", {"action": "dance"})
    assert outcome == "refused"
    assert "action" in reason


@in_no_time
async def test_what_takes_its_time_is_started_and_ends_with_the_call() -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    began_s = asyncio.get_running_loop().time()
    assert (await desk.act(talk.b.id, "transfer", {"transfer_type": "blind", "target": "3000"}))[0] == "started"
    assert asyncio.get_running_loop().time() - began_s < 1
    talk.call.end(METAFLOW_HANGUP)
    await settled()
    assert desk.stage.exchange.calls == {}
    assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()


@in_no_time
async def test_F107_who_waits_is_told_how_it_ended() -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    waits = asyncio.create_task(desk.live.act(ACCOUNT, talk.b.id, "move", {}, 30.0))
    await asyncio.sleep(1)
    desk.stage.dialer.legs[-1].answers()
    result = await waits
    assert (result.outcome, result.ended) == ("started", "answered")
    soon = await desk.live.act(ACCOUNT, desk.stage.dialer.legs[-1].id, "move", {}, 1.0)
    assert (soon.outcome, soon.ended) == ("started", "")


@in_no_time
async def test_parked_parties_are_seen_by_their_account_only() -> None:
    desk = Desk()
    talk = await desk.stage.talk()
    assert (await desk.act(talk.b.id, "park"))[0] == "started"
    (stay,) = await desk.live.parked(ACCOUNT)
    assert (stay["slot"], stay["call_id"], stay["parked_by"]) == ("701", talk.a.id, "1001")
    assert await desk.live.parked("b" * 32) == []
    leg = await desk.live.channel(ACCOUNT, talk.a.id)
    assert leg is not None
    assert leg["on_hold"] is True
