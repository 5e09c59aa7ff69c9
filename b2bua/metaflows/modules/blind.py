# SPDX-License-Identifier: GPL-3.0-or-later
"""Blind transfer: the ways to get the transferee to the target, tried in turn. SIP thread.

    way     what we do                it has worked when                         next way, where the peer says `auto`
    refer   ask the transferee's      the final NOTIFY is 2xx, or the            refused (429: once more with
            side to call the target   transferee hangs up after having accepted  Referred-By), no final NOTIFY in time,
                                                                                 or a final one that fails
    invite  call the target           it answers                                 none

A final NOTIFY that says that the target itself is busy or does not answer ends the transfer: another way would ring it
a second time. Until a way has worked the two parties hear each other. When the transferor hangs up meanwhile, the
transfer goes on with the transferee alone; when the transferee does, it is over.
"""

from __future__ import annotations

import asyncio
import re

from b2bua.calls import reason as reasons
from b2bua.calls.exchange import DialError
from b2bua.calls.headers import Header, Party, escape_user
from b2bua.calls.leg import Answered, Ended, Leg, LegEvent, LegState, ReferProgress
from b2bua.metaflows.context import Context, Outcome, Report

BUSY = frozenset((486, 600, 603))  # the target cannot talk now, or does not want to
NO_ANSWER = frozenset((408, 480, 487))
PROVIDE_REFERRER = 429  # RFC 3892 §5: say who asks


class _WayClosedError(Exception):
    """This way is closed; the text says why."""


class Blind:
    """One blind transfer.

    transferor  lets go; usually the leg that typed
    transferee  is moved
    ring_s      how long the target may ring when we call it
    """

    def __init__(self, context: Context, transferor: Leg, transferee: Leg, number: str, ring_s: float) -> None:
        self._call = context.call
        self._parts = context.parts
        self._transferor = transferor
        self._transferee = transferee
        self._number = number
        self._ring_s = ring_s
        self._target_peer = self._peer_of_target(context.owner)
        self._events: asyncio.Queue[tuple[Leg, LegEvent]] = asyncio.Queue()
        self._code = 0  # the last SIP code that says how it goes

    async def run(self) -> Report:
        """Try the ways; returns how it went. After that the pair is whole, or the call ends."""
        with self._call.guarded(self._guard):
            report = Report(Outcome.FAILED, "no way to the target")
            for method in self._methods():
                try:
                    return await self._attempt(method)
                except _WayClosedError as closed:
                    report = Report(Outcome.FAILED, str(closed))
            return report

    def _guard(self, leg: Leg, event: LegEvent) -> bool:
        """Keep what decides about the transfer; everything else goes its usual way."""
        stranger = leg not in (self._transferor, self._transferee)
        decides = isinstance(event, (Ended, ReferProgress)) or (stranger and isinstance(event, Answered))
        if decides:
            self._events.put_nowait((leg, event))
        return decides or stranger

    def _methods(self) -> list[str]:
        policy = self._parts.peers[self._transferee.peer].refer
        if policy == "auto":
            known = self._parts.ways.worked.get(self._transferee.peer)
            return ["invite"] if known == "invite" else ["refer", "invite"]
        return ["refer"] if policy == "always" else ["invite"]

    async def _attempt(self, method: str) -> Report:
        """One way, and what is told about it."""
        about = {"leg_id": self._transferor.id, "transferee_id": self._transferee.id, "method": method}
        self._code = 0
        self._call.publish("transfer.started", **about)
        outcome = Outcome.CANCELLED
        try:
            report = await (self._by_refer() if method == "refer" else self._by_invite())
            outcome = report.outcome
        except _WayClosedError:
            outcome = Outcome.FAILED
            raise
        finally:
            self._call.publish("transfer.ended", **about, outcome=outcome.value, code=self._code)
        if outcome is Outcome.ANSWERED:
            self._parts.ways.worked[self._transferee.peer] = method
        return report

    # -- by REFER -----------------------------------------------------------------------------------------------

    async def _by_refer(self) -> Report:
        leg, asked_again, accepted = self._transferee, False, False
        leg.refer(self._refer_to())
        try:
            async with asyncio.timeout(self._parts.peers[leg.peer].refer_timeout_s):
                while True:
                    event = await self._event_of(leg)
                    if isinstance(event, Ended):
                        return self._moved() if accepted else self._transferee_left()
                    if not isinstance(event, ReferProgress):
                        continue
                    self._code = event.code
                    if event.notified and event.final:
                        return self._notified(event)
                    if event.code == PROVIDE_REFERRER and not asked_again:
                        asked_again = True
                        leg.refer(self._refer_to(), [self._referred_by()])
                    elif event.code >= 300 and not event.notified:
                        raise _WayClosedError(f"the REFER was refused with {event.code}")
                    else:
                        accepted = accepted or event.notified or event.code >= 200
        except TimeoutError:
            self._code = 408
            raise _WayClosedError("no final NOTIFY in time") from None

    def _notified(self, event: ReferProgress) -> Report:
        """The final NOTIFY says what became of the call to the target."""
        if 200 <= event.code < 300:
            return self._moved()
        if event.code in BUSY | NO_ANSWER:
            return _failed(event.code, event.text)
        raise _WayClosedError(f"the REFER came to {event.code}")

    async def _event_of(self, leg: Leg) -> LegEvent:
        """The next event of this leg that decides; those of others are forgotten."""
        while True:
            who, event = await self._events.get()
            if who is leg:
                return event

    def _moved(self) -> Report:
        """The transferee talks to the target without us: both our legs are done (RFC 5589 §6.1)."""
        self._call.end(reasons.TRANSFERRED)
        return Report(Outcome.ANSWERED)

    def _refer_to(self) -> str:
        """The target as the transferee's side can reach it: at its own registrar, or through us."""
        if self._transferee.peer == self._target_peer:
            host = re.sub(r"^sips?:|;.*$", "", self._parts.peers[self._target_peer].uri)
        else:
            host = self._parts.public_address(self._transferee)
        return f"sip:{escape_user(self._number)}@{host}"

    def _referred_by(self) -> Header:
        return "Referred-By", self._transferor.party.name_addr(self._parts.public_address(self._transferee))

    # -- by our own INVITE --------------------------------------------------------------------------------------

    def _kept_party(self) -> Party | None:
        """Whom the target will talk to: the transferee. None: the caller of this call is it."""
        return self._transferee.party if self._transferee.direction == "outbound" else None

    async def _by_invite(self) -> Report:
        if self._transferee.state is LegState.ENDED:
            return self._transferee_left()
        hops = ("Max-Forwards", str(self._call.invite.headers.max_forwards() - 1))
        try:
            target = self._parts.exchange.dial(self._call, self._target_peer, self._number, [self._referred_by(), hops],
                                               self._kept_party())
        except DialError as error:
            self._code = error.reason.code
            return Report(Outcome.FAILED, error.reason.text)
        try:
            async with asyncio.timeout(self._ring_s):
                return await self._ringing(target)
        except TimeoutError:
            self._code = 408
            target.hangup(reasons.RING_TIMEOUT)
            return Report(Outcome.NO_ANSWER, "the target did not answer in time")
        finally:
            if self._call.other(target) is None:
                target.hangup(reasons.HANGUP)

    async def _ringing(self, target: Leg) -> Report:
        while True:
            leg, event = await self._events.get()
            if leg is target and isinstance(event, Answered):
                self._code = 200
                self._call.replace(self._transferor, target)
                self._transferor.hangup(reasons.TRANSFERRED)
                return Report(Outcome.ANSWERED)
            if leg is target and isinstance(event, Ended):
                self._code = event.reason.code
                return _failed(event.reason.code, event.reason.text)
            if leg is self._transferee and isinstance(event, Ended):
                return self._transferee_left()
            if isinstance(event, ReferProgress) and event.notified and 200 <= event.code < 300:
                self._code = event.code
                return self._moved()  # our REFER did it after all, later than we waited

    # -- who and where ------------------------------------------------------------------------------------------

    def _transferee_left(self) -> Report:
        return Report(Outcome.FAILED, "the transferee hung up")

    def _peer_of_target(self, owner: Leg) -> str:
        """The side where the endpoint lives: the peer with an account, the owner's before the other's."""
        for leg in (owner, self._call.other(owner)):
            if leg is not None and self._parts.peers[leg.peer].account is not None:
                return leg.peer
        return owner.peer


def _failed(code: int, text: str) -> Report:
    """Why the target could not be had."""
    outcome = Outcome.BUSY if code in BUSY else Outcome.NO_ANSWER if code in NO_ANSWER else Outcome.FAILED
    return Report(outcome, f"{code} {text}")
