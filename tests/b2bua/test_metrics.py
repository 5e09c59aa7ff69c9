# SPDX-License-Identifier: GPL-3.0-or-later
"""Events become metrics, each counted once, with labels out of closed sets."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from b2bua.calls.digit import Source
from b2bua.calls.events import Event
from b2bua.metrics import Metrics, Readings

IN = {"direction": "inbound"}
ENDED = {**IN, "result": "busy", "reason": "486"}


class Board:
    """Metrics, and what they say."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)

    def tell(self, name: str, **fields: Any) -> None:
        self.metrics.heard(Event(name, 0.0, "call", "leg", "account", fields))

    def says(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"b2bua_{name}", labels) or 0.0

    def series(self) -> int:
        return sum(len(family.samples) for family in self.registry.collect())


@pytest.mark.parametrize(("name", "fields", "sample", "labels"), [
    ("call.started", IN, "calls_active", IN),
    ("call.answered", {**IN, "setup_s": 0.3}, "call_setup_seconds_count", IN),
    ("call.ended", {**IN, "result": "busy", "code": 486}, "calls_total", ENDED),
    ("call.refused", {"code": 404}, "calls_refused_total", {"reason": "404"}),
    ("call.failed", {}, "call_bugs_total", {}),
    ("digit.heard", {"source": Source.INFO.value, "latency_s": 0.001}, "digits_total", {"source": "info"}),
    ("collector.armed", {}, "collector_total", {"outcome": "armed"}),
    ("collector.matched", {"digits": 2}, "collector_total", {"outcome": "matched"}),
    ("collector.rejected", {}, "collector_total", {"outcome": "rejected"}),
    ("metaflow.ended", {"module": "hangup", "outcome": "done"}, "metaflows_total",
     {"module": "hangup", "outcome": "done"}),
    ("transfer.ended", {"method": "refer", "outcome": "done"}, "transfers_total",
     {"method": "refer", "outcome": "done"}),
    ("recording.started", {}, "recordings_total", {"outcome": "started"}),
    ("recording.stopped", {}, "recordings_total", {"outcome": "stopped"}),
    ("recording.failed", {}, "recordings_total", {"outcome": "failed"}),
])
def test_each_event_is_counted(name: str, fields: dict[str, Any], sample: str, labels: dict[str, str]) -> None:
    board = Board()
    board.tell(name, **fields)
    assert board.says(sample, **labels) == 1
    board.tell(name, **fields)
    assert board.says(sample, **labels) == 2


def test_a_call_that_ended_is_active_no_more() -> None:
    board = Board()
    board.tell("call.started", **IN)
    board.tell("call.ended", **IN, result="completed", code=200)
    assert board.says("calls_active", **IN) == 0


def test_loss_and_jitter_are_histograms_per_way() -> None:
    board = Board()
    board.tell("leg.media_ended", rx_lost=3, tx_lost=200, rx_jitter_s=0.004, tx_jitter_s=0.2)
    assert board.says("rtp_packets_lost_bucket", way="received", le="5.0") == 1
    assert board.says("rtp_packets_lost_bucket", way="sent", le="100.0") == 0
    assert board.says("rtp_jitter_seconds_sum", way="sent") == pytest.approx(0.2)


def test_codes_that_peers_make_up_do_not_make_series() -> None:
    board = Board()
    for code in range(2000):
        board.tell("call.ended", **IN, result="failed", code=code)
    assert board.says("calls_total", **IN, result="failed", reason="4xx") > 50
    assert board.says("calls_total", **IN, result="failed", reason="404") == 1
    assert board.series() < 200


def test_numbers_and_ids_of_calls_never_show() -> None:
    board = Board()
    secret = {"call_id": "sEcReT", "digits": "sEcReT", "peer": "sEcReT", "file": "sEcReT", "key": "sEcReT"}
    for name, fields in (("call.started", IN), ("collector.matched", {}), ("recording.started", {}),
                         ("digit.heard", {"source": "info", "latency_s": 0.001})):
        board.tell(name, **{**fields, **secret})
    assert b"sEcReT" not in generate_latest(board.registry)


def test_unknown_events_are_no_business_of_metrics() -> None:
    Board().tell("anything.happened", x=1)


def test_turns_of_the_loop_and_readings_of_others() -> None:
    board = Board()
    board.metrics.turn.observe(0.003)
    assert board.says("loop_turn_seconds_bucket", le="0.005") == 1
    frames = {"recorder": 0}
    board.registry.register(Readings({"b2bua_bank_overruns": ("text", lambda: dict(frames))},
                                     {"b2bua_legs": ("text", lambda: 4)}))
    frames["recorder"] = 7
    assert board.says("bank_overruns_total", reason="recorder") == 7
    assert board.says("legs") == 4
