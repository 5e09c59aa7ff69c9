# SPDX-License-Identifier: GPL-3.0-or-later
"""relate: who hears whom in a three-way call, such as `merge_dtmf` of an attended transfer makes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.calls.conference import Conference
from b2bua.calls.leg import Leg
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.model import Data

THIS = "this"  # instead of an id: the conference of the call that the code or the API names


class Relate(Data):
    """Set what one participant of a three-way call hears of another."""

    conference_id: str = Field(description="which three-way call")
    other_participant: str | int = Field(description="whom it concerns")
    participant_id: str | int = Field(description="who shall hear or be heard")
    relationship: Literal["deaf", "clear", "mute"] = Field("clear", description="deaf: hears not; mute: is not heard")


async def run(context: Context, data: Relate) -> Report:
    """Participants are legs by Call-ID or number, or 1, 2, 3: transferor, transferee, target."""
    conference = context.call.conference
    if conference is None or data.conference_id not in (context.call.id, THIS):
        return Report(Outcome.FAILED, "this call has no such conference")
    one, other = (_participant(conference, name) for name in (data.participant_id, data.other_participant))
    if one is None or other is None or one is other:
        return Report(Outcome.FAILED, "participant_id and other_participant are not two participants of it")
    conference.relate(one, other, data.relationship)
    return Report(Outcome.DONE)


def _participant(conference: Conference, name: str | int) -> Leg | None:
    for index, leg in enumerate(conference.legs, 1):
        if str(name) in (leg.id, leg.number, str(index)):
            return leg
    return None
