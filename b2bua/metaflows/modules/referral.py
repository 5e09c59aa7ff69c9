# SPDX-License-Identifier: GPL-3.0-or-later
"""One REFER of ours, until it is known what became of it: the answer, then the NOTIFYs (RFC 3515). SIP thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from b2bua.calls.leg import Ended, Leg, LegEvent, ReferProgress
from b2bua.calls.replaces import DialogId, Replaces
from b2bua.metaflows.modules.errand import BUSY, NO_ANSWER, Errand

PROVIDE_REFERRER = 429  # RFC 3892 §5: say who asks


class WayClosedError(Exception):
    """This way is closed; the text says why.

    code  the SIP code that closed it
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Came(StrEnum):
    """What a REFER came to."""

    MOVED = "moved"  # its leg talks to the target now
    LEFT = "left"  # its leg hung up before it had agreed
    UNANSWERED = "unanswered"  # the target could not be had


@dataclass(frozen=True, slots=True)
class Verdict:
    """What it came to, and the SIP code and text that said so."""

    came: Came
    code: int
    text: str = ""


async def refer(errand: Errand, leg: Leg, target: str, next_event: Callable[[], Awaitable[LegEvent]]) -> Verdict:
    """Ask a leg's far end to call `target`, and wait for what becomes of it; `next_event` gives that leg's events.

    Raises WayClosedError where it refuses, or says nothing in time: then another way may be tried.
    """
    asked_again, accepted = False, False
    leg.refer(target)
    try:
        async with asyncio.timeout(errand.parts.peers[leg.peer].refer_timeout_s):
            while True:
                event = await next_event()
                if isinstance(event, Ended):
                    return Verdict(Came.MOVED if accepted else Came.LEFT, event.reason.code)
                if not isinstance(event, ReferProgress):
                    continue
                if event.notified and event.final:
                    return _notified(event)
                if event.code == PROVIDE_REFERRER and not asked_again:
                    asked_again = True
                    leg.refer(target, [errand.referrer()])
                elif event.code >= 300 and not event.notified:
                    raise WayClosedError(event.code, f"the REFER was refused with {event.code}")
                else:
                    accepted = accepted or event.notified or event.code >= 200
    except TimeoutError:
        raise WayClosedError(408, "no final NOTIFY in time") from None


def _notified(event: ReferProgress) -> Verdict:
    """The final NOTIFY says what became of the call to the target."""
    if 200 <= event.code < 300:
        return Verdict(Came.MOVED, event.code)
    if event.code in BUSY | NO_ANSWER:
        return Verdict(Came.UNANSWERED, event.code, event.text)
    raise WayClosedError(event.code, f"the REFER came to {event.code}")


def with_replaces(target: str, leg: Leg, dialog: DialogId, peer: str) -> str:
    """A target that takes the place of this leg's partner (RFC 3891), for `peer`; the tags as the leg's far end sees
    them."""
    leg.granted_to.add(peer)
    return replacing(target, Replaces(dialog.call_id, dialog.remote_tag, dialog.local_tag))


def replacing(target: str, replaces: Replaces) -> str:
    """A Refer-To whose INVITE takes this dialog's place."""
    return f"{target}?Replaces={quote(str(replaces), safe='')}"


def may_hand_over(errand: Errand, target: Leg) -> bool:
    """Should transferee and target be asked to talk without us (REFER with Replaces)?

    auto: where it worked or was never tried, both are on one side, and nothing of ours would be lost: no recording, and
    no codes of the transferee.
    """
    call, parts, peer = errand.call, errand.parts, errand.transferee.peer
    policy = parts.peers[peer].refer
    if policy != "auto" or target.dialog_id is None:
        return policy == "always" and target.dialog_id is not None
    recording = parts.recorder is not None and parts.recorder.running(call) is not None
    free = errand.transferee.endpoint is None and not recording
    return free and target.peer == peer and parts.ways.handed_over.get(peer) is not False


async def hand_over(errand: Errand, target: Leg) -> bool:
    """The two talk already: ask the transferee's side to take the target's dialog over. True: our legs are done.

    Where its INVITE comes through us (the target is on another side), its new leg talks to the target, and so
    the call goes on.
    """
    call, leg, dialog = errand.call, errand.transferee, target.dialog_id
    assert dialog is not None
    heard: asyncio.Queue[LegEvent] = asyncio.Queue()

    def guard(who: Leg, event: LegEvent) -> bool:
        mine = who is leg and isinstance(event, (ReferProgress, Ended))
        if mine:
            heard.put_nowait(event)
        return mine or isinstance(event, ReferProgress)

    call.offered = leg
    try:
        with call.guarded(guard):
            verdict = await refer(errand, leg, with_replaces(errand.refer_to(), target, dialog, leg.peer), heard.get)
    except WayClosedError:
        verdict = Verdict(Came.UNANSWERED, 0)
    finally:
        call.offered = None
        target.granted_to.discard(leg.peer)
    moved = verdict.came is Came.MOVED
    errand.parts.ways.handed_over[leg.peer] = moved
    return moved and call.other(leg) is not None
