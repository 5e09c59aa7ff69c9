# SPDX-License-Identifier: GPL-3.0-or-later
"""resume: bring the two parties together again."""

from __future__ import annotations

from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.holding import resume
from b2bua.metaflows.model import Data


class Resume(Data):
    """Bring the two parties together again, after hold or out of a transfer."""


async def run(context: Context, data: Resume) -> Report:
    """The pair hears each other again; where nothing keeps them apart it does nothing (F72)."""
    resume(context.call)
    return Report(Outcome.DONE)
