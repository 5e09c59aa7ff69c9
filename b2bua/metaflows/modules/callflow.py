# SPDX-License-Identifier: GPL-3.0-or-later
"""callflow: continue the caller's leg at another number."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from b2bua.calls.call import CallState
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.flow import Flow, FlowError, tree
from b2bua.metaflows.model import Data
from b2bua.metaflows.takeover import Takeover
from b2bua.metaflows.targets import of_number


class Callflow(Data):
    """Continue the caller's leg at another number, or run an inline flow on it."""

    captures: Annotated[str | list[str] | None, WithJsonSchema({"type": "string"})] = Field(
        None, description="the number, where there is no id")
    collected: str | None = Field(None, description="the number, where there are neither id nor captures")
    flow: dict[str, Any] | None = Field(None, description="the flow to run")
    id: str | None = Field(None, description="the number or callflow to continue at")


async def run(context: Context, data: Callflow) -> Report:
    """At a number: the two stay together until somebody answers there. An inline flow has the caller for itself."""
    call = context.call
    if call.state is not CallState.TALKING or call.b is None:
        return Report(Outcome.FAILED, "nobody talks yet")
    if call.is_guarded:
        return Report(Outcome.FAILED, "the parties are being moved already")
    if data.flow is not None:
        try:
            return await Flow(context).run(tree(data.flow))
        except FlowError as error:
            return Report(Outcome.FAILED, str(error))
    number = number_of(data)
    if number is None:
        return Report(Outcome.FAILED, "there is no number to go on at")
    refusal = await context.parts.permit.refusal(call, context.leg, number)
    if refusal is not None or call.is_guarded or call.is_over:
        return Report(Outcome.FAILED, refusal or "the call has changed meanwhile")
    targets = of_number(Context.of(call, call.a, context.parts), number, (call.a,))
    if not targets:
        return Report(Outcome.FAILED, "there is no route for this number")
    return await Takeover(call, context.parts, call.b, targets).run()


def number_of(data: Callflow) -> str | None:
    """`id`, else the first capture, else what was collected."""
    captures = data.captures if isinstance(data.captures, list) else [data.captures]
    return data.id or next((capture for capture in captures if capture), None) or data.collected or None
