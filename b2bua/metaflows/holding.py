# SPDX-License-Identifier: GPL-3.0-or-later
"""The holds of a call: by code (soft), by code in SIP, and by a phone's own key. SIP thread.

    hold      begun by                    the held party hears          ends by
    soft      `hold`                      music; the holder its own     the unhold key, `resume`
    sip       `hold_control`              music; the leg is sendonly    `hold_control`, `resume`
    alone     `park`, `callflow`, `pivot`   music, or what a flow plays   somebody takes the free place
    phone     a re-INVITE of a phone      ours or the phone's own       the phone's re-INVITE
              (peer: hold_music)

Whatever joins the pair ends every hold of ours: a party that is replaced, a transfer, the end of the call.
"""

from __future__ import annotations

import asyncio

from b2bua.calls.call import Call, CallState
from b2bua.calls.digit import Digit
from b2bua.calls.leg import Leg, LegState
from b2bua.calls.sounds import Playing, Sound
from b2bua.metaflows.context import Context, Parts
from b2bua.metaflows.music import hold_music


class SoftHold:
    """The two are apart; each hears what is his.

    held   hears `music`; the other one `own`, or silence
    key    ends it, pressed by the one who holds; "": no key does
    """

    kind = "soft"
    may_resume = True  # by `resume`

    def __init__(self, call: Call, parts: Parts, held: Leg, music: Sound | None, own: Sound | None = None,
                 key: str = "") -> None:
        self._call = call
        self._player = parts.player
        self._held = held
        self._sounds = ((held, music), (call.other(held), own))
        self._key = key
        self._playing: list[Playing] = []

    @property
    def held(self) -> frozenset[Leg]:
        """As of Holding."""
        return frozenset((self._held,))

    def begin(self) -> None:
        """From now on."""
        self._call.apart(self)
        for leg, sound in self._sounds:
            if self._player is not None and leg is not None and sound is not None:
                self._playing.append(self._player.start(self._call, leg, sound, loop=True))
        self._call.publish("call.held", leg_id=self._held.id, kind=self.kind)

    def pressed(self, leg: Leg, digit: Digit) -> bool:
        """As of Holding: the holder's key brings the two together."""
        if leg is self._held or digit.digit != self._key:
            return False
        self._call.join()
        return True

    def over(self) -> None:
        """As of Holding."""
        for playing in self._playing:
            playing.stop()
        if not self._call.is_over:
            self._call.publish("call.resumed", leg_id=self._held.id, kind=self.kind)


class SipHold(SoftHold):
    """The same for a leg that is put on hold in SIP.

    asked  gets the re-INVITEs
    """

    kind = "sip"

    def __init__(self, call: Call, parts: Parts, held: Leg, music: Sound | None, asked: Leg) -> None:
        super().__init__(call, parts, held, music)
        self.asked = asked

    def begin(self) -> None:
        """From now on."""
        super().begin()
        self.asked.hold(True)

    def over(self) -> None:
        """As of Holding."""
        super().over()
        if self.asked.state is LegState.UP and not self._call.is_over:
            self.asked.hold(False)


class PhoneHold(SoftHold):
    """A phone holds by itself, and we have the music."""

    kind = "phone"
    may_resume = False


class Alone(SoftHold):
    """One party goes on alone, parked or in a flow: the other's place is free until somebody takes it.

    taken  somebody has
    """

    kind = "alone"
    may_resume = False

    def __init__(self, call: Call, parts: Parts, held: Leg) -> None:
        super().__init__(call, parts, held, None)
        self.taken = asyncio.Event()

    def play(self, music: Sound | None) -> None:
        """The one who is alone hears it from now on, if nobody has come yet."""
        if self._player is not None and music is not None and not self.taken.is_set():
            self._playing.append(self._player.start(self._call, self._held, music, loop=True))

    def over(self) -> None:
        """As of Holding."""
        super().over()
        self.taken.set()


def why_not(context: Context, held: Leg | None) -> str | None:
    """Why this party cannot be held now, or None."""
    call = context.call
    if call.state is not CallState.TALKING or held is None or held is not context.peer:
        return "there is nobody to hold"
    return "the parties are being moved" if call.is_guarded else None


def resume(call: Call) -> None:
    """End what keeps the pair apart, a transfer too; not where a phone holds, nor where one of them is alone."""
    if call.holding is not None and call.holding.may_resume:
        call.join()


def sip_hold(call: Call, parts: Parts, leg: Leg, on: bool) -> bool:
    """A phone holds its partner, or does so no more: is that ours to serve (True), or does it go on to the partner?"""
    if parts.peers[leg.peer].hold_music != "ours":
        return False
    if on and call.state is CallState.TALKING and not call.is_guarded:
        call.task(_play_for(call, parts, leg), "hold music")
    elif isinstance(call.holding, PhoneHold) and leg not in call.holding.held:
        call.join()
        other = call.other(leg)
        if other is not None and other.is_holding:
            sip_hold(call, parts, other, True)
    return True


async def _play_for(call: Call, parts: Parts, holder: Leg) -> None:
    held = call.other(holder)
    music = await hold_music(parts, call, holder)
    if held is not None and call.other(holder) is held and holder.is_holding and not call.is_guarded:
        PhoneHold(call, parts, held, music).begin()
