# SPDX-License-Identifier: GPL-3.0-or-later
"""transfer: send the other party elsewhere and let go of the one that typed.

Here is the choice of the number and of the kind; what is done is in `blind` and `attended`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from b2bua.calls.call import CallState
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data, extension
from b2bua.metaflows.modules.attended import Attended
from b2bua.metaflows.modules.blind import Blind
from b2bua.metaflows.modules.errand import Errand
from b2bua.metaflows.modules.wishes import Wishes
from b2bua.metaflows.permit import ForbiddenError

SENTINEL = "no_match"  # KAZOO's stored default of `captures`: nothing was captured
RING_S = 20.0  # [s] KAZOO's default_target_timeout, in the unit it was meant in (B12)


class Transfer(Data):
    """Connect the other party with somebody else."""

    captures: Annotated[list[str] | str | None, WithJsonSchema({"type": "array", "items": {"type": "string"}})] = Field(
        ["no_match"], description="what the pattern caught: the first is the number")
    leg: str | None = Field(None, description="which leg is moved: self or bleg; default: the other party's")
    target: str | None = Field(None, description="the number, where nothing was captured")
    timeout: int | None = Field(None, description="seconds that the target may ring; default 20")
    transfer_type: Literal["attended", "blind"] = Field("blind", description="attended: talk to the target first")
    takeback_dtmf: str | None = extension(None, description="digits that call an attended transfer off; default *1")
    merge_dtmf: str | None = extension(None, description="digits that let all three talk, and back again; default *3")
    moh: str | None = extension(None, description="what the moved party hears meanwhile")
    ringback: str | None = extension(None, description="what the one who transfers hears while it rings")


def number_of(data: Transfer) -> str | None:
    """The number to call: a real capture, else the target, else none."""
    captures: Any = [data.captures] if isinstance(data.captures, str) else data.captures or []
    if captures and captures[0] and captures[0] != SENTINEL:
        return str(captures[0])
    return data.target if data.target and data.target != SENTINEL else None


async def run(context: Context, data: Transfer) -> Report:
    """Transfer of the other party; whatever fails leaves the two where they were."""
    call, number = context.call, number_of(data)
    if number is None:
        return Report(Outcome.FAILED, "there is no number to transfer to")
    if call.state is not CallState.TALKING or context.peer is None:
        return Report(Outcome.FAILED, "there is nobody to transfer")
    if call.is_guarded:
        return Report(Outcome.FAILED, "another transfer is going on")
    try:
        await context.parts.permit.check(call, context.leg, number)
    except ForbiddenError as forbidden:
        return Report(Outcome.FAILED, str(forbidden))
    if call.is_guarded or call.is_over or context.peer is None:
        return Report(Outcome.FAILED, "the call has changed meanwhile")
    transferor, transferee = context.leg, context.peer
    if data.leg == "self":
        transferor, transferee = transferee, transferor
    ring_s = float(data.timeout) if data.timeout and data.timeout > 0 else RING_S
    errand = Errand.of(context, transferor, transferee, number, ring_s)
    call.transfers += 1
    if data.transfer_type == "attended":
        return await Attended(errand, _wishes(data)).run()
    return await Blind(errand).run()


def _wishes(data: Transfer) -> Wishes:
    usual = Wishes()
    return Wishes(usual.takeback if data.takeback_dtmf is None else data.takeback_dtmf,
                  usual.merge if data.merge_dtmf is None else data.merge_dtmf, data.moh, data.ringback)
