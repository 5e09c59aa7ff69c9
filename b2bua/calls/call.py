# SPDX-License-Identifier: GPL-3.0-or-later
"""A call: two legs in conversation, either of which may be replaced while it lasts. SIP thread only.

The core is the table in `table`: (state, who, event) -> what to do. Everything that takes time (transfer,
timers of modules) is a coroutine that belongs to the call and is cancelled when it ends. A coroutine that moves people
around takes the fate of the legs into its hands with `guarded`, and gives it back when it is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from b2bua.calls import reason as reasons
from b2bua.calls.conference import Conference
from b2bua.calls.ears import Ears, PassDigits
from b2bua.calls.events import Events
from b2bua.calls.holding import Holding
from b2bua.calls.leg import (
    Ended,
    Held,
    InfoReceived,
    Invite,
    Leg,
    LegEvent,
    LegState,
    MediaChanged,
    Pressed,
    Released,
)
from b2bua.calls.mask import Mask
from b2bua.calls.path import Mixer, Path
from b2bua.calls.reason import EndReason
from b2bua.calls.table import TABLE, CallState
from b2bua.calls.tasks import Tasks
from b2bua.calls.timeline import Side, Timeline

__all__ = ["Call", "CallState", "Guard"]

Guard = Callable[[Leg, LegEvent], bool]


class Call:
    """The conversation of leg `a` (who called) and leg `b` (who was called).

    id          ours, of 32 hex digits; legs have their own SIP Call-IDs
    legs        every leg that belongs to it, also those that ring or are consulted
    account_id  whose call it is, or None
    """

    def __init__(self, call_id: str, a: Leg, invite: Invite, mixer: Mixer, events: Events, *,
                 account_id: str | None, direction: str) -> None:
        self.id = call_id
        self.a = a
        self.b: Leg | None = None
        self.invite = invite
        self.state = CallState.DIALING
        self.legs: set[Leg] = {a}
        self.account_id = account_id
        self.direction = direction
        self.reason: EndReason | None = None
        self.began_s = time.monotonic()
        self.began_at_s = time.time()
        self.answered_s: float | None = None
        self._answered = asyncio.Event()
        self.path = Path(mixer)
        self.ears: Ears = PassDigits(self.other)
        self.mask = Mask(self)
        self.timeline = Timeline(lambda: time.monotonic() - self.began_s)
        self.holding: Holding | None = None
        self.conference: Conference | None = None  # three or more of its legs talk at once
        self.transfers = 0  # so many have been begun
        self.on_hold: Callable[[Leg, bool], bool] | None = None  # takes care of a party's SIP hold, if it says True
        self._events = events
        self._guard: Guard | None = None
        self.offered: Leg | None = None  # whose place may be taken (Replaces) though the legs are guarded
        self._tasks = Tasks()
        self._on_ended: list[Callable[[Call], None]] = []

    # -- who is who ---------------------------------------------------------------------------------------------

    def other(self, leg: Leg) -> Leg | None:
        """The partner of a leg of the pair; None for any other leg."""
        if leg is self.a:
            return self.b
        return self.a if leg is self.b else None

    def add(self, leg: Leg) -> None:
        """A leg more; its end is this call's business. One that comes too late is hung up."""
        self.legs.add(leg)
        if self.mask.is_on:
            self.mask.apply()
        if self.is_over:
            leg.hangup(self.reason or reasons.HANGUP)

    def lose(self, leg: Leg) -> None:
        """A leg has gone to another call: the rest of this one ends."""
        self.legs.discard(leg)
        self.look()
        self.end(reasons.TRANSFERRED)

    def dialed(self, b: Leg) -> None:
        """Leg b is being called."""
        self.b = b
        self.add(b)

    def replace(self, old: Leg, new: Leg, *, came: bool = False) -> None:
        """`new` takes the place of `old` in the pair and they talk; `old` stays a leg until it ends.

        came  `new` was not brought but came of its own accord: its codes count
        """
        if old is self.a:
            self.a = new
        elif old is self.b:
            self.b = new
        else:
            raise ValueError(f"leg {old.id} is not of the pair of call {self.id}")
        self.add(new)
        self.join()
        self._hand_over_hold(old, new)
        self.publish("call.leg_replaced", leg_id=new.id, old_leg_id=old.id)
        self.ears.changed(new if came else None)

    def _hand_over_hold(self, old: Leg, new: Leg) -> None:
        """A hold ends with who held; who is still holding holds the new one."""
        other = self.other(new)
        if other is not None and other.state is LegState.UP:
            if old.is_holding:
                other.hold(False)
            self.keep_holds()

    def keep_holds(self) -> None:
        """Who of the pair is holding holds the other one, whoever that is now."""
        for leg in (self.a, self.b):
            if leg is not None and leg.is_holding and leg.state is LegState.UP:
                self._pass_on(leg, Held(True))

    def join(self) -> None:
        """Let the pair hear each other: whatever hold there was is over."""
        self._end_holding()
        if self.b is not None:
            self.path.join(self.a, self.b)
        self.look()

    def apart(self, holding: Holding) -> None:
        """The pair hears each other no more, until somebody joins it again; another hold ends with this."""
        self._end_holding()
        self.holding = holding
        self.path.part()
        self.look()

    def _end_holding(self) -> None:
        holding, self.holding = self.holding, None
        if holding is not None:
            holding.over()

    def look(self) -> None:
        """Let the timeline see who talks now, and who is on hold."""
        sides: dict[Side, Leg] = {"a": self.a} if self.b is None else {"a": self.a, "b": self.b}
        talking = {side: leg for side, leg in sides.items()
                   if leg.state is LegState.UP and leg in self.legs and self.answered_s is not None}
        held = {leg for leg in talking.values() if (other := self.other(leg)) is not None and other.is_holding}
        self.timeline.see(talking, held | self.holding.held if self.holding is not None else held)

    # -- events -------------------------------------------------------------------------------------------------

    def publish(self, name: str, *, leg_id: str | None = None, **fields: Any) -> None:
        """Tell the world something of this call."""
        self._events.publish(name, call_id=self.id, leg_id=leg_id, account_id=self.account_id, **fields)

    def heard(self, leg: Leg, event: LegEvent) -> None:
        """A leg reports. The guard first, then what is the same in every state, then the table."""
        if isinstance(event, Ended):
            self.legs.discard(leg)
        if isinstance(event, Held):
            leg.is_holding = event.on
        if isinstance(event, (Ended, Held)):
            self.look()
        if isinstance(event, MediaChanged):
            self.path.refresh()
            if self.conference is not None:
                self.conference.refresh()
        if self._guard is not None and self._guard(leg, event):
            return
        if not self.is_over:
            self._act(leg, event)
        self._close_if_empty()

    def _act(self, leg: Leg, event: LegEvent) -> None:
        if isinstance(event, (Pressed, Released)):
            self._keys(leg, event)
        elif isinstance(event, (Held, InfoReceived)):
            self._pass_on(leg, event)
        else:
            who = "a" if leg is self.a else "b" if leg is self.b else "extra"
            action = TABLE.get((self.state, who, type(event)))
            if action is not None:
                action(self, leg, event)

    def _keys(self, leg: Leg, event: Pressed | Released) -> None:
        if isinstance(event, Pressed):
            digit = self.mask.pressed(leg, event.digit)
            if self.holding is None or self.ears.is_armed(leg) or not self.holding.pressed(leg, digit):
                self.ears.pressed(leg, digit)
        else:
            self.ears.released(leg, self.mask.released(leg, event.digit), event.duration_ms)

    def _pass_on(self, leg: Leg, event: Held | InfoReceived) -> None:
        other = self.other(leg)
        if other is None or other.state is LegState.ENDED:
            return
        if isinstance(event, Held):
            if self.on_hold is None or not self.on_hold(leg, event.on):
                other.hold(event.on)
        elif not self.mask.is_on:  # its body might hold digits
            other.send_info(event.content_type, event.body)

    # -- taking part --------------------------------------------------------------------------------------------

    @contextmanager
    def guarded(self, guard: Guard) -> Iterator[None]:
        """While this lasts the guard sees every event first and may keep it (by returning True).

        Afterwards the pair is looked at: if one of the two has gone in the meantime, the call ends.
        """
        if self._guard is not None:
            raise RuntimeError("the legs of this call are being moved already")
        self._guard = guard
        try:
            yield
        finally:
            self._guard = None
            self.settle()

    @property
    def is_guarded(self) -> bool:
        """Is something moving the legs?"""
        return self._guard is not None

    def settle(self) -> None:
        """Make the call fit its pair: if one of them has gone, end it."""
        gone = next((leg for leg in (self.a, self.b) if leg is not None and leg.state is LegState.ENDED), None)
        if gone is not None:
            self.end(gone.reason or reasons.HANGUP)
        self._close_if_empty()

    def task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine that belongs to this call: cancelled when the call ends; a bug in it ends only itself."""
        task = self._tasks.add(work, f"{name} of call {self.id}")
        if self.is_over:
            task.cancel()
        return task

    def begin_talk(self) -> None:
        """Somebody has answered: the conversation counts from here."""
        self.state = CallState.TALKING
        self.answered_s = time.monotonic()
        self._answered.set()

    async def answered(self) -> None:
        """Until somebody answers (a cancelled task: until the call ends)."""
        await self._answered.wait()

    def on_ended(self, callback: Callable[[Call], None]) -> None:
        """Be told once when the last leg has gone."""
        self._on_ended.append(callback)

    # -- ending -------------------------------------------------------------------------------------------------

    def end(self, reason: EndReason) -> None:
        """Hang up every leg; the call is over when the last one has ended. Safe to repeat; the first reason stays."""
        if not self.is_over:
            self.state = CallState.ENDING
            self.reason = reason
            self._tasks.cancel()
            self._end_holding()
            self.path.part()
        for leg in list(self.legs):
            leg.hangup(self.reason or reason)
        self._close_if_empty()

    @property
    def is_over(self) -> bool:
        """Is it ending, or has it ended? Nothing but the end of its legs matters then."""
        return self.state in (CallState.ENDING, CallState.ENDED)

    def _close_if_empty(self) -> None:
        if self.legs or self.state is CallState.ENDED:
            return
        self.state = CallState.ENDED
        self._tasks.cancel()
        try:
            self.ears.closed()
        finally:
            for callback in self._on_ended:
                callback(self)
