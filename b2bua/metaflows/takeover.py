# SPDX-License-Identifier: GPL-3.0-or-later
"""Ring somebody who then takes the place of one of the two: move, intercept, callflow and park's come-back. SIP thread.

    what happens                                  then
    a target answers                              it takes the place of `old`, `old` is released, the others CANCELled
    every target has failed, or the time is up    the two stay together; if `old` has gone meanwhile, the call ends
    `old` hangs up while it rings                 the ringing goes on
    the party that stays hangs up                 the call ends, and with it every leg that rings
    two targets answer at once                    the first one has it, the other gets BYE
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from b2bua.calls import reason as reasons
from b2bua.calls.call import Call, CallState
from b2bua.calls.exchange import DialError
from b2bua.calls.headers import Header, Party
from b2bua.calls.leg import Answered, Ended, Leg, LegEvent, LegState
from b2bua.calls.reason import EndReason
from b2bua.metaflows.context import Outcome, Parts, Report
from b2bua.metaflows.targets import Target

RING_S = 20.0  # KAZOO's time-out for move and intercept
MAX_TARGETS = 20  # INVITEs that one code may send
AUTO_ANSWER: tuple[Header, ...] = (("Call-Info", "<sip:localhost>;answer-after=0"),
                                   ("Alert-Info", "<http://localhost>;info=alert-autoanswer;delay=0"))


class Takeover:
    """One of them.

    old     gives its place up, and is released when somebody has taken it; it may be gone already
    ring_s  for all targets together; in turn each gets an equal share
    """

    def __init__(self, call: Call, parts: Parts, old: Leg, targets: Sequence[Target], *, at_once: bool = True,
                 ring_s: float = RING_S, headers: Sequence[Header] = ()) -> None:
        self._call = call
        self._parts = parts
        self._old = old
        self._targets = targets[:MAX_TARGETS]
        self._at_once = at_once
        self._ring_s = ring_s
        self._headers = headers
        self._failures: list[str] = []

    async def run(self) -> Report:
        """`answered`, or `failed` and why. After that the pair is whole, or the call ends."""
        with self._call.guarded(self._guard):
            return await self.guarded()

    async def guarded(self) -> Report:
        """The same for one who guards the legs already."""
        winner = await self._ring()
        if winner is None:
            return Report(Outcome.FAILED, "nobody answered: " + (", ".join(self._failures) or "nobody to ring"))
        if self._call.other(self._old) is None:
            winner.hangup(reasons.ELSEWHERE)
            return Report(Outcome.FAILED, "somebody else has taken the place")
        self._call.replace(self._old, winner)
        if self._call.state is not CallState.TALKING:  # the caller had heard it ring until now
            self._call.heard(winner, Answered())
        self._old.hangup(reasons.ELSEWHERE if self._old.state is not LegState.UP else reasons.TRANSFERRED)
        return Report(Outcome.ANSWERED)

    def _guard(self, leg: Leg, event: LegEvent) -> bool:
        return leg is self._old and isinstance(event, Ended)

    # -- ringing ------------------------------------------------------------------------------------------------

    async def _ring(self) -> Leg | None:
        turns = [self._targets] if self._at_once else [[target] for target in self._targets]
        for turn in turns:
            winner = await self._turn(turn, self._ring_s / len(turns))
            if winner is not None:
                return winner
        return None

    async def _turn(self, targets: Sequence[Target], ring_s: float) -> Leg | None:
        """Ring these all at once; who answers first. The others have been told to stop when this returns."""
        legs = [leg for leg in map(self._dialed, targets) if leg is not None]
        waits = {asyncio.create_task(_answer_of(leg)): leg for leg in legs}
        winner, why = None, reasons.ELSEWHERE
        try:
            async with asyncio.timeout(ring_s):
                while waits and winner is None:
                    done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                    winner = self._judged([(waits.pop(wait), wait.result()) for wait in list(waits) if wait in done])
        except TimeoutError:
            why = reasons.RING_TIMEOUT
            self._failures.append("no answer in time")
        finally:
            for wait in waits:
                wait.cancel()
            for leg in legs:
                if leg is not winner:
                    leg.hangup(why)
        return winner

    def _judged(self, news: Sequence[tuple[Leg, LegEvent]]) -> Leg | None:
        for leg, event in news:
            if isinstance(event, Answered) and leg.state is LegState.UP:
                return leg
            if isinstance(event, Ended):
                self._failures.append(_told(event.reason))
        return None

    def _dialed(self, target: Target) -> Leg | None:
        hops = ("Max-Forwards", str(self._call.invite.headers.max_forwards() - 1))
        try:
            return self._parts.exchange.dial(self._call, target.peer, target.number, [*self._headers, hops],
                                             self._kept_party())
        except DialError as error:
            self._failures.append(_told(error.reason))
            return None

    def _kept_party(self) -> Party | None:
        """Whom the target will talk to. None: the caller of this call is it."""
        kept = self._call.other(self._old)
        return kept.party if kept is not None and kept.direction == "outbound" else None


async def _answer_of(leg: Leg) -> LegEvent:
    """Answered or Ended, also where that was before anybody waited: a neighbour answers within a millisecond."""
    return Answered() if leg.state is LegState.UP else await leg.wait_for(Answered, Ended)


def _told(reason: EndReason) -> str:
    return f"{reason.code} {reason.text}".strip()
