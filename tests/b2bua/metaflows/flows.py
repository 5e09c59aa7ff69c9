# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a flow on a fake call, and seeing it to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from b2bua.metaflows.context import Report
from b2bua.metaflows.executor import report_node
from tests.b2bua.metaflows.stage import Stage, Talk, settled
from tests.fakes import FakeLeg


async def started(stage: Stage, node: Mapping[str, Any]) -> tuple[Talk, asyncio.Task[Report]]:
    """2000 talks to 1001; the node runs for the API."""
    talk = await stage.talk()
    run = asyncio.create_task(report_node(talk.call, talk.b, node, stage.parts))
    await settled()
    return talk, run


def callflow(**data: Any) -> dict[str, Any]:
    """The node."""
    return {"module": "callflow", "data": data}


def chain(*steps: dict[str, Any]) -> dict[str, Any]:
    """A flow of these steps, one the child of the other."""
    node: dict[str, Any] = {}
    for step in reversed(steps):
        node = {**step, "children": {"_": node} if node else {}}
    return node


async def ended(stage: Stage, talk: Talk, run: asyncio.Task[Report]) -> str:
    """The outcome; everybody who is left then hangs up, and nothing may remain."""
    report = await run
    for leg in list(talk.call.legs):
        assert isinstance(leg, FakeLeg)
        leg.hangs_up()
    await settled()
    assert stage.exchange.calls == {}
    assert not any(stage.hears(leg) for leg in (talk.a, talk.b))
    return report.outcome.value
