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
from collections.abc import Callable

from b2bua.calls import reason as reasons
from b2bua.calls.exchange import DialError
from b2bua.calls.leg import Answered, Ended, Leg, LegEvent, LegState, Progress, ReferProgress
from b2bua.metaflows.context import Outcome, Report
from b2bua.metaflows.modules.errand import Errand, failed, stranded
from b2bua.metaflows.modules.referral import Came, WayClosedError, refer


class Blind:
    """One blind transfer.

    methods      the ways to try; None: as the transferee's peer says
    on_progress  is told the codes of the target that we call (180), and 200 when the transferee talks to it
    target       a leg that is being called already; None: we call the target
    """

    def __init__(self, errand: Errand, methods: list[str] | None = None,
                 on_progress: Callable[[int, str], None] = lambda code, text: None, target: Leg | None = None) -> None:
        self._errand = errand
        self._call = errand.call
        self._parts = errand.parts
        self._transferor = errand.transferor
        self._transferee = errand.transferee
        self._methods = methods if methods is not None else self._usual_methods()
        self._on_progress = on_progress
        self._called = target
        self._target: Leg | None = None  # it rings, and has the transferor's place as soon as it answers
        self._events: asyncio.Queue[tuple[Leg, LegEvent]] = asyncio.Queue()
        self._code = 0  # the last SIP code that says how it goes

    @property
    def code(self) -> int:
        """The last SIP code that says how it went; 0: none did."""
        return self._code

    async def run(self) -> Report:
        """Try the ways; returns how it went. After that the pair is whole, or the call ends."""
        with self._call.guarded(self._guard):
            report = await self._attempts()
            if report.outcome is Outcome.ANSWERED:
                self._on_progress(200, "OK")  # before anybody is hung up: the target may have gone again
            elif self._transferor.state is LegState.ENDED:
                self._call.end(stranded(self._code, report.reason))
            return report

    async def _attempts(self) -> Report:
        report = Report(Outcome.FAILED, "no way to the target")
        for method in self._methods:
            try:
                return await self._attempt(method)
            except WayClosedError as closed:
                report = Report(Outcome.FAILED, str(closed))
        return report

    def _guard(self, leg: Leg, event: LegEvent) -> bool:
        """Keep what decides about the transfer; everything else goes its usual way."""
        stranger = leg not in (self._transferor, self._transferee)
        decides = isinstance(event, (Ended, ReferProgress)) or (stranger and isinstance(event, (Answered, Progress)))
        if isinstance(event, Answered) and leg is self._target and self._transferee.state is not LegState.ENDED:
            self._join(leg)  # at once: it may hang up before we get to it
        if decides:
            self._events.put_nowait((leg, event))
        return decides or stranger

    def _usual_methods(self) -> list[str]:
        policy = self._parts.peers[self._transferee.peer].refer
        if policy == "auto":
            known = self._parts.ways.worked.get(self._transferee.peer)
            recorder = self._parts.recorder
            is_recorded = recorder is not None and recorder.running(self._call) is not None  # it goes on, through us
            return ["invite"] if known == "invite" or is_recorded else ["refer", "invite"]
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
        except WayClosedError as closed:
            outcome, self._code = Outcome.FAILED, closed.code
            raise
        finally:
            self._call.publish("transfer.ended", **about, outcome=outcome.value, code=self._code)
        if outcome is Outcome.ANSWERED and "refer" in self._methods:  # our INVITE alone says nothing about REFER
            self._parts.ways.worked[self._transferee.peer] = method
        return report

    # -- by REFER -----------------------------------------------------------------------------------------------

    async def _by_refer(self) -> Report:
        verdict = await refer(self._errand, self._transferee, self._errand.refer_to(), self._event_of_transferee)
        self._code = verdict.code
        match verdict.came:
            case Came.MOVED:
                return self._moved()
            case Came.LEFT:
                return self._transferee_left()
        return failed(verdict.code, verdict.text)

    async def _event_of_transferee(self) -> LegEvent:
        """The next event of this leg that decides; those of others are forgotten."""
        while True:
            who, event = await self._events.get()
            if who is self._transferee:
                return event

    def _moved(self) -> Report:
        """The transferee talks to the target without us: both our legs are done (RFC 5589 §6.1)."""
        self._errand.completed(None)
        self._call.end(reasons.TRANSFERRED)
        return Report(Outcome.ANSWERED)

    # -- by our own INVITE --------------------------------------------------------------------------------------

    async def _by_invite(self) -> Report:
        if self._transferee.state is LegState.ENDED:
            return self._transferee_left()
        try:
            target = self._called or self._errand.dial(self._errand.kept_party())
        except DialError as error:
            self._code = error.reason.code
            return Report(Outcome.FAILED, error.reason.text)
        self._target = target
        try:
            async with asyncio.timeout(self._errand.ring_s):
                return await self._ringing(target)
        except TimeoutError:
            if self._call.other(target) is not None:
                return Report(Outcome.ANSWERED)
            self._code = 408
            target.hangup(reasons.RING_TIMEOUT)
            return Report(Outcome.NO_ANSWER, "the target did not answer in time")
        finally:
            self._target = None
            if self._call.other(target) is None:
                target.hangup(reasons.HANGUP)

    async def _ringing(self, target: Leg) -> Report:
        if target.state is LegState.UP:  # it was up before
            self._join(target)
        while self._call.other(target) is None:
            leg, event = await self._events.get()
            if leg is target and isinstance(event, Progress):
                self._on_progress(event.code, event.text)
            if leg is target and isinstance(event, Ended):
                self._code = event.reason.code
                return failed(event.reason.code, event.reason.text)
            if leg is self._transferee and isinstance(event, Ended):
                return self._transferee_left()
            if isinstance(event, ReferProgress) and event.notified and 200 <= event.code < 300:
                self._code = event.code
                return self._moved()  # our REFER did it after all, later than we waited
        return Report(Outcome.ANSWERED)

    def _join(self, target: Leg) -> None:
        self._code = 200
        self._call.replace(self._transferor, target)
        self._errand.let_go()
        self._errand.introduce(self._transferee, target)
        self._errand.completed(target)

    def _transferee_left(self) -> Report:
        return Report(Outcome.FAILED, "the transferee hung up")
