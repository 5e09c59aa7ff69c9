# SPDX-License-Identifier: GPL-3.0-or-later
"""hangup: end the leg that typed, and thereby the call."""

from __future__ import annotations

from b2bua.calls.reason import METAFLOW_HANGUP
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data


class Hangup(Data):
    """End the leg at once."""


async def run(context: Context, data: Hangup) -> Report:
    """Hang up; the other leg follows by the call's own table."""
    context.leg.hangup(METAFLOW_HANGUP)
    return Report(Outcome.DONE)
