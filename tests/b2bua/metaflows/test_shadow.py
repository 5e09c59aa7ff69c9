# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadow mode (E2): matched, counted and reported; nothing runs, nothing is withheld."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from b2bua.metaflows.documents import InvalidDocument, validate
from b2bua.metrics import Metrics
from tests.b2bua.metaflows.stage import Stage, settled
from tests.fakes import in_no_time

RECORD = {"module": "record_call", "data": {"action": "toggle"}}
HANGUP = {"module": "hangup"}


def metric(stage: Stage, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for event in stage.told:
        metrics.heard(event)
    return registry.get_sample_value(name, labels)


@in_no_time
async def test_E2_a_code_in_shadow_is_reported_and_does_not_run() -> None:
    stage = Stage(account={"mode": "shadow", "numbers": {"9": RECORD, "0": HANGUP}})
    talk = await stage.talk()
    talk.b.press("*0")
    await asyncio.sleep(2)
    assert stage.outcomes() == []
    assert stage.events("collector.") == []
    (told,) = stage.events("metaflow.shadowed")
    assert {key: told[key] for key in ("outcome", "module", "kind", "place", "digits", "listen")} == {
        "outcome": "matched", "module": "hangup", "kind": "numbers", "place": 2, "digits": 2, "listen": "self"}
    assert "key" not in told
    assert metric(stage, "b2bua_metaflows_shadowed_total", module="hangup", outcome="matched") == 1


@in_no_time
async def test_E2_digits_pass_at_once_and_untouched() -> None:
    stage = Stage(account={"mode": "shadow", "numbers": {"9": RECORD, "91": RECORD}})
    talk = await stage.talk()
    for typed, heard in (("*", "*"), ("9", "*9"), ("1", "*91"), ("**", "*91**")):
        talk.b.press(typed)
        await settled()
        assert talk.a.sent == heard


@in_no_time
async def test_E2_the_delay_that_a_code_would_have_added_is_told() -> None:
    stage = Stage(account={"mode": "shadow", "digit_timeout": 700, "numbers": {"9": RECORD, "91": RECORD}})
    talk = await stage.talk()
    talk.b.press("*")
    await asyncio.sleep(0.3)
    talk.b.press("9")
    await asyncio.sleep(2)
    talk.b.press("*91")
    await settled()
    delays = [event["delay_s"] for event in stage.events("metaflow.shadowed")]
    assert delays == [pytest.approx(0.7), pytest.approx(0.0)]


@in_no_time
async def test_E2_digits_that_would_have_been_withheld_in_vain_are_counted() -> None:
    stage = Stage(account={"mode": "shadow", "numbers": {"91": RECORD}})
    talk = await stage.talk()
    talk.b.press("*")
    await asyncio.sleep(0.5)
    talk.b.press("9")
    await asyncio.sleep(2)
    (told,) = stage.events("metaflow.shadowed")
    assert (told["outcome"], told["module"], told["reason"]) == ("rejected", "none", "no_code")
    assert told["delay_s"] == pytest.approx(1.3)
    assert metric(stage, "b2bua_metaflow_shadow_delay_seconds_sum", outcome="rejected") == pytest.approx(1.3)


@in_no_time
async def test_E2_one_code_may_shadow_while_the_others_work() -> None:
    stage = Stage(account={"numbers": {"9": RECORD, "0": {**HANGUP, "mode": "shadow"}}})
    talk = await stage.talk()
    talk.b.press("*0")
    await asyncio.sleep(2)
    assert talk.a.sent == "*0"
    assert [event["module"] for event in stage.events("metaflow.shadowed")] == ["hangup"]
    talk.b.press("*9")
    await settled()
    assert (talk.a.sent, stage.outcomes()) == ("*0", [("record_call", "started")])
    assert len(stage.events("metaflow.shadowed")) == 1


@in_no_time
async def test_E2_one_code_may_go_live_before_the_others() -> None:
    stage = Stage(account={"mode": "shadow", "numbers": {"9": {**RECORD, "mode": "live"}, "0": HANGUP}})
    talk = await stage.talk()
    talk.b.press("*9")
    await settled()
    assert (talk.a.sent, stage.outcomes()) == ("", [("record_call", "started")])


@in_no_time
async def test_E2_the_mode_is_inherited_and_a_user_may_differ() -> None:
    stage = Stage(account={"mode": "shadow", "numbers": {"9": RECORD}}, users={"u1": {"mode": "live"}})
    talk = await stage.talk(number="1001")
    talk.b.press("*9")
    await settled()
    assert stage.outcomes() == [("record_call", "started")]
    other = await stage.talk(number="1002")
    other.b.press("*9")
    await settled()
    assert (other.a.sent, len(stage.outcomes())) == ("*9", 1)


@in_no_time
async def test_E2_codes_of_both_sides_shadow_after_a_leg_is_replaced() -> None:
    stage = Stage(account={"numbers": {"9": RECORD, "0": {**HANGUP, "mode": "shadow"}}})
    talk = await stage.talk()
    heir = stage.dial(talk, "pbx", "1003")
    heir.answers()
    await settled()
    talk.call.replace(talk.b, heir)
    await settled()
    heir.press("*9")
    heir.press("*0")
    await asyncio.sleep(2)
    assert stage.outcomes() == [("record_call", "started")]
    assert [event["module"] for event in stage.events("metaflow.shadowed")] == ["hangup"]


@pytest.mark.parametrize("document", [{"mode": "off"}, {"numbers": {"1": {**HANGUP, "mode": "x"}}}])
def test_E2_the_mode_is_checked(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        validate(document)


def test_E2_the_mode_is_never_filled_in() -> None:
    sent = {"numbers": {"1": {**HANGUP, "data": {}, "mode": "shadow"}}}
    assert validate(sent).filled == {"binding_digit": "*", **sent}
    assert "mode" not in validate({"numbers": {"1": HANGUP}}).filled["numbers"]["1"]
