# SPDX-License-Identifier: GPL-3.0-or-later
"""How often one may ask: a token bucket per client address and account, as KAZOO has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.sections import Rate

BUCKETS_MAX = 10_000  # (address, account) pairs remembered; the fullest go first
LOGIN_COST = 20  # a guess at an api key costs more than a question


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Buckets:
    """One bucket for each key."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate, self._clock = rate, clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, address: str, account_id: str, cost: int = 1) -> int | None:
        """What remains after paying; None when there is not enough. Without a limit always the whole bucket."""
        if self._rate.per_s <= 0:
            return self._rate.burst
        now = self._clock()
        bucket = self._buckets.get((address, account_id))
        if bucket is None:
            bucket = self._new(address, account_id, now)
        bucket.left = min(self._rate.burst, bucket.left + max(0.0, now - bucket.at_s) * self._rate.per_s)
        bucket.at_s = now
        if bucket.left < cost:
            return None
        bucket.left -= cost
        return int(bucket.left)

    def _new(self, address: str, account_id: str, now: float) -> _Bucket:
        if len(self._buckets) >= BUCKETS_MAX:
            fullest = sorted(self._buckets, key=lambda key: -self._buckets[key].left)[:BUCKETS_MAX // 2]
            for key in fullest:
                del self._buckets[key]
        bucket = self._buckets[address, account_id] = _Bucket(self._rate.burst, now)
        return bucket
