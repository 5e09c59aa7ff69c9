# SPDX-License-Identifier: GPL-3.0-or-later
"""A REFER that comes from either side: what we do for it, and what its sender hears. PB: what went wrong elsewhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import TRANSFERRED
from config.transfers import TransferRules, Transfers
from tests.b2bua.metaflows.refer_scene import PBX, US, referred, stage_of
from tests.b2bua.metaflows.stage import settled
from tests.fakes import in_no_time


@in_no_time
@pytest.mark.parametrize("by", ["a", "b"])
async def test_PB31_we_place_the_call_and_report_its_progress(by: str) -> None:
    stage = stage_of()
    talk = await stage.talk()
    sender, other = (talk.b, talk.a) if by == "b" else (talk.a, talk.b)
    sender.asks_transfer(f"<sip:1003@{US}>", "<sip:boss@pbx.example>")
    await settled()
    target = stage.dialer.legs[-1]
    assert target.dialed is not None
    assert (target.dialed.peer, target.dialed.number) == ("pbx", "1003")
    assert ("Referred-By", "<sip:boss@pbx.example>") in target.dialed.headers
    target.rings()
    target.answers()
    await settled()
    assert sender.notified() == [100, 180, 200]
    assert stage.mixer.hears(other, target)
    assert stage.events("transfer.completed")[0]["target"] == target.id


@in_no_time
async def test_PB34_bye_comes_only_after_the_last_notify_is_answered() -> None:
    talk, target = await referred(stage_of())
    target.answers()
    await settled()
    assert talk.b.hung_up is None
    await asyncio.sleep(3)
    assert talk.b.hung_up is None
    talk.b.answers_notify()
    await settled()
    assert talk.b.hung_up is None  # it may send BYE itself
    await asyncio.sleep(2.1)
    assert talk.b.hung_up == TRANSFERRED
    assert talk.call.legs == {talk.a, target}


@in_no_time
async def test_PB34_the_transferors_own_bye_does_not_end_the_others() -> None:
    talk, target = await referred(stage_of())
    target.answers()
    await settled()
    talk.b.answers_notify()
    talk.b.hangs_up()
    await asyncio.sleep(10)
    assert (talk.call.state, talk.a.hung_up, target.hung_up) == (CallState.TALKING, None, None)


@in_no_time
async def test_a_notify_that_nobody_answers_does_not_keep_the_transferor() -> None:
    talk, target = await referred(stage_of())
    target.answers()
    await asyncio.sleep(8)
    assert talk.b.state is LegState.ENDED


@in_no_time
@pytest.mark.parametrize("code", [486, 404, 603])
async def test_PB32_a_target_that_fails_leaves_the_two_together_and_says_so(code: int) -> None:
    stage = stage_of()
    talk, target = await referred(stage)
    target.hangs_up(code)
    await settled()
    assert talk.b.notified() == [100, code]
    assert stage.mixer.hears(talk.a, talk.b)
    assert talk.b.hung_up is None


@in_no_time
async def test_a_phone_that_hangs_up_at_once_has_transferred_all_the_same() -> None:
    stage = stage_of()
    talk, target = await referred(stage)
    talk.b.hangs_up()
    await settled()
    target.answers()
    await settled()
    assert stage.mixer.hears(talk.a, target)


@in_no_time
async def test_the_ring_time_of_a_refer_ends_too() -> None:
    talk, target = await referred(stage_of())
    await asyncio.sleep(61)
    assert (target.state, talk.b.notified()) == (LegState.ENDED, [100, 408])


@in_no_time
async def test_PB35_a_refer_back_to_its_own_side_goes_there_with_its_x_parameters() -> None:
    _, target = await referred(stage_of(), f"<sip:7777@{PBX};x-m=8:orgid;transport=tcp;X-t=1>")
    assert target.dialed is not None
    assert (target.dialed.peer, target.dialed.number, target.dialed.uri_params) == ("pbx", "7777", ";x-m=8:orgid;X-t=1")


@in_no_time
async def test_PB30_rules_refuse_before_anything_moves() -> None:
    stage = stage_of(Transfers(deny=("0900.*",), accounts={"a" * 32: TransferRules(deny=("00.*",))}))
    for number in ("09001234", "0044123", "0-900-1234"):
        talk, last = await referred(stage, f"<sip:{number}@{US}>")
        assert talk.b.notified() == [403]
        assert last is talk.b
        assert stage.mixer.hears(talk.a, talk.b)
    assert [event["code"] for event in stage.events("transfer.refused")] == [403] * 3


@in_no_time
@pytest.mark.parametrize(("answers", "fails", "allowed"), [
    (200, "closed", True), (204, "open", True), (403, "open", False), (500, "closed", False), (500, "open", True),
    (None, "closed", False), (None, "open", True)])
async def test_PB30_the_hook_decides_and_silence_forbids(answers: int | None, fails: Any, allowed: bool) -> None:
    asked: list[Any] = []

    async def ask(question: Any) -> int:
        asked.append(question)
        if answers is None:
            await asyncio.sleep(1000)
        return answers or 0

    stage = stage_of(Transfers(hook_fails=fails), ask)
    talk, _ = await referred(stage)
    await asyncio.sleep(3)
    assert talk.b.notified() == ([100] if allowed else [403])
    assert (asked[0]["target"], asked[0]["transferor"], asked[0]["transferee"]) == ("3001", "1001", "2000")


@in_no_time
async def test_PB34_a_call_is_transferred_only_so_often() -> None:
    stage = stage_of(Transfers(max_per_call=2))
    talk = await stage.talk()
    sender = talk.b
    for _ in range(2):
        sender.asks_transfer(f"<sip:1003@{US}>")
        await settled()
        sender = stage.dialer.legs[-1]
        sender.answers()
        await settled()
    assert sender.dialed is not None
    assert dict(sender.dialed.headers)["Max-Forwards"] == "68"
    sender.asks_transfer(f"<sip:1003@{US}>")
    await settled()
    assert sender.notified() == [482]


@in_no_time
async def test_one_transfer_at_a_time() -> None:
    talk, _ = await referred(stage_of())
    talk.a.asks_transfer(f"<sip:1003@{US}>")
    await settled()
    assert talk.a.notified() == [491]
