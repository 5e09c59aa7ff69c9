# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a transfer moves, and where to: what every way of doing it needs to know. SIP thread."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from b2bua.calls import reason as reasons
from b2bua.calls.call import Call
from b2bua.calls.headers import Header, Party, escape_user
from b2bua.calls.leg import Leg
from b2bua.calls.reason import EndReason
from b2bua.metaflows.context import Context, Outcome, Parts, Report

BUSY = frozenset((486, 600, 603))  # the target cannot talk now, or does not want to
NO_ANSWER = frozenset((408, 480, 487))


@dataclass(frozen=True, slots=True)
class Errand:
    """One transfer.

    transferor   lets go; usually the leg that typed
    transferee   is moved
    number       the target, as it is called at `peer`
    ring_s       how long the target may ring when we call it
    headers      more fields for the INVITE to the target
    referred_by  as the one who asked said it; None: we say who it is (RFC 3892)
    keeps_transferor  its leg is not hung up when it is done: it waits for a NOTIFY first
    """

    call: Call
    parts: Parts
    transferor: Leg
    transferee: Leg
    number: str
    peer: str
    ring_s: float
    headers: tuple[Header, ...] = field(default=())
    referred_by: str | None = None
    keeps_transferor: bool = False
    uri_params: str = ""

    @classmethod
    def of(cls, context: Context, transferor: Leg, transferee: Leg, number: str, ring_s: float) -> Errand:
        """Of a code or the API: the target is sought where the owner of the code lives."""
        return cls(context.call, context.parts, transferor, transferee, number, home(context, number), ring_s)

    def dial(self, caller: Party | None) -> Leg:
        """Call the target as `caller`; None: as the caller of this call. Raises DialError."""
        hops = self.call.invite.headers.max_forwards() - max(1, self.call.transfers)
        headers = [self.referrer(), ("Max-Forwards", str(max(0, hops))), *self.headers]
        if self.parts.peers[self.peer].diversion:
            headers.append(("Diversion", f"{self._transferor_at_us()};reason=deflection"))
        return self.parts.exchange.dial(self.call, self.peer, self.number, headers, caller,
                                        self.uri_params)

    def kept_party(self) -> Party | None:
        """Whom the target will talk to: the transferee. None: the caller of this call is it."""
        return self.transferee.party if self.transferee.direction == "outbound" else None

    def refer_to(self) -> str:
        """The target as the transferee's side can reach it: at its own registrar, or through us."""
        if self.transferee.peer == self.peer:
            host = re.sub(r"^sips?:|;.*$", "", self.parts.peers[self.peer].uri)
        else:
            host = self.parts.public_address(self.transferee)
        return f"sip:{escape_user(self.number)}@{host}"

    def referrer(self) -> Header:
        """Who asks for it."""
        return "Referred-By", self.referred_by or self._transferor_at_us()

    def _transferor_at_us(self) -> str:
        return self.transferor.party.name_addr(self.parts.public_address(self.transferee))

    def let_go(self) -> None:
        """The transferor is done, unless somebody else says goodbye to it (`keeps_transferor`)."""
        if not self.keeps_transferor:
            self.transferor.hangup(reasons.TRANSFERRED)

    def introduce(self, one: Leg, other: Leg) -> None:
        """Let each of them see whom they talk to now."""
        one.identify(other.party)
        other.identify(one.party)

    def completed(self, target: Leg | None) -> None:
        """Tell that the transferee talks to the target; None: to a leg that is not ours."""
        self.call.publish("transfer.completed", leg_id=self.transferor.id, transferor=self.transferor.id,
                          transferee=self.transferee.id, target=target.id if target is not None else None)


def home(context: Context, number: str) -> str:
    """Where the number is called: at the peer with an account, the owner's before the other's, or where calls from
    there go (peers.*.numbers)."""
    owner, parts = context.owner, context.parts
    for leg in (owner, context.call.other(owner)):
        if leg is not None and parts.peers[leg.peer].account is not None:
            routed = parts.peers[leg.peer].numbers == "routed"
            place = parts.exchange.route(leg.peer, number) if routed else leg.peer
            if place is not None:
                return place
    return owner.peer


def stranded(code: int, text: str) -> EndReason:
    """Why the transferee is released: the target could not be had, and the transferor has gone."""
    if code < 300:
        return reasons.HANGUP
    return EndReason.from_code(code, text).because(f'SIP;cause={code};text="the transfer failed"')


def failed(code: int, text: str) -> Report:
    """Why the target could not be had."""
    outcome = Outcome.BUSY if code in BUSY else Outcome.NO_ANSWER if code in NO_ANSWER else Outcome.FAILED
    return Report(outcome, f"{code} {text}")
