# SPDX-License-Identifier: GPL-3.0-or-later
"""One press heard by several transports counts once; presses whose end is lost are released by silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.digit import Source
from b2bua.calls.keys import SILENCE_S, Keys
from b2bua.calls.leg import LegEvent, Pressed, Released
from tests.fakes import FlyingLoop, in_no_time

RFC, INFO, INBAND = Source.RFC4733, Source.INFO, Source.INBAND


def keys() -> tuple[Keys, Callable[[], list[str]]]:
    """Keys that fuse within 150 ms, and what they told since the last look: `+1` down, `-1/100` up after 100 ms."""
    told: list[LegEvent] = []

    def look() -> list[str]:
        shown = [f"-{event.digit.digit}/{event.duration_ms}" if isinstance(event, Released) else f"+{event.digit.digit}"
                 for event in told if isinstance(event, (Pressed, Released))]
        told.clear()
        return shown

    return Keys(told.append, asyncio.get_running_loop(), 150), look


@in_no_time
async def test_a_press_is_told_down_and_up_with_the_longest_duration_reported() -> None:
    one, told = keys()
    one.begin("5", RFC, 20)
    assert told() == ["+5"]
    one.update(RFC, 60)
    one.update(RFC, 40)
    one.end(RFC, 0)
    assert told() == ["-5/60"]


@in_no_time
async def test_where_nobody_states_a_duration_the_clock_does() -> None:
    one, told = keys()
    one.begin("5", INBAND)
    await asyncio.sleep(0.2)
    one.end(INBAND, 0)
    one.begin("6", INBAND)
    one.end(INBAND, 0)
    assert told() == ["+5", "-5/200", "+6", "-6/40"]


@in_no_time
async def test_the_same_press_by_two_transports_counts_once_in_either_order() -> None:
    one, told = keys()
    one.begin("5", RFC)
    one.whole("5", INFO, 250)
    one.end(RFC, 100)
    assert told() == ["+5", "-5/100"]
    await asyncio.sleep(1)
    one.whole("5", INFO, 250)
    await asyncio.sleep(0.1)
    one.begin("5", RFC, 20)
    one.update(RFC, 40)
    one.end(RFC, 100)
    assert told() == ["+5", "-5/250"]


@in_no_time
async def test_three_transports_are_one_press_too() -> None:
    one, told = keys()
    one.whole("5", INFO, 250)
    one.begin("5", RFC)
    one.begin("5", INBAND)
    assert told() == ["+5", "-5/250"]


@in_no_time
async def test_a_second_transport_later_than_the_limit_is_another_press() -> None:
    one, told = keys()
    one.whole("5", RFC, 100)
    await asyncio.sleep(0.16)
    one.whole("5", INFO, 100)
    assert told() == ["+5", "-5/100"] * 2


@in_no_time
async def test_the_same_digit_twice_by_both_transports_is_two_presses() -> None:
    one, told = keys()
    for _ in range(2):
        one.whole("1", RFC, 60)
        await asyncio.sleep(0.02)
        one.whole("1", INFO, 60)
        await asyncio.sleep(0.08)
    assert told() == ["+1", "-1/60"] * 2


@in_no_time
async def test_another_digit_within_the_limit_is_not_fused() -> None:
    one, told = keys()
    one.begin("1", RFC)
    one.whole("2", INFO, 50)
    assert told() == ["+1", "-1/40", "+2", "-2/50"]


@in_no_time
async def test_a_lost_end_is_released_by_silence_and_updates_put_it_off() -> None:
    one, told = keys()
    one.begin("5", RFC, 20)
    for duration_ms in (200, 400):
        await asyncio.sleep(SILENCE_S - 0.1)
        one.update(RFC, duration_ms)
    assert told() == ["+5"]
    await asyncio.sleep(SILENCE_S + 0.01)
    assert told() == ["-5/400"]
    one.end(RFC, 500)
    assert told() == []


@in_no_time
async def test_reports_of_a_transport_that_did_not_begin_the_press_change_nothing() -> None:
    one, told = keys()
    one.update(RFC, 100)
    one.end(RFC, 100)
    one.begin("5", RFC)
    one.update(INBAND, 900)
    one.end(INBAND, 900)
    assert told() == ["+5"]
    one.end(RFC, 100)
    assert told() == ["-5/100"]


@in_no_time
async def test_a_leg_that_has_gone_holds_no_key_down_and_presses_no_other() -> None:
    one, told = keys()
    one.begin("5", RFC)
    one.close()
    await asyncio.sleep(1)
    one.whole("6", INFO, 100)
    assert told() == ["+5", "-5/40"]  # the key that was down came up with it


reports = st.tuples(st.sampled_from(["begin", "update", "end", "whole", "wait"]), st.sampled_from("12"),
                    st.sampled_from([RFC, INFO, INBAND]), st.integers(0, 400))


@given(st.lists(reports, max_size=40))
def test_whatever_is_reported_every_key_goes_down_and_then_up(steps: list[tuple[str, str, Source, int]]) -> None:
    async def walk() -> list[str]:
        one, told = keys()
        for verb, digit, source, number in steps:
            if verb == "wait":
                await asyncio.sleep(number / 1000)
            elif verb in ("begin", "whole"):
                getattr(one, verb)(digit, source, number)
            else:
                getattr(one, verb)(source, number)
        await asyncio.sleep(SILENCE_S + 0.01)
        return told()

    with asyncio.Runner(loop_factory=FlyingLoop) as runner:
        shown = runner.run(walk())
    assert [item[0] for item in shown] == ["+", "-"] * (len(shown) // 2)
    assert all(down[1] == up[1] for down, up in zip(shown[::2], shown[1::2], strict=True))


@in_no_time
async def test_a_second_transport_may_be_late_by_a_press() -> None:
    one, told = keys()
    one.whole("1", RFC, 50)
    await asyncio.sleep(0.09)
    one.begin("2", RFC)
    one.whole("1", INFO, 50)  # of the press before
    one.whole("2", INFO, 50)
    one.end(RFC, 50)
    assert told() == ["+1", "-1/50", "+2", "-2/50"]


@in_no_time
async def test_transports_that_disagree_are_counted() -> None:
    count: list[None] = []
    one = Keys(lambda event: None, asyncio.get_running_loop(), 150, lambda: count.append(None))
    one.whole("1", RFC, 50)
    one.whole("7", INFO, 50)
    assert len(count) == 1
    await asyncio.sleep(0.5)
    one.whole("8", RFC, 50)
    assert len(count) == 1
