# SPDX-License-Identifier: GPL-3.0-or-later
"""What a session knows of one endpoint that has codes, and of the legs on which it listens for them. Plain data."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from b2bua.calls.directory import Endpoint
from b2bua.calls.leg import Leg
from b2bua.metaflows.codebook import Codes
from b2bua.metaflows.collector import Collector
from b2bua.metaflows.outlet import Press


@dataclass(slots=True, eq=False)
class Side:
    """One leg that a collector listens to, seen from its endpoint: `self` or `peer`.

    armed_s, last_s  when it armed, and when the last key went down; for the report of a code that only shadows
    """

    name: str
    leg: Leg
    kept: list[Press] = field(default_factory=list)
    armed_s: float = 0.0
    last_s: float = 0.0
    timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """No more time-outs."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True, eq=False)
class Listener:
    """One endpoint in this call; twice where some of its codes are live and some only shadow."""

    endpoint: Endpoint
    owner: Leg
    codes: Codes
    collector: Collector
    sides: dict[str, Side] = field(default_factory=dict)


def same_party(one: Endpoint, other: Endpoint | None) -> bool:
    """Is it the same device, or another device of the same user?"""
    if other is None or one.account_id != other.account_id or "account" in (one.kind, other.kind):
        return False
    return one.id == other.id or (one.owner_id is not None and one.owner_id == other.owner_id)
