# SPDX-License-Identifier: GPL-3.0-or-later
"""A REFER that came: a phone's own transfer key. SIP thread.

    the peer says   what we do
    accept          call the target ourselves, and join it with the other party (blind); with Replaces take the leg at
                    the other end of the named dialog over from its call (attended)
    relay           ask the other party to do it; where it will not, as with accept

Whoever sent it is told by NOTIFY how it goes, and hung up only after it has answered the last one (Teams keeps its
consultation for minutes otherwise). It may go only where a call from its side could go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from b2bua.calls import reason as reasons
from b2bua.calls.call import Call, CallState
from b2bua.calls.leg import Ended, Leg, LegEvent, LegState, NotifyAnswered, ReferProgress, ReferReceived
from b2bua.calls.replaces import Replaces
from b2bua.calls.replacing import named
from b2bua.metaflows.context import Outcome, Parts
from b2bua.metaflows.modules.blind import Blind
from b2bua.metaflows.modules.errand import Errand
from b2bua.metaflows.modules.referral import Came, WayClosedError, refer, replacing, with_replaces
from b2bua.metaflows.permit import ForbiddenError

RING_S = 60.0  # [s] a phone's own transfer: whoever pressed the key may hang up, as with any call
NOTIFY_S = 5.0  # [s] for the answer to the last NOTIFY
BYE_S = 2.0  # [s] for the BYE of the one who transferred, before ours


def referrals(parts: Parts) -> Callable[[Call, Leg, ReferReceived], None]:
    """Deals with every REFER: for `exchange.referred`."""
    def referred(call: Call, leg: Leg, event: ReferReceived) -> None:
        call.task(Referred(call, leg, event, parts).run(), "REFER")
    return referred


class Referred:
    """One REFER."""

    def __init__(self, call: Call, leg: Leg, event: ReferReceived, parts: Parts) -> None:
        self._call, self._leg, self._event, self._parts = call, leg, event, parts
        self._target: Leg | None = None  # of a dialog that it named

    async def run(self) -> None:
        """Until the one who asked knows how it went, and is gone if it went well."""
        try:
            await self._parts.permit.check(self._call, self._leg, self._errand().number)
            errand = self._errand()  # again: what it names may have moved meanwhile
        except ForbiddenError as forbidden:
            self._leg.notify_refer(forbidden.code, str(forbidden), final=True)
            return
        self._call.transfers += 1
        self._leg.notify_refer(100, "", final=False)
        if self._parts.peers[self._leg.peer].referred != "relay" or not await self._relayed(errand):
            await self._placed(errand)

    # -- what is asked ----------------------------------------------------------------------------------------------

    def _errand(self) -> Errand:
        """Raises ForbiddenError."""
        call, leg, target = self._call, self._leg, self._event.target
        other = call.other(leg)
        if call.state is not CallState.TALKING or other is None or LegState.ENDED in (leg.state, other.state):
            raise ForbiddenError(481, "there is nobody to transfer")
        if call.is_guarded:
            raise ForbiddenError(491, "another transfer is going on")
        peer = self._peer()
        errand = Errand(call, self._parts, leg, other, target.party.user, peer, RING_S,
                        referred_by=self._event.referred_by, keeps_transferor=True, uri_params=target.x_params)
        if target.replaces is None:
            return errand
        self._target = self._named(target.replaces)
        if self._target is not None:
            return replace(errand, peer=self._target.peer)
        if peer != leg.peer:
            raise ForbiddenError(481, "the dialog to be replaced is not known")
        return replace(errand, headers=(("Replaces", str(target.replaces)), ("Require", "replaces")))

    def _peer(self) -> str:
        """Back to its own side if its host is named, else where a call from there goes. Raises ForbiddenError."""
        uri = self._parts.peers[self._leg.peer].uri.partition(":")[2].partition(";")[0].lower()
        if self._event.target.host in (uri, uri.removesuffix(":5060")):
            return self._leg.peer
        peer = self._parts.exchange.route(self._leg.peer, self._event.target.party.user)
        if peer is None:
            raise ForbiddenError(404, reasons.NO_ROUTE.text)
        return peer

    def _named(self, replaces: Replaces) -> Leg | None:
        """The leg to join with; None: the dialog is none of ours. Raises ForbiddenError where it is somebody else's."""
        found = named(replaces, self._parts.exchange.known)
        if found is None:
            return None
        call, leg, by_far_end = found
        partner = call.other(leg)
        target, consulting = (leg, partner) if by_far_end else (partner, leg)
        if target is None or consulting is None or call is self._call or call.is_over or call.is_guarded:
            raise ForbiddenError(481, "the dialog to be replaced is of no other conversation")
        if consulting.peer != self._leg.peer:
            raise ForbiddenError(403, "the dialog to be replaced is another side's")
        return target

    # -- accept -------------------------------------------------------------------------------------------------------

    async def _placed(self, errand: Errand) -> None:
        """By our own INVITE, or with the leg that was named."""
        if self._target is not None:
            self._parts.exchange.adopt(self._call, self._target)
        blind = Blind(errand, ["invite"], self._progress, self._target)
        report = await blind.run()
        if report.outcome is Outcome.ANSWERED:
            await self._farewell()
        else:
            self._leg.notify_refer(blind.code if blind.code >= 300 else 503, "", final=True)

    def _progress(self, code: int, text: str) -> None:
        self._leg.notify_refer(code, text, final=code >= 200)

    # -- relay --------------------------------------------------------------------------------------------------------

    async def _relayed(self, errand: Errand) -> bool:
        """Ask the other leg; False: it will not."""
        call, other, events = self._call, errand.transferee, asyncio.Queue[LegEvent]()

        def guard(leg: Leg, event: LegEvent) -> bool:
            mine = leg is other and isinstance(event, (ReferProgress, Ended))
            if mine:
                events.put_nowait(event)
            if leg is other and isinstance(event, ReferProgress) and _is_news(event):
                self._progress(event.code, event.text)
            return mine or (leg is self._leg and isinstance(event, Ended))

        target, dialog = errand.refer_to(), self._target.dialog_id if self._target is not None else None
        if self._target is not None and dialog is not None:
            target = with_replaces(target, self._target, dialog, other.peer)
        elif errand.headers and self._event.target.replaces is not None:
            target = replacing(target, self._event.target.replaces)
        try:
            with call.guarded(guard):
                verdict = await refer(errand, other, target, events.get)
                if verdict.came is Came.MOVED:
                    errand.completed(None)
                    self._progress(200, "")
                    await self._farewell()
                    call.end(reasons.TRANSFERRED)
                else:
                    self._leg.notify_refer(verdict.code if verdict.code >= 300 else 480, "", final=True)
        except WayClosedError:
            return False
        return True

    # -- the end ------------------------------------------------------------------------------------------------------

    async def _farewell(self) -> None:
        """It went well, and the last NOTIFY says so: when that is answered BYE, unless the far end sends it."""
        for kinds, limit_s in (((NotifyAnswered, Ended), NOTIFY_S), ((Ended,), BYE_S)):
            if self._event.wants_notify and self._leg.state is not LegState.ENDED:
                with suppress(TimeoutError):
                    await self._leg.wait_for(*kinds, timeout_s=limit_s)
        self._leg.hangup(reasons.TRANSFERRED)


def _is_news(event: ReferProgress) -> bool:
    """Does it say more than that the other leg is trying?"""
    return event.notified and not event.final and event.code > 100
