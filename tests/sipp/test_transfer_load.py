# SPDX-License-Identifier: GPL-3.0-or-later
"""The short form of `make bench-transfers`."""

from __future__ import annotations

from tests.load.transfers import Load, measure


def test_transfers_at_a_rate_beside_standing_calls_strand_no_leg_and_leak_nothing() -> None:
    assert measure(Load.quick()) == 0
