# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a code: its module, then the child that its outcome names, and so on (A.6). SIP thread.

A parent has ended before its child starts. Codes of one call run one after another. Whatever a module does, the call
and its collectors stay whole: a bug ends that code with the outcome `error`. Nothing is silent: every node tells its
start and its end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg
from b2bua.metaflows.context import Context, Outcome, Parts, Report
from b2bua.metaflows.modules import MODULES
from b2bua.metaflows.schema import Node

log = logging.getLogger(__name__)

MAX_QUEUE = 16  # codes that wait while one runs; more are refused with metaflow.ended
_NO_CHILD = frozenset((Outcome.UNAVAILABLE, Outcome.ERROR, Outcome.CANCELLED))
_CALL_ENDED = Report(Outcome.CANCELLED, "the call ended")


class Executor:
    """Runs the codes of one call, in the order in which they were typed."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._waiting: deque[tuple[Node, Context]] = deque()
        self._running = False

    def submit(self, node: Node, context: Context) -> None:
        """Run this as soon as what was typed before has been done."""
        if self._call.is_over:
            return
        module = MODULES.get(node.module)
        if module is not None and module.at_once:
            self._call.task(_at_once(node, context), "metaflow")
            return
        if len(self._waiting) >= MAX_QUEUE:
            _publish_end(node, context, Report(Outcome.FAILED, f"{MAX_QUEUE} codes are waiting already"), 0.0)
            return
        self._waiting.append((node, context))
        if not self._running:
            self._running = True
            self._call.task(self._work(), "metaflows")

    async def _work(self) -> None:
        try:
            while self._waiting:
                await run_tree(*self._waiting.popleft())
        finally:
            self._running = False
            while self._waiting:  # the call has ended
                _publish_end(*self._waiting.popleft(), _CALL_ENDED, 0.0)


async def _at_once(node: Node, context: Context) -> None:
    await run_tree(node, context)


async def report_node(call: Call, leg: Leg, node: Mapping[str, Any], parts: Parts) -> Report:
    """For the API: run a whole (valid) node tree on a live leg, at once; how its first module ended, and why.

    It belongs to the call: hang-up cancels it (outcome `cancelled`), the caller's own cancellation does not.
    """
    if call.is_over:
        return _CALL_ENDED
    reports: list[Report] = []

    async def work() -> None:
        reports.append(await run_tree(Node.model_validate(node), Context.of(call, leg, parts)))

    await asyncio.wait([call.task(work(), "metaflow by API")])
    return reports[0] if reports else _CALL_ENDED


async def run_tree(node: Node, context: Context) -> Report:
    """Run a node and what follows it; returns the report of the first."""
    first = report = await _run(node, context)
    child = _next(node, report)
    while child is not None and not context.call.is_over:
        report = await _run(child, context)
        child = _next(child, report)
    return first


def _next(node: Node, report: Report) -> Node | None:
    """The child named after the outcome, else `_`."""
    if report.outcome in _NO_CHILD or not node.children:
        return None
    return node.children.get(report.outcome.value) or node.children.get("_")


async def _run(node: Node, context: Context) -> Report:
    began_s = time.monotonic()
    context.call.publish("metaflow.started", leg_id=context.leg.id, module=label(node))
    report = _CALL_ENDED
    try:
        report = await _guarded(node, context)
    finally:
        _publish_end(node, context, report, time.monotonic() - began_s)
    return report


async def _guarded(node: Node, context: Context) -> Report:
    """The barrier: whatever a module raises ends this code only."""
    module = MODULES.get(node.module)
    if module is None or module.run is None:
        return Report(Outcome.UNAVAILABLE, f"the module {node.module} is not available yet")
    data = dict(node.data)
    if context.captures is not None:
        data |= {"captures": list(context.captures), "collected": context.collected}
    try:
        return await module.run(context, module.model.model_validate(data))
    except ValidationError as error:
        keys = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        return Report(Outcome.ERROR, f"unusable data: {keys}")
    except Exception as error:
        log.exception("module %s of call %s failed", node.module, context.call.id)
        return Report(Outcome.ERROR, f"internal error ({type(error).__name__})")


def label(node: Node) -> str:
    """The module's name out of a closed set: it becomes a label of metrics."""
    return node.module if node.module in MODULES else "unknown"


def _publish_end(node: Node, context: Context, report: Report, duration_s: float) -> None:
    call, leg = context.call, context.leg
    if report.outcome is Outcome.UNAVAILABLE:
        log.warning("call %s: %s", call.id, report.reason)
    call.publish("metaflow.ended", leg_id=leg.id, module=label(node), outcome=report.outcome.value,
                 reason=report.reason, duration_s=duration_s)
    failed = report.outcome in (Outcome.FAILED, Outcome.UNAVAILABLE, Outcome.ERROR)
    if failed and context.feedback and context.parts.tones is not None and not call.is_over:
        context.parts.tones.rejected(leg)
