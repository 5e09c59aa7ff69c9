# SPDX-License-Identifier: GPL-3.0-or-later
"""INVITE with Replaces (RFC 3891): a new leg takes the place of one that we have. SIP thread.

    the field names                                              then
    nothing we know; an early dialog that came to us             481
    a dialog that has ended a moment ago                         603
    an answered one, and says early-only                         486
    one whose call is just being moved by something else than    491
    the hand-over that named it
    one of another side than the INVITE's own                    403
    an answered dialog of ours                                   200; its leg is hung up
    a dialog that we have sent and that rings (directed pickup)  200; its leg gets CANCEL, the caller is answered
    a dialog as its own far end sees it, which we told the       200; the new leg talks to that far end
    INVITE's side (REFER with Replaces)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from b2bua.calls import reason as reasons
from b2bua.calls.call import Call
from b2bua.calls.leg import Leg, LegState
from b2bua.calls.reason import EndReason
from b2bua.calls.replaces import DialogId, Replaces
from config.settings import Peer

MAX_ENDED = 256  # dialogs that are remembered after their end
Known = Callable[[str], Iterable[tuple[Call, Leg]]]


@dataclass(slots=True)
class Ended:
    """Dialogs that have ended lately."""

    dialogs: deque[DialogId] = field(default_factory=lambda: deque(maxlen=MAX_ENDED))

    def add(self, leg: Leg) -> None:
        """It ends."""
        dialog = leg.dialog_id
        if dialog is not None:
            self.dialogs.append(dialog)

    def has(self, replaces: Replaces) -> bool:
        """Was it one of them?"""
        return any(replaces.names(dialog) for dialog in self.dialogs)


def named(replaces: Replaces, known: Known) -> tuple[Call, Leg, bool] | None:
    """The call and the leg whose dialog it is; True: as its far end sees it."""
    for call, leg in known(replaces.call_id):
        dialog = leg.dialog_id
        if dialog is not None and (replaces.names(dialog) or replaces.names_far_end(dialog)):
            return call, leg, not replaces.names(dialog)
    return None


def judge(value: str, newcomer: Leg, peer: Peer, known: Known, ended: Ended,
          peers: Callable[[str], Peer]) -> EndReason | tuple[Call, Leg]:
    """Why the INVITE is refused, or the call and the leg whose place the newcomer may take."""
    try:
        replaces = Replaces.parse(value)
    except ValueError as error:
        return EndReason.from_code(400, str(error))
    found = named(replaces, known)
    if found is None:
        return EndReason.from_code(603 if ended.has(replaces) else 481, "no such dialog")
    call, leg, by_far_end = found
    old = call.other(leg) if by_far_end else leg
    if old is None or old is newcomer or call.is_over or call.other(old) is None or leg.state is LegState.ENDED:
        return EndReason.from_code(481, "the dialog is of no conversation")
    if by_far_end and newcomer.peer not in leg.granted_to:
        return EndReason.from_code(403, "this side was not told that dialog")
    account = peers(old.peer).account
    if not by_far_end and newcomer.peer != old.peer and (account is None or account != peer.account):
        return EndReason.from_code(403, "the dialog is another side's")
    if replaces.early_only and old.state is LegState.UP:
        return EndReason.from_code(486, "answered already")
    if old.state is not LegState.UP and (old.direction == "inbound" or old is not call.b):
        return EndReason.from_code(481, "we have not sent that dialog")
    is_moved = call.is_guarded and call.offered is not old
    return EndReason.from_code(491, "the call is being moved") if is_moved else (call, old)


def take_over(call: Call, old: Leg, newcomer: Leg, answered: Callable[[Leg], None]) -> None:
    """The newcomer is answered and talks to the partner of `old`, which goes. answered: it counts as its answer."""
    partner = call.other(old)
    assert partner is not None
    was_up = old.state is LegState.UP
    newcomer.answer(codecs=(partner.codec,) if partner.codec else ())
    call.replace(old, newcomer)
    if not was_up:
        answered(newcomer)
    old.hangup(reasons.TRANSFERRED if was_up else reasons.ELSEWHERE)
    partner.identify(newcomer.party)
