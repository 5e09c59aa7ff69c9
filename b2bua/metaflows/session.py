# SPDX-License-Identifier: GPL-3.0-or-later
"""The ears of one call: collectors of the endpoints that have codes, and what becomes of every press. SIP thread.

The caller's endpoint is listened for from the start, the callee's from its answer (so in a forked call only the one
that answered). A leg that a transfer brought in starts no codes of its own (KAZOO F40). A collector follows its party
when that party's leg is replaced by another of the same device or user, keeps listening to whoever the peer is then,
and ends with its party.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from b2bua.calls.call import Call, CallState
from b2bua.calls.digit import DIGITS, FLASH, Digit, Source
from b2bua.calls.ears import Ears
from b2bua.calls.leg import Leg, LegState
from b2bua.metaflows.codebook import Codebook
from b2bua.metaflows.collector import Armed, Collector, Decision, Keep, Literal, Matched, Rejected, Why
from b2bua.metaflows.context import Context, Parts
from b2bua.metaflows.executor import Executor, label
from b2bua.metaflows.holding import sip_hold
from b2bua.metaflows.listening import Listener, Side, same_party
from b2bua.metaflows.outlet import Outlet, Press


def listener(parts: Parts) -> Callable[[Call], Ears]:
    """Makes the ears of each call: for `exchange.listen`."""
    codebook = Codebook(parts.slow)

    def listen(call: Call) -> Ears:
        call.on_hold = partial(sip_hold, call, parts)
        return Session(call, parts, codebook)
    return listen


class Session:
    """Hears every press of one call's pair, runs the codes, and lets the far party have the rest."""

    def __init__(self, call: Call, parts: Parts, codebook: Codebook) -> None:
        self._call = call
        self._parts = parts
        self._codebook = codebook
        self._loop = asyncio.get_running_loop()
        self._executor = Executor(call)
        self._listeners: list[Listener] = []
        self._outlets: dict[Leg, Outlet] = {}
        self._callee_known = False
        self._listen_for(call.a)
        self._follow()

    # -- the Ears of the call -----------------------------------------------------------------------------------

    def pressed(self, leg: Leg, digit: Digit) -> None:
        """A key went down on a leg of the pair."""
        shown = {"digit": digit.digit} if self._may_show else {}
        self._call.publish("digit.heard", leg_id=leg.id, source=digit.source.value,
                           latency_s=round(max(self._loop.time() - digit.at_s, 0.0), 4), **shown)
        press = self._outlet(leg).pressed(self._as_heard(leg, digit))
        if digit.digit == FLASH:
            return
        for one in list(self._listeners):
            for side in [side for side in one.sides.values() if side.leg is leg]:
                decisions = one.collector.press(side.name, digit.digit, self._loop.time())
                self._decide(one, side, decisions, press)
                side.last_s = press.at_s
        self._outlet(leg).flush()
        self._screen(leg)

    def released(self, leg: Leg, digit: Digit, duration_ms: int) -> None:
        """It came up: now its length is known, and it may go to the far party."""
        self._outlet(leg).released(digit, duration_ms)
        self._screen(leg)

    def _as_heard(self, leg: Leg, digit: Digit) -> Digit:
        """A tone that was not taken out has reached a far party that goes by tones."""
        other = self._call.other(leg)
        heard = digit.source is Source.INBAND and other is not None and other.takes_tones and \
            digit.digit not in other.muted_tones
        return replace(digit, passed=True) if heard else digit

    def is_armed(self, leg: Leg) -> bool:
        """Has this leg begun a code?"""
        return any(one.collector.deadline_s(side.name) is not None for one in self._listeners if not one.codes.shadow
                   for side in one.sides.values() if side.leg is leg)

    @property
    def _may_show(self) -> bool:
        return self._parts.log_digits and not self._call.mask.is_on

    def changed(self, came: Leg | None = None) -> None:
        """Someone answered, or a leg was replaced; who came of his own accord is listened for."""
        call = self._call
        if call.state is CallState.TALKING and not self._callee_known and call.b is not None:
            self._callee_known = True
            self._listen_for(call.b)
        self._follow()
        if came is not None and all(one.owner is not came for one in self._listeners):
            self._listen_for(came)
            self._follow()

    def closed(self) -> None:
        """The call is over; what was typed half is forgotten."""
        for one in self._listeners:
            for side in one.sides.values():
                side.stop()
        for outlet in self._outlets.values():
            outlet.close()
        self._listeners.clear()
        self._outlets.clear()

    # -- who listens to whom ------------------------------------------------------------------------------------

    def _listen_for(self, leg: Leg) -> None:
        endpoint = leg.endpoint
        if endpoint is None:
            return
        for codes in self._codebook.of(endpoint):
            self._listeners.append(Listener(endpoint, leg, codes, Collector(codes.rules, codes.matcher)))

    def _follow(self) -> None:
        """Make every listener fit the pair as it is now."""
        pair = [leg for leg in (self._call.a, self._call.b) if leg is not None]
        for leg in [leg for leg in self._outlets if leg not in pair]:
            self._outlets.pop(leg).close()
        owners = {one.owner for one in self._listeners}
        for one in list(self._listeners):
            if one.owner not in pair:
                heirs = (leg for leg in pair if leg not in owners and same_party(one.endpoint, leg.endpoint))
                heir = next(heirs, None)
                if heir is None:
                    self._forget(one)
                    continue
                one.owner = heir
            self._attend(one)
        for outlet in list(self._outlets.values()):
            outlet.flush()
        for leg in pair:
            self._screen(leg)

    def _screen(self, leg: Leg) -> None:
        """Say which presses of a leg must not pass by themselves: what hidden codes are made of, and what would
        overtake a press that waits."""
        hidden = [(one, side) for one in self._listeners if one.codes.rules.hide_codes and not one.codes.shadow
                  for side in one.sides.values() if side.leg is leg]
        outlet = self._outlets.get(leg)
        masked = self._call.mask.is_on
        if masked or any(one.collector.deadline_s(side.name) is not None for one, side in hidden) or (
                outlet is not None and outlet.is_waiting):
            withheld = DIGITS + FLASH
        else:
            withheld = "".join(sorted({one.codes.rules.binding_digit for one, _ in hidden}))
        leg.withhold(withheld)
        other = self._call.other(leg)
        if other is not None:
            other.mute_tones(DIGITS if masked or (leg.sends_tones and not other.takes_tones) else withheld)

    def _attend(self, one: Listener) -> None:
        """Listen on the legs that `listen_on` names, and on no others."""
        names = {"both": ("self", "peer"), "peer": ("peer",)}.get(one.codes.document.listen_on or "self", ("self",))
        for name in names:
            leg = one.owner if name == "self" else self._call.other(one.owner)
            side = one.sides.get(name)
            if side is not None and side.leg is leg:
                continue
            if side is not None:
                self._drop(one, one.sides.pop(name))
            if leg is not None:
                one.sides[name] = Side(name, leg)

    def _forget(self, one: Listener) -> None:
        for side in list(one.sides.values()):
            self._drop(one, side)
        self._listeners.remove(one)

    def _drop(self, one: Listener, side: Side) -> None:
        """Forget what was typed half; what was kept of a leg that is still there goes on."""
        one.collector.drop(side.name)
        side.stop()
        self._give_back(one, side)

    # -- presses ------------------------------------------------------------------------------------------------

    def _outlet(self, leg: Leg) -> Outlet:
        if leg not in self._outlets:
            self._outlets[leg] = Outlet(partial(self._send, leg), self._loop.time, self._loop.call_later)
        return self._outlets[leg]

    def _send(self, leg: Leg, digit: str, duration_ms: int) -> None:
        other = self._call.other(leg)
        if other is not None and other.state is not LegState.ENDED and self._call.holding is None:
            other.send_digit(digit, duration_ms)
        self._screen(leg)

    def _expired(self, one: Listener, side: Side) -> None:
        side.timer = None
        if side.leg.state is LegState.ENDED or self._call.is_over:
            one.collector.drop(side.name)
            return
        deadline_s = one.collector.deadline_s(side.name)
        now_s = max(self._loop.time(), deadline_s or 0.0)  # a timer may fire a clock tick early
        self._decide(one, side, one.collector.expire(side.name, now_s), None)
        self._outlet(side.leg).flush()
        self._screen(side.leg)

    def _decide(self, one: Listener, side: Side, decisions: list[Decision], press: Press | None) -> None:
        for decision in decisions:
            if one.codes.shadow:
                self._shadow(one, side, decision, press)
            elif isinstance(decision, Keep):
                assert press is not None
                press.keepers.add(id(one))
                side.kept.append(press)
            elif isinstance(decision, Armed):
                self._tell("collector.armed", one, side)
            elif isinstance(decision, Matched):
                self._throw_away(side)
                self._matched(one, side, decision)
            elif isinstance(decision, Rejected):
                self._rejected(one, side, decision)
            elif isinstance(decision, Literal):
                self._throw_away(side)
        side.stop()
        deadline_s = one.collector.deadline_s(side.name)
        if deadline_s is not None:
            side.timer = self._loop.call_at(deadline_s, self._expired, one, side)

    def _throw_away(self, side: Side) -> None:
        for press in side.kept:
            press.dropped = True
        side.kept.clear()

    def _give_back(self, one: Listener, side: Side) -> None:
        for press in side.kept:
            press.keepers.discard(id(one))
        side.kept.clear()

    def _matched(self, one: Listener, side: Side, decision: Matched) -> None:
        match, tones = decision.match, self._parts.tones
        node = one.codes.node(match)
        shown = {"key": match.key} if self._may_show else {}
        self._tell("collector.matched", one, side, digits=decision.digits, kind=match.kind, module=label(node), **shown)
        feedback = one.codes.document.feedback == "tones"
        if feedback and tones is not None:
            tones.accepted(side.leg)
        self._executor.submit(node, Context(self._call, side.leg, one.owner, self._parts, one.endpoint, feedback,
                                            match.captures, match.collected, match.key))

    def _rejected(self, one: Listener, side: Side, decision: Rejected) -> None:
        held_s = self._loop.time() - side.kept[0].at_s if side.kept else 0.0
        self._give_back(one, side)
        self._tell("collector.rejected", one, side, digits=decision.digits, reason=decision.why.value, held_s=held_s)
        tones = self._parts.tones
        if one.codes.document.feedback == "tones" and tones is not None and decision.why is not Why.EMPTY:
            tones.rejected(side.leg)

    def _shadow(self, one: Listener, side: Side, decision: Decision, press: Press | None) -> None:
        """Report what would have been done: nothing is kept, nothing runs.

        delay_s  of a code: from its last digit until it would have run; else how long the far party would have waited
        """
        now_s, codes = self._loop.time(), one.codes
        if isinstance(decision, Armed):
            side.armed_s = now_s
        elif isinstance(decision, Matched):
            match, node = decision.match, codes.node(decision.match)
            if codes.is_shadowed(node):
                delay_s = now_s - (side.last_s if press is None else press.at_s)
                shown = {"key": match.key} if self._may_show else {}
                self._tell("metaflow.shadowed", one, side, outcome="matched", module=label(node), kind=match.kind,
                           place=codes.place(match), digits=decision.digits, delay_s=delay_s, **shown)
        elif isinstance(decision, Rejected):
            delay_s = now_s - side.armed_s if codes.document.hide_codes else 0.0
            self._tell("metaflow.shadowed", one, side, outcome="rejected", module="none", reason=decision.why.value,
                       digits=decision.digits, delay_s=delay_s)

    def _tell(self, name: str, one: Listener, side: Side, **fields: object) -> None:
        self._call.publish(name, leg_id=side.leg.id, endpoint_id=one.endpoint.id, listen=side.name, **fields)
