# SPDX-License-Identifier: GPL-3.0-or-later
"""Events become Prometheus metrics. Labels come from closed sets only: never a number, a URI or a call id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from b2bua.calls.events import Event

_CODES = frozenset((  # a peer may send any number: others are counted as 4xx and the like
    200, 202, 300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415, 416, 420, 421,
    422, 423, 480, 481, 482, 483, 484, 485, 486, 487, 488, 491, 493, 500, 501, 502, 503, 504, 505, 513, 580, 600, 603,
    604, 606, 607))
_RECORDINGS = ("started", "stopped", "failed", "paused", "resumed", "stored", "discarded", "expired", "uploaded",
               "upload_failed")
_SETUP_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)
_TURN_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1)
_LATENCY_S = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.2, 0.5)
_LOST = (0, 1, 2, 5, 10, 20, 50, 100, 500, 1000)
_JITTER_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


class Presses:
    """How many, by what, how quickly, and whether two transports agree."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter("b2bua_digits", "Presses heard", ["source"], registry=registry)
        self._latency = Histogram("b2bua_digit_latency_seconds", "From an event's first packet or a tone's onset to "
                                  "digit.heard", ["source"], buckets=_LATENCY_S, registry=registry)
        self._disagreements = Counter("b2bua_digit_disagreements", "Presses that two transports of a leg told "
                                      "differently", ["peer"], registry=registry)

    def heard(self, f: dict[str, Any]) -> None:
        """From digit.heard."""
        self._count.labels(str(f["source"])).inc()
        self._latency.labels(str(f["source"])).observe(f["latency_s"])

    def disagree(self, peer: str) -> None:
        """About one press of a leg of this peer (a name of the configuration)."""
        self._disagreements.labels(peer).inc()


class Metrics:
    """Subscribe `heard` to the events of the exchange."""

    def __init__(self, registry: CollectorRegistry) -> None:
        r = registry
        self._active = Gauge("b2bua_calls_active", "Calls in progress", ["direction"], registry=r)
        self._calls = Counter("b2bua_calls", "Calls that have ended", ["direction", "result", "reason"], registry=r)
        self._setup = Histogram("b2bua_call_setup_seconds", "INVITE to answer", ["direction"], buckets=_SETUP_S,
                                registry=r)
        self.presses = Presses(r)
        self._collector = Counter("b2bua_collector", "What collectors did", ["outcome"], registry=r)
        self._metaflows = Counter("b2bua_metaflows", "Metaflow modules run", ["module", "outcome"], registry=r)
        self._shadowed = Counter("b2bua_metaflows_shadowed", "Codes in shadow mode: what would have run, or would "
                                 "have withheld digits in vain", ["module", "outcome"], registry=r)
        self._shadow_delay = Histogram("b2bua_metaflow_shadow_delay_seconds", "Delay that codes in shadow mode would "
                                       "have added", ["outcome"], buckets=_SETUP_S, registry=r)
        self._transfers = Counter("b2bua_transfers", "Transfers", ["method", "outcome"], registry=r)
        self._recordings = Counter("b2bua_recordings", "Recordings", ["outcome"], registry=r)
        self._masks = Counter("b2bua_masks", "Masks for card data", ["turned"], registry=r)
        self._refused = Counter("b2bua_calls_refused", "Calls refused by routing or limits", ["reason"], registry=r)
        self._bugs = Counter("b2bua_call_bugs", "Calls ended by an error of ours", registry=r)
        self._lost = Histogram("b2bua_rtp_packets_lost", "RTP packets lost per leg", ["way"], buckets=_LOST, registry=r)
        self._jitter = Histogram("b2bua_rtp_jitter_seconds", "Mean jitter per leg", ["way"], buckets=_JITTER_S,
                                 registry=r)
        self.turn = Histogram("b2bua_loop_turn_seconds", "Time between two polls of SIP", buckets=_TURN_S, registry=r)
        self._actions: dict[str, Callable[[dict[str, Any]], None]] = {
            "call.started": lambda f: self._active.labels(f["direction"]).inc(),
            "call.answered": lambda f: self._setup.labels(f["direction"]).observe(f["setup_s"]),
            "call.ended": self._ended,
            "call.refused": lambda f: self._refused.labels(_code(f["code"])).inc(),
            "call.failed": lambda f: self._bugs.inc(),
            "digit.heard": self.presses.heard,
            "collector.armed": lambda f: self._collector.labels("armed").inc(),
            "collector.matched": lambda f: self._collector.labels("matched").inc(),
            "collector.rejected": lambda f: self._collector.labels("rejected").inc(),
            "metaflow.ended": lambda f: self._metaflows.labels(f["module"], f["outcome"]).inc(),
            "metaflow.shadowed": self._shadow,
            "transfer.ended": lambda f: self._transfers.labels(f["method"], f["outcome"]).inc(),
            **{f"recording.{outcome}": self._recording(outcome) for outcome in _RECORDINGS},
            "call.masked": lambda f: self._masks.labels("on").inc(),
            "call.unmasked": lambda f: self._masks.labels("off").inc(),
            "leg.media_ended": self._media,
        }

    def heard(self, event: Event) -> None:
        """Count it."""
        action = self._actions.get(event.name)
        if action is not None:
            action(dict(event.fields))

    def _recording(self, outcome: str) -> Callable[[dict[str, Any]], None]:
        return lambda f: self._recordings.labels(outcome).inc()

    def _ended(self, f: dict[str, Any]) -> None:
        self._active.labels(f["direction"]).dec()
        self._calls.labels(f["direction"], f["result"], _code(f["code"])).inc()

    def _shadow(self, f: dict[str, Any]) -> None:
        self._shadowed.labels(f["module"], f["outcome"]).inc()
        self._shadow_delay.labels(f["outcome"]).observe(f["delay_s"])

    def _media(self, f: dict[str, Any]) -> None:
        self._lost.labels("received").observe(f["rx_lost"])
        self._jitter.labels("received").observe(f["rx_jitter_s"])
        self._lost.labels("sent").observe(f["tx_lost"])
        self._jitter.labels("sent").observe(f["tx_jitter_s"])


def _code(code: int) -> str:
    return str(code) if code in _CODES else f"{min(code // 100, 9)}xx"


class Readings:
    """Numbers that others keep and that are read when somebody asks: gate, bank, loop. A Prometheus collector."""

    def __init__(self, counters: dict[str, tuple[str, Callable[[], dict[str, float]]]],
                 gauges: dict[str, tuple[str, Callable[[], float]]]) -> None:
        self._counters = counters
        self._gauges = gauges

    def describe(self) -> list[Any]:
        """Nothing: keeps registration from reading values too early."""
        return []

    def collect(self) -> list[Any]:
        """Read them all."""
        families: list[Any] = []
        for name, (text, read) in self._counters.items():
            family = CounterMetricFamily(name, text, labels=["reason"])
            for reason, value in read().items():
                family.add_metric([reason], value)
            families.append(family)
        for name, (text, read_gauge) in self._gauges.items():
            families.append(GaugeMetricFamily(name, text, value=read_gauge()))
        return families
