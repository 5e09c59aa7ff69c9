# SPDX-License-Identifier: GPL-3.0-or-later
"""Attended transfer: the transferor talks to the target first. SIP thread.

What happens when stands in `attended_table`; here is how it is done. Digits of the transferor are heard by this
transfer before any collector: `takeback_dtmf` and `merge_dtmf`, and everything else goes to whom he talks to. Once
transferee and target talk, they may be handed over to the side that both are on (REFER with Replaces): then our legs
end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from b2bua.calls import reason as reasons
from b2bua.calls.conference import Conference
from b2bua.calls.digit import DIGITS, FLASH, Digit
from b2bua.calls.exchange import DialError
from b2bua.calls.leg import (
    Answered,
    Ended,
    Held,
    InfoReceived,
    Leg,
    LegEvent,
    LegState,
    Pressed,
    Progress,
    Released,
)
from b2bua.calls.reason import EndReason
from b2bua.metaflows.context import Outcome, Report
from b2bua.metaflows.modules.attended_table import TABLE, Do, Happens, State
from b2bua.metaflows.modules.errand import Errand, failed, stranded
from b2bua.metaflows.modules.keypad import Keypad
from b2bua.metaflows.modules.referral import hand_over, may_hand_over
from b2bua.metaflows.modules.waiting import Waiting
from b2bua.metaflows.modules.wishes import Wishes


class Attended:
    """One attended transfer. It is the call's holding while it lasts: whoever joins the pair ends it."""

    def __init__(self, errand: Errand, wishes: Wishes) -> None:
        self._errand = errand
        self._call = errand.call
        self._transferor, self._transferee = errand.transferor, errand.transferee
        self._target: Leg | None = None
        self._state = State.RINGING
        self._report = Report(Outcome.CANCELLED)
        self._end: EndReason | None = None  # the call shall end with this
        self._code = 0  # the last SIP code that says how it goes
        self._rang = asyncio.Event()  # it rings no more
        self._over = asyncio.Event()
        self._waiting = Waiting(errand, wishes.moh, wishes.ringback)
        self._wants_ringback = bool(wishes.ringback)
        self._keypad = Keypad({wishes.takeback: lambda: self._happened(Happens.TAKEBACK, Outcome.TAKEBACK),
                               wishes.merge: lambda: self._happened(Happens.MERGE)}, self._type)

    async def run(self) -> Report:
        """How it went. After that everybody talks or is released."""
        about = {"leg_id": self._transferor.id, "transferee_id": self._transferee.id, "method": "attended"}
        self._call.publish("transfer.started", **about)
        try:
            with self._call.guarded(self._guard):
                try:
                    await self._run()
                finally:
                    self._tidy()
        finally:
            self._call.publish("transfer.ended", **about, outcome=self._report.outcome.value, code=self._code)
        if self._report.outcome is Outcome.ANSWERED and not self._call.is_over:
            await self._leave_them()
        return self._report

    async def _leave_them(self) -> None:
        """Transferee and target talk: where they can do so without us, our legs end."""
        assert self._target is not None
        if may_hand_over(self._errand, self._target) and await hand_over(self._errand, self._target):
            self._call.end(reasons.TRANSFERRED)

    async def _run(self) -> None:
        try:
            target = self._errand.dial(self._transferor.party)
        except DialError as error:
            self._state, self._code = State.OVER, error.reason.code
            self._report = Report(Outcome.FAILED, error.reason.text)
            return
        self._target = target
        self._call.apart(self)
        self._transferor.withhold(DIGITS + FLASH)
        self._waiting.begin()
        try:
            async with asyncio.timeout(self._errand.ring_s):
                await self._rang.wait()
        except TimeoutError:
            self._code = reasons.RING_TIMEOUT.code
            self._happened(Happens.TIMEOUT, Outcome.NO_ANSWER, "the target did not answer in time")
        await self._over.wait()
        if self._end is not None:
            self._call.end(self._end)

    def _tidy(self) -> None:
        """Whatever came in between, nobody is left alone."""
        self._keypad.close()
        self._waiting.end()
        self._close_conference()
        if self._call.is_over:
            return
        if self._state is not State.OVER:  # an error of ours: as if it had been taken back
            self._state = State.OVER
            self._restore()
        self._call.ears.changed()

    # -- what happens ---------------------------------------------------------------------------------------------

    def _guard(self, leg: Leg, event: LegEvent) -> bool:
        """Keep what this transfer deals with; everything else goes its usual way."""
        if self._state is State.OVER or self._call.is_over:
            return False
        match event:
            case Pressed(digit):
                self._pressed(leg, digit)
            case Released(digit, duration_ms):
                return self._released(leg, digit, duration_ms)
            case Held(on):
                self._tell_partner(leg, lambda partner: partner.hold(on))
            case InfoReceived(content_type, body):
                self._tell_partner(leg, lambda partner: partner.send_info(content_type, body))
            case Progress(code, _, media) if leg is self._target:
                self._code = code
                if media:
                    self._happened(Happens.EARLY_MEDIA)
            case Answered() if leg is self._target:
                self._code = 200
                self._happened(Happens.ANSWERED)
            case Ended(reason):
                self._ended(leg, reason)
            case _:
                return False
        return True

    def _ended(self, leg: Leg, reason: EndReason) -> None:
        if leg is self._target:
            self._code = reason.code
            report = failed(reason.code, reason.text)
            if self._state in (State.CONSULTING, State.MERGED):
                report = Report(Outcome.FAILED, "the target hung up")
            self._happened(Happens.TARGET_ENDS, report.outcome, report.reason)
        elif leg is self._transferor:
            self._happened(Happens.TRANSFEROR_ENDS)
        elif leg is self._transferee:
            self._happened(Happens.TRANSFEREE_ENDS, Outcome.FAILED, "the transferee hung up")

    def _happened(self, what: Happens, outcome: Outcome = Outcome.ANSWERED, reason: str = "") -> None:
        """Look it up and do it; what the table does not name changes nothing."""
        row = TABLE.get((self._state, what))
        if row is None or self._call.is_over:
            return
        if row.next is State.OVER:
            self._report = Report(outcome, reason)
        self._state = row.next
        _DO[row.do](self)
        if row.next is not State.RINGING and row.next is not State.PARTIAL:
            self._rang.set()
        if row.next is State.OVER:
            self._over.set()
        elif row.do is not Do.LISTEN:
            self._call.publish(f"transfer.{row.next.value}", leg_id=self._transferor.id,
                               target_id=self._target.id if self._target is not None else None)

    # -- what is done: the verbs of the table ---------------------------------------------------------------------

    def _listen(self) -> None:
        if not self._wants_ringback and self._target is not None:
            self._waiting.hush(self._transferor)
            self._call.path.join(self._transferor, self._target)

    def _consult(self) -> None:
        assert self._target is not None
        self._close_conference()
        self._waiting.hush(self._transferor)
        self._waiting.music()
        self._call.path.join(self._transferor, self._target)
        self._transferor.hold(self._target.is_holding)
        self._target.hold(self._transferor.is_holding)

    def _merge(self) -> None:
        assert self._target is not None
        self._end_holds()
        self._waiting.end()
        self._call.path.part()
        legs = (self._transferor, self._transferee, self._target)
        self._call.conference = Conference(self._call.path.mixer, legs)

    def _go_on(self) -> None:
        self._waiting.hush(self._transferor)
        self._call.path.part()

    def _join(self) -> None:
        assert self._target is not None
        self._close_conference()
        self._waiting.end()
        self._end_holds()
        self._call.replace(self._transferor, self._target)
        self._errand.let_go()
        self._errand.introduce(self._transferee, self._target)
        self._errand.completed(self._target)

    def _keep(self) -> None:
        assert self._target is not None
        self._close_conference()
        self._waiting.end()
        self._call.replace(self._transferee, self._target)

    def _restore(self) -> None:
        self._close_conference()
        self._waiting.end()
        self._end_holds()
        self._call.join()
        self._call.keep_holds()
        if self._target is not None:
            self._target.hangup(reasons.HANGUP)

    def _release(self) -> None:
        self._waiting.end()
        self._end = stranded(self._code, self._report.reason)

    def _end_holds(self) -> None:
        """A hold of the consultation ends with it."""
        for leg in (self._transferor, self._target):
            if leg is not None:
                leg.hold(False)

    def _close_conference(self) -> None:
        if self._call.conference is not None:
            self._call.conference.close()
            self._call.conference = None

    # -- the call's holding ---------------------------------------------------------------------------------------

    may_resume = True

    @property
    def held(self) -> frozenset[Leg]:
        """The transferee waits."""
        return frozenset((self._transferee,)) if self._state is not State.MERGED else frozenset()

    def pressed(self, leg: Leg, digit: Digit) -> bool:
        """Its keys come by the guard."""
        return False

    def over(self) -> None:
        """Somebody else joined the pair (resume by the API): as if it had been taken back."""
        self._happened(Happens.TAKEBACK, Outcome.TAKEBACK)

    # -- keys, hold and INFO while it lasts -----------------------------------------------------------------------

    def _partner(self, leg: Leg) -> Leg | None:
        """To whom a leg talks now; None: to nobody, or to several."""
        if self._state is State.CONSULTING and leg in (self._transferor, self._target):
            return self._target if leg is self._transferor else self._transferor
        return None

    def _tell_partner(self, leg: Leg, tell: Callable[[Leg], None]) -> None:
        partner = self._partner(leg)
        if partner is not None and partner.state is not LegState.ENDED:
            tell(partner)

    def _pressed(self, leg: Leg, digit: Digit) -> None:
        if leg is self._transferor:
            self._keypad.pressed(digit)

    def _released(self, leg: Leg, digit: Digit, duration_ms: int) -> bool:
        if leg is self._transferor:
            return self._keypad.released(digit, duration_ms)  # the last press of the code that began it is not ours
        if not digit.passed:
            self._tell_partner(leg, lambda partner: partner.send_digit(digit.digit, duration_ms))
        return True

    def _type(self, digit: str, duration_ms: int) -> None:
        self._tell_partner(self._transferor, lambda partner: partner.send_digit(digit, duration_ms))


_DO = {Do.LISTEN: Attended._listen, Do.CONSULT: Attended._consult, Do.MERGE: Attended._merge, Do.GO_ON: Attended._go_on,
       Do.JOIN: Attended._join, Do.KEEP: Attended._keep, Do.RESTORE: Attended._restore, Do.RELEASE: Attended._release}
