# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange takes calls from legs that arrive, finds their other side, and knows every call that lives.

All of it on the SIP thread. Events of legs go through one queue: an event that one of our own actions raises waits
until the outermost one has been dealt with, so no call ever sees two of its events interleaved. A bug in one call's
event is logged, counted, and ends that call at most.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from b2bua.calls import reason as reasons
from b2bua.calls import replacing, routing
from b2bua.calls.call import Call, CallState
from b2bua.calls.directory import Directory
from b2bua.calls.ears import Ears
from b2bua.calls.events import Events
from b2bua.calls.headers import Header, Party, across
from b2bua.calls.leg import Answered, Dial, Ended, Invite, Leg, LegEvent, LegState, Progress, ReferReceived, Trying
from b2bua.calls.path import Mixer
from b2bua.calls.reason import EndReason
from config.settings import Peer, Route, Sip

log = logging.getLogger(__name__)


class Dialer(Protocol):
    """Sends INVITEs: the SIP endpoint."""

    def dial(self, dial: Dial) -> Leg:
        """A new outbound leg; its events follow. Raises DialError when nothing could be sent."""


class DialError(Exception):
    """An INVITE could not be sent; `reason` says why."""

    def __init__(self, reason: EndReason) -> None:
        super().__init__(reason.text)
        self.reason = reason


Pickup = Callable[[Leg, Invite], bool]
Listen = Callable[[Call], Ears]
Referred = Callable[[Call, Leg, ReferReceived], None]


class Exchange:
    """Every live call, and the way in."""

    def __init__(self, sip: Sip, peers: Mapping[str, Peer], routes: Sequence[Route], dialer: Dialer, mixer: Mixer,
                 events: Events) -> None:
        self.peers = peers
        self.directory = Directory()
        self.calls: dict[str, Call] = {}
        self.is_draining = False
        self.pickup: Pickup | None = None  # takes a leg that has dialled a place where somebody is parked
        self.listen: Listen | None = None  # makes the ears of each call (metaflows)
        self.referred: Referred | None = None  # deals with a REFER that came
        self._gone = replacing.Ended()
        self._sip = sip
        self._routes = routes
        self._dialer = dialer
        self._mixer = mixer
        self._events = events
        self._of_leg: dict[Leg, Call] = {}
        self._queue: deque[tuple[Leg, LegEvent]] = deque()
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()

    # -- the way in ---------------------------------------------------------------------------------------------

    def arrived(self, a: Leg, invite: Invite) -> None:
        """An INVITE came. Everything about it has been checked but where it goes."""
        try:
            self._arrived(a, invite)
        except Exception:
            log.exception("the INVITE of leg %s failed; its call is ended", a.id)
            call = self._of_leg.get(a)
            self._events.publish("call.failed", call_id=call.id if call else None, leg_id=a.id)
            if call is not None:
                call.end(reasons.BUG)
            a.hangup(reasons.BUG)

    def _arrived(self, a: Leg, invite: Invite) -> None:
        peer = self.peers[a.peer]
        a.endpoint = routing.endpoint_of(self.directory, peer, a.number, invite.headers)
        if invite.headers.get("replaces"):
            self._replaces(a, invite)
            return
        refusal, to_peer = self._admit(a, invite)
        if refusal is None and self.pickup is not None and self.pickup(a, invite):
            return
        if refusal is not None or to_peer is None:
            self._refuse(a, refusal or reasons.NO_ROUTE)
            return
        account_id = peer.account or self.peers[to_peer].account
        call = Call(uuid.uuid4().hex, a, invite, self._mixer, self._events, account_id=account_id,
                    direction=routing.direction(self.peers, a.peer, to_peer))
        self._admitted(call)
        self._dial_b(call, to_peer)

    def _refuse(self, a: Leg, refusal: EndReason) -> None:
        self._events.publish("call.refused", leg_id=a.id, peer=a.peer, code=refusal.code, reason=refusal.text)
        a.hangup(refusal)

    def _replaces(self, a: Leg, invite: Invite) -> None:
        """It wants the place of a leg that we have (RFC 3891)."""
        peer, values = self.peers[a.peer], list(invite.headers.all("replaces"))
        verdict = (EndReason.from_code(400, "more than one Replaces") if len(values) > 1 else
                   replacing.judge(values[0], a, peer, self.known, self._gone, lambda name: self.peers[name]))
        if isinstance(verdict, EndReason):
            self._refuse(a, verdict)
            return
        call, old = verdict
        self.owns(call, a)
        replacing.take_over(call, old, a, lambda leg: self.deliver(leg, Answered()))

    def _admit(self, a: Leg, invite: Invite) -> tuple[EndReason | None, str | None]:
        if self.is_draining:
            return reasons.SHUTDOWN, None
        if len(self.calls) >= self._sip.max_calls:
            return EndReason.from_code(503, f"{self._sip.max_calls} calls already (sip.max_calls)"), None
        if invite.headers.max_forwards() <= 0:
            return EndReason.from_code(483, "too many hops"), None
        return None, routing.route(self._routes, a.peer, invite.number)

    def _admitted(self, call: Call) -> None:
        self.calls[call.id] = call
        self._idle.clear()
        self.owns(call, call.a)
        call.on_ended(self._ended)
        call.publish("call.started", leg_id=call.a.id, peer=call.a.peer, direction=call.direction)
        if self.listen is not None:
            call.ears = self.listen(call)

    def _dial_b(self, call: Call, to_peer: str) -> None:
        invite = call.invite
        try:
            b = self.dial(call, to_peer, invite.number, self._headers(call.a.peer, to_peer, invite))
        except DialError as error:
            call.end(error.reason)
            return
        call.dialed(b)
        call.task(self._ring_timer(call, b), "ring timer")

    def _headers(self, from_peer: str, to_peer: str, invite: Invite) -> list[Header]:
        sender, receiver = self.peers[from_peer], self.peers[to_peer]
        headers = across(invite.headers, trust_headers=sender.trust_headers,
                         trust_identity=sender.trust_identity and receiver.trust_identity)
        return [*headers, ("Max-Forwards", str(invite.headers.max_forwards() - 1))]  # RFC 7332

    def route(self, from_peer: str, number: str) -> str | None:
        """The peer that a call from there to this number goes to; None: there is no route."""
        return routing.route(self._routes, from_peer, number)

    def home(self, call: Call, number: str, near: Sequence[str]) -> str | None:
        """The peer at which an endpoint of the call's account is reached, as of `routing.home`."""
        return routing.home(self._routes, self.peers, call.account_id, number, near)

    def dial(self, call: Call, to_peer: str, number: str, headers: Sequence[Header] = (),
             caller: Party | None = None, uri_params: str = "") -> Leg:
        """A further leg of this call, with the caller's codecs and (or else `caller`'s) identity. Raises DialError."""
        leg = self._dialer.dial(Dial(to_peer, number, caller or call.invite.caller, headers, call.invite.codecs,
                                     uri_params))
        if leg.state is LegState.ENDED:  # it failed before anybody listened to it
            raise DialError(leg.reason or reasons.BUG)
        leg.endpoint = routing.endpoint_of(self.directory, self.peers[to_peer], number)
        self.owns(call, leg)
        call.add(leg)
        return leg

    def known(self, call_id: str) -> list[tuple[Call, Leg]]:
        """Live legs with this SIP Call-ID, and their calls."""
        return [(call, leg) for leg, call in self._of_leg.items() if leg.id == call_id]

    def adopt(self, call: Call, leg: Leg) -> None:
        """A leg of another call becomes one of this call's; the rest of that call is hung up."""
        former = self._of_leg[leg]
        partner = former.other(leg)
        former.legs.discard(leg)
        former.end(reasons.TRANSFERRED)
        self.owns(call, leg)
        call.add(leg)
        if partner is not None and partner.is_holding:
            leg.hold(False)

    async def _ring_timer(self, call: Call, b: Leg) -> None:
        ring_s, expires_s = self._sip.ring_timeout_s, call.invite.headers.expires_s()
        limit = asyncio.timeout(ring_s if expires_s is None else min(ring_s, expires_s))
        try:
            async with limit:
                if b.state is LegState.TRYING:
                    await b.wait_for(Trying, Progress, Answered, Ended, timeout_s=self._sip.silent_timeout_s)
                await call.answered()
        except TimeoutError:
            if call.state in (CallState.DIALING, CallState.RINGING):
                has_expired = limit.expired() and expires_s is not None and expires_s < ring_s
                call.end(reasons.EXPIRED if has_expired else reasons.RING_TIMEOUT)

    # -- events -------------------------------------------------------------------------------------------------

    def owns(self, call: Call, leg: Leg) -> None:
        """This leg's events go to that call."""
        self._of_leg[leg] = call
        leg.owned_by(self.deliver)

    def carry(self, leg: Leg, call: Call) -> None:
        """A leg leaves its call for another one; the call that it leaves ends without it."""
        former = self._of_leg.get(leg)
        self.owns(call, leg)
        call.add(leg)
        if former is not None and former is not call:
            former.lose(leg)

    def deliver(self, leg: Leg, event: LegEvent) -> None:
        """An event of a leg; run now, or after the one that is being run."""
        self._queue.append((leg, event))
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                self._run(*self._queue.popleft())
        finally:
            self._busy = False

    def _run(self, leg: Leg, event: LegEvent) -> None:
        call = self._of_leg.get(leg)
        if isinstance(event, Ended):
            self._of_leg.pop(leg, None)
            self._gone.add(leg)
        if call is None:
            return
        try:
            call.heard(leg, event)
            if isinstance(event, ReferReceived) and self.referred is not None and not call.is_over:
                self.referred(call, leg, event)
        except Exception:
            log.exception("call %s: %s on leg %s failed; the call is ended", call.id, type(event).__name__, leg.id)
            self._events.publish("call.failed", call_id=call.id, leg_id=leg.id)
            call.end(reasons.BUG)

    # -- the way out --------------------------------------------------------------------------------------------

    def _ended(self, call: Call) -> None:
        self.calls.pop(call.id, None)
        reason = call.reason or reasons.HANGUP
        result = reasons.Result.COMPLETED if call.answered_s is not None and reason.code == 200 else reason.result
        call.publish("call.ended", result=result.value, code=reason.code, reason=reason.text,
                     direction=call.direction, answered=call.answered_s is not None)
        if not self.calls:
            self._idle.set()

    def find(self, leg_id: str) -> tuple[Call, Leg] | None:
        """The live leg with this SIP Call-ID, and its call."""
        return next(iter(self.known(leg_id)), None)

    async def drain(self, limit_s: float) -> None:
        """Take no new calls, let the live ones go on for at most `limit_s`, then hang them up."""
        self.is_draining = True
        try:
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("drain: %d calls still live after %g s are hung up", len(self.calls), limit_s)
            self.end_all()

    def end_all(self) -> None:
        """Hang up every call."""
        for call in list(self.calls.values()):
            call.end(reasons.SHUTDOWN)

    async def wait_idle(self, limit_s: float) -> None:
        """Until the last call has ended, or the limit; whichever is first."""
        try:
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        except TimeoutError:
            log.error("%d calls would not end", len(self.calls))
