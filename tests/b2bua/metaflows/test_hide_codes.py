# SPDX-License-Identifier: GPL-3.0-or-later
"""What the far party hears while somebody types."""

from __future__ import annotations

import asyncio

import pytest

from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import in_no_time

CODES = {"numbers": {"9": {"module": "record_call"}, "12": {"module": "record_call"}}}


@in_no_time
async def test_B29_the_far_party_hears_neither_binding_digit_nor_code() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    await talk.b.type("5*9*127")
    await asyncio.sleep(1)
    assert talk.a.sent == "57"
    assert stage.outcomes() == [("record_call", "started"), ("record_call", "stopped")]


@in_no_time
async def test_F58_codes_are_heard_where_hide_codes_is_off() -> None:
    stage = Stage(devices={"1001": {**CODES, "hide_codes": False}})
    talk = await stage.talk()
    await talk.b.type("*9**")
    await asyncio.sleep(1)
    assert talk.a.sent == "*9**"
    assert stage.outcomes() == [("record_call", "started")]


@in_no_time
async def test_a_key_that_comes_up_after_its_code_matched_is_not_forwarded() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    talk.b.press("*")
    talk.b.down("9")
    await settled()
    assert stage.outcomes() == [("record_call", "started")]
    talk.b.up("9", 400)
    await asyncio.sleep(2)
    assert talk.a.sent == ""


@in_no_time
async def test_digits_that_were_no_code_are_given_back_once_in_their_rhythm() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for digit, length_ms, pause_s in (("*", 80, 0.3), ("1", 200, 0.5)):
        talk.b.down(digit)
        await asyncio.sleep(length_ms / 1000)
        talk.b.up(digit, length_ms)
        await asyncio.sleep(pause_s)
    assert talk.a.digits == []
    await asyncio.sleep(2)
    (first, first_ms, first_s), (second, second_ms, second_s) = talk.a.digits
    assert (first, first_ms, second, second_ms) == ("*", 80, "1", 200)
    assert second_s - first_s == pytest.approx(0.38)
    assert first_s == pytest.approx(began_s + 0.38 + 0.8)  # 800 ms after the last press
    assert stage.events("collector.rejected")[0]["held_s"] == pytest.approx(0.38 + 0.8)


@in_no_time
async def test_what_is_pressed_meanwhile_waits_behind_what_is_given_back() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    talk.b.press("*")
    await asyncio.sleep(0.5)
    talk.b.press("5")  # no code begins so: rejected at once
    await asyncio.sleep(0.1)
    talk.b.press("6")
    assert talk.a.sent == "*"
    await asyncio.sleep(0.45)
    assert talk.a.sent == "*5"
    await asyncio.sleep(1)
    assert talk.a.sent == "*56"


@in_no_time
async def test_a_rejected_key_that_is_still_down_leaves_when_it_comes_up() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    talk.b.press("*")
    talk.b.down("5")
    await settled()
    assert talk.a.sent == "*"
    await asyncio.sleep(0.6)
    talk.b.up("5", 600)
    assert talk.a.digits[1][:2] == ("5", 600)


@in_no_time
async def test_doubling_the_binding_digit_sends_one() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    await talk.b.type("**9")
    await asyncio.sleep(1)
    assert talk.a.sent == "*9"
    assert stage.outcomes() == []


@in_no_time
async def test_hook_flash_passes_even_while_a_code_is_typed() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    talk.b.press("!")
    assert talk.a.sent == "!"
    talk.b.press("*!9")
    await asyncio.sleep(1)
    assert talk.a.sent == "!!"
    assert stage.outcomes() == [("record_call", "started")]


@in_no_time
async def test_F52_B5_a_digit_just_at_the_deadline_is_harmless() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    talk.b.press("*1")
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 0.8, talk.b.press, "9")
    await asyncio.sleep(2)
    assert talk.a.sent == "*19"
    talk.b.press("*9")
    await settled()
    assert stage.outcomes() == [("record_call", "started")]


@in_no_time
async def test_what_is_held_when_the_peer_is_replaced_goes_to_the_new_peer() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    talk.b.press("*1")
    target = stage.dial(talk, "trunk", "3000")
    talk.call.replace(talk.a, target)
    target.answers()
    await asyncio.sleep(2)
    assert (talk.a.sent, target.sent) == ("", "*1")


@in_no_time
async def test_a_call_that_ends_while_digits_are_given_back_leaves_no_timer() -> None:
    stage = Stage(devices={"1001": CODES})
    talk = await stage.talk()
    talk.b.press("*")
    await asyncio.sleep(0.5)
    talk.b.press("5")
    talk.a.hangs_up()
    await asyncio.sleep(2)
    assert talk.a.sent == "*"
    assert stage.exchange.calls == {}
