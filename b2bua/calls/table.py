# SPDX-License-Identifier: GPL-3.0-or-later
"""The core of a call as one table: (state, who, event) -> what to do. SIP thread.

Who is `a`, `b`, or `extra` for a leg that is not (or no more) of the pair. What the table does not name is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from b2bua.calls.leg import Answered, Ended, Leg, LegEvent, Progress

if TYPE_CHECKING:
    from b2bua.calls.call import Call


class CallState(StrEnum):
    """Where the conversation stands."""

    DIALING = "dialing"  # the other side is being called
    RINGING = "ringing"
    TALKING = "talking"
    ENDING = "ending"  # legs are being hung up
    ENDED = "ended"


def _ring(call: Call, leg: Leg, event: LegEvent) -> None:
    assert isinstance(event, Progress)
    call.state = CallState.RINGING
    call.a.ring(event.code, event.text, media=event.media, codecs=(leg.codec,) if leg.codec else ())
    if event.media:
        call.join()


def _answer(call: Call, leg: Leg, event: LegEvent) -> None:
    call.begin_talk()
    assert call.answered_s is not None
    call.a.answer(codecs=(leg.codec,) if leg.codec else ())
    call.join()
    call.publish("call.answered", leg_id=leg.id, direction=call.direction, setup_s=call.answered_s - call.began_s)
    call.ears.changed()


def _end(call: Call, leg: Leg, event: LegEvent) -> None:
    assert isinstance(event, Ended)
    call.end(event.reason)


TABLE: dict[tuple[CallState, str, type], Callable[[Call, Leg, LegEvent], None]] = {
    (CallState.DIALING, "b", Progress): _ring,
    (CallState.RINGING, "b", Progress): _ring,
    (CallState.DIALING, "b", Answered): _answer,
    (CallState.RINGING, "b", Answered): _answer,
    (CallState.DIALING, "a", Ended): _end,
    (CallState.RINGING, "a", Ended): _end,
    (CallState.TALKING, "a", Ended): _end,
    (CallState.DIALING, "b", Ended): _end,
    (CallState.RINGING, "b", Ended): _end,
    (CallState.TALKING, "b", Ended): _end,
}
