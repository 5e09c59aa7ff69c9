# SPDX-License-Identifier: GPL-3.0-or-later
"""Parked parties: one who waits with music at a numbered place until somebody of the account fetches them. SIP thread.

    while it lasts                          then
    somebody fetches (`unpark`, intercept,  they talk; who fetched leaves the call he came from
    a number that is dialled, the API)
    nobody does for `timeout_s`             the parker is rung, then the fallback; whoever answers has the party
    nobody answers, `rounds` times          the call ends: nobody waits for ever
    the parked party hangs up               the call ends, the place is free
    the parker hangs up, or has gone        nothing: the place belongs to the call
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from b2bua.calls import reason as reasons
from b2bua.calls.call import Call
from b2bua.calls.leg import Ended, Invite, Leg, LegEvent, LegState
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.holding import Alone
from b2bua.metaflows.music import hold_music
from b2bua.metaflows.takeover import Takeover
from b2bua.metaflows.targets import Target, of_number
from config.settings import Park


class NoPlaceError(Exception):
    """There is no such place, or it is taken; the text says so."""


@dataclass(slots=True)
class Lot:
    """The places of all accounts. Made once, by the app."""

    rules: Park
    _taken: dict[tuple[str, str], Stay] = field(default_factory=dict)

    def of(self, account_id: str) -> list[Stay]:
        """Who is parked, in the order of their places."""
        return [stay for (account, _), stay in sorted(self._taken.items(), key=_order) if account == account_id]

    @property
    def count(self) -> int:
        """Parties parked, of all accounts; any thread."""
        return len(self._taken)

    def at(self, account_id: str | None, slot: str) -> Stay | None:
        """Who is parked there."""
        return self._taken.get((account_id or "", slot))

    def take(self, account_id: str, slot: str | None, stay: Stay) -> str:
        """Reserve a place, the first that is free where none is named. Raises NoPlaceError."""
        if len(self.of(account_id)) >= self.rules.max_per_account:
            raise NoPlaceError(f"{self.rules.max_per_account} parties are parked already (park.max_per_account)")
        if slot is None:
            slot = next((free for free in self.rules.places if (account_id, free) not in self._taken), None)
            if slot is None:
                raise NoPlaceError("every place is taken (park.slots)")
        elif (account_id, slot) in self._taken:
            raise NoPlaceError("this place is taken")
        self._taken[account_id, slot] = stay
        return slot

    def leave(self, stay: Stay) -> None:
        """The place is free again; harmless when it is not the stay's."""
        self._taken = {key: one for key, one in self._taken.items() if one is not stay}


def _order(item: tuple[tuple[str, str], Stay]) -> tuple[int, str]:
    return len(item[0][1]), item[0][1]


class Stay:
    """One party at one place.

    slot    the number of the place
    parked  who waits
    parker  whose place in the call whoever fetches takes; usually gone
    music   the name of what the parked party hears; None: the usual
    """

    def __init__(self, context: Context, lot: Lot, parked: Leg, slot: str | None, *, music: str | None = None,
                 timeout_s: float | None = None) -> None:
        self.call = context.call
        self.parked, self.parker = parked, context.leg
        self.since_s = time.time()
        self._context, self._lot = context, lot
        self._hold = Alone(context.call, context.parts, parked)
        self._music = music
        self._timeout_s = timeout_s or lot.rules.timeout_s
        assert context.call.account_id is not None
        self.slot = lot.take(context.call.account_id, slot, self)

    async def _parker(self) -> Sequence[Target]:
        """Nobody, where that is no one of the account."""
        return of_number(self._context, self.parker.number) if self.parker.endpoint is not None else ()

    async def _fallback(self) -> Sequence[Target]:
        """Nobody, where there is none or it may not be called."""
        context, parts = self._context, self._context.parts
        account = parts.exchange.directory.account(self.call.account_id)
        number = str((account.get("park") or {}).get("fallback") or self._lot.rules.fallback or "")
        if not number or await parts.permit.refusal(self.call, self.parker, number) is not None:
            return ()
        return of_number(context, number)

    async def run(self, announce: Callable[[Stay], Coroutine[Any, Any, None]]) -> Report:
        """Until somebody has the party, or the call ends. announce: tells the parker where it is."""
        call = self.call
        try:
            with call.guarded(self._guard):
                self._hold.begin()
                call.task(self._play(), "hold music")  # searched for while it waits: who hangs up now has parked
                call.publish("call.parked", leg_id=self.parked.id, slot=self.slot)
                await announce(self)
                self.parker.hangup(reasons.PARKED)
                return await self._wait()
        except Exception:  # a bug: the two are together again, or the call ends
            call.join()
            raise
        finally:
            self._lot.leave(self)
            call.publish("call.unparked", leg_id=self.parked.id, slot=self.slot, fetched=self._hold.taken.is_set()
                         and not call.is_over)

    async def _play(self) -> None:
        self._hold.play(await hold_music(self._context.parts, self.call, self.parker, self._music))

    def _guard(self, leg: Leg, event: LegEvent) -> bool:
        return leg is self.parker and isinstance(event, Ended)

    async def _wait(self) -> Report:
        for _ in range(self._lot.rules.rounds):
            if await self._fetched_within(self._timeout_s):
                return Report(Outcome.ANSWERED)
            for targets in (self._parker, self._fallback):
                await self._rung(await targets())
                if self._hold.taken.is_set():
                    return Report(Outcome.ANSWERED)
        self.call.end(reasons.PARKED_TOO_LONG)
        return Report(Outcome.NO_ANSWER, "nobody has fetched the parked party")

    async def _fetched_within(self, limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                await self._hold.taken.wait()
        except TimeoutError:
            return False
        return True

    async def _rung(self, targets: Sequence[Target]) -> None:
        """Ring these, if any."""
        if not targets:
            return
        self.call.publish("call.park_returned", leg_id=self.parked.id, slot=self.slot)
        await self.rung_for(targets, self._lot.rules.ring_s)

    async def rung_for(self, targets: Sequence[Target], ring_s: float) -> Report:
        """Ring somebody, who then talks to the parked party; whoever fetches it meanwhile makes them stop."""
        takeover = Takeover(self.call, self._context.parts, self.parker, targets, ring_s=ring_s)
        ring = asyncio.create_task(takeover.guarded())
        fetched = asyncio.create_task(self._hold.taken.wait())
        try:
            await asyncio.wait((ring, fetched), return_when=asyncio.FIRST_COMPLETED)
            return ring.result() if ring.done() else Report(Outcome.FAILED, "somebody else has fetched the party")
        finally:
            ring.cancel()
            fetched.cancel()

    def fetch(self, leg: Leg) -> bool:
        """This leg has come for the party; False: it came too late. Its own call ends without it."""
        if self._hold.taken.is_set() or self.call.is_over or self.call.other(self.parker) is None:
            return False
        self._context.parts.exchange.carry(leg, self.call)
        if leg.state is not LegState.UP:
            leg.answer((self.parked.codec,) if self.parked.codec else ())
        self.call.replace(self.parker, leg, came=True)
        self.parker.hangup(reasons.PARKED)
        return True

    def describe(self) -> Mapping[str, Any]:
        """For the API."""
        return {"slot": self.slot, "call_id": self.parked.id, "interaction_id": self.call.id,
                "number": self.parked.number, "name": self.parked.party.display, "parked_by": self.parker.number,
                "timestamp": round(self.since_s)}


def stay_of(call: Call, lot: Lot | None) -> Stay | None:
    """The stay of this call's parked party, if there is one."""
    if lot is None or call.account_id is None:
        return None
    return next((stay for stay in lot.of(call.account_id) if stay.call is call), None)


def pickup(lot: Lot) -> Callable[[Leg, Invite], bool]:
    """For `exchange.pickup`: an endpoint that dials a place (park.pickup) gets whoever is parked there."""
    def dialled(leg: Leg, invite: Invite) -> bool:
        slot = lot.rules.place_of(invite.number)
        stay = lot.at(leg.endpoint.account_id, slot) if slot is not None and leg.endpoint is not None else None
        return stay is not None and stay.fetch(leg)
    return dialled
