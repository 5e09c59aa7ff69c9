# SPDX-License-Identifier: GPL-3.0-or-later
"""A leg: one SIP dialog and its media. What everyone above SIP may ask of it, and what it tells.

`b2bua.sip` implements it on pjsua2, the tests by a fake that behaves. All of it runs on the SIP thread. A leg reports
by `emit`, which hands the event to whoever waits for it and then to the leg's owner.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from b2bua.calls.digit import Digit
from b2bua.calls.directory import Endpoint
from b2bua.calls.headers import Header, Headers, Party
from b2bua.calls.reason import EndReason
from b2bua.calls.replaces import DialogId, ReferTo


class LegState(StrEnum):
    """Where the dialog stands."""

    TRYING = "trying"  # INVITE seen or sent
    EARLY = "early"  # it rings
    UP = "up"  # 200 sent or received
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Trying:
    """The far end has our INVITE (100)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A 18x came; `media` when it carries SDP (early media)."""

    code: int
    text: str
    media: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The dialog is up."""


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """`leg.port` has (another) value: media began, changed or stopped."""


@dataclass(frozen=True, slots=True)
class Held:
    """The far end put us on hold by re-INVITE, or took us off."""

    on: bool


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key went down."""

    digit: Digit


@dataclass(frozen=True, slots=True)
class Released:
    """The key came up; comes once after each Pressed."""

    digit: Digit
    duration_ms: int


@dataclass(frozen=True, slots=True)
class ReferProgress:
    """What became of our REFER: its answer, then the sipfrags of its NOTIFYs (RFC 3515 §2.4.4).

    notified  False for the answer to the REFER itself (a 202 is no success), True for a NOTIFY
    final     nothing more will come
    """

    code: int
    text: str
    final: bool
    notified: bool


@dataclass(frozen=True, slots=True)
class ReferReceived:
    """The far end asks us to call somebody (it has had its 202); `notify_refer` tells it what comes of it.

    referred_by   its Referred-By, if it has one
    wants_notify  False: it asked for no NOTIFY (RFC 4488)
    """

    target: ReferTo
    referred_by: str | None
    wants_notify: bool = True


@dataclass(frozen=True, slots=True)
class NotifyAnswered:
    """The far end has answered the last NOTIFY of its REFER."""


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """An INFO whose body is not ours: it goes to the other leg."""

    content_type: str
    body: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The dialog is over; the last event of a leg."""

    reason: EndReason


LegEvent = (Trying | Progress | Answered | MediaChanged | Held | Pressed | Released | ReferProgress | ReferReceived
            | NotifyAnswered | InfoReceived | Ended)
Owner = Callable[["Leg", LegEvent], None]


@dataclass(frozen=True, slots=True)
class Invite:
    """What the INVITE of a leg that came to us says.

    number     user part of the Request-URI
    codecs     rtpmap names with clock rate in the offer's order, e.g. ("PCMU/8000", "telephone-event/8000")
    source     address it came from, for the log
    """

    number: str
    caller: Party
    headers: Headers = field(default_factory=Headers)
    codecs: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Dial:
    """An INVITE to send.

    peer     name of the peer it goes to
    number   user part of the Request-URI
    caller   who the far end shall see in From
    headers  further header fields, Max-Forwards among them
    codecs   offer these first, in this order (RFC 3264: the other leg's offer)
    uri_params  of the Request-URI, with their semicolons
    """

    peer: str
    number: str
    caller: Party
    headers: Sequence[Header] = ()
    codecs: Sequence[str] = ()
    uri_params: str = ""


class Leg(ABC):
    """One SIP dialog and its media.

    id         SIP Call-ID; the `call-id` of KAZOO's API
    peer       name of the neighbour it comes from or goes to
    number     the leg's own user part: From of an INVITE we received, Request-URI of one we sent
    endpoint   whose leg it is, or None (no metaflows)
    port       conference port of its audio, None while there is no media
    is_holding  has its far end put us on hold
    granted_to  peers that were told its dialog's name, so that they may take the place of its partner (Replaces)
    """

    def __init__(self, leg_id: str, peer: str, direction: Literal["inbound", "outbound"], party: Party) -> None:
        self.id = leg_id
        self.peer = peer
        self.direction = direction
        self.party = party
        self.endpoint: Endpoint | None = None
        self.state = LegState.TRYING
        self.port: int | None = None
        self.is_holding = False
        self.granted_to: set[str] = set()
        self.reason: EndReason | None = None
        self.muted_tones = ""
        self._owner: Owner | None = None
        self._waiters: list[tuple[tuple[type, ...], asyncio.Future[LegEvent]]] = []

    @property
    def number(self) -> str:
        """The leg's own user part."""
        return self.party.user

    def owned_by(self, owner: Owner) -> None:
        """Tell this one from now on."""
        self._owner = owner

    def emit(self, event: LegEvent) -> None:
        """Report an event: to those who wait for it, then to the owner."""
        for waiter in [w for w in self._waiters if isinstance(event, w[0])]:
            self._waiters.remove(waiter)
            if not waiter[1].done():
                waiter[1].set_result(event)
        if self._owner is not None:
            self._owner(self, event)

    async def wait_for(self, *kinds: type, timeout_s: float | None = None) -> LegEvent:
        """The next event of these kinds; raises TimeoutError. An ended leg reports Ended at once."""
        if self.state is LegState.ENDED and self.reason is not None and Ended in kinds:
            return Ended(self.reason)
        future: asyncio.Future[LegEvent] = asyncio.get_running_loop().create_future()
        self._waiters.append((kinds, future))
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            self._waiters = [w for w in self._waiters if w[1] is not future]

    @abstractmethod
    def ring(self, code: int, text: str, *, media: bool, codecs: Sequence[str] = ()) -> None:
        """Send a 18x to an inbound leg, with SDP where `media`; `codecs` as for `answer`."""

    @abstractmethod
    def answer(self, codecs: Sequence[str] = ()) -> None:
        """Send 200 to an inbound leg; of its offer take what stands in `codecs`, if anything does."""

    @abstractmethod
    def hangup(self, reason: EndReason) -> None:
        """End the dialog: final answer, CANCEL or BYE, whichever fits. Safe to repeat; Ended follows."""

    @abstractmethod
    def hold(self, on: bool) -> None:
        """Put the far end on hold by re-INVITE, or take it off. Repeated by itself after glare (491)."""

    @abstractmethod
    def send_digit(self, digit: str, duration_ms: int) -> None:
        """Send one press in this leg's own method."""

    def withhold(self, digits: str) -> None:  # noqa: B027 - a leg whose digits never pass by themselves has nothing to do
        """From its next press on, these of its digits do not pass to the other leg by themselves (Digit.passed)."""

    def mute_tones(self, digits: str) -> None:
        """Its far end must not hear the tones of these digits in the sound of others."""
        self.muted_tones = digits

    @property
    def sends_tones(self) -> bool:
        """Do its far end's digits come as tones in its sound?"""
        return False

    @property
    def takes_tones(self) -> bool:
        """Does its far end get digits as tones?"""
        return False

    def mask(self, on: bool, sound: bool) -> None:  # noqa: B027 - a leg that passes nothing by itself has nothing to do
        """Its digits do not pass to the other leg by themselves, in its sound neither; nothing of it where `sound`."""

    @abstractmethod
    def send_info(self, content_type: str, body: str) -> None:
        """Send an INFO that came on the other leg."""

    def identify(self, party: Party) -> None:  # noqa: B027 - a leg whose far end cannot be told has nothing to do
        """Let the far end see that it talks to this party now (RFC 4916's purpose, by P-Asserted-Identity)."""

    @abstractmethod
    def refer(self, target: str, headers: Sequence[Header] = ()) -> None:
        """Ask the far end to call `target` (a URI); ReferProgress events follow, the last one final."""

    @abstractmethod
    def notify_refer(self, code: int, text: str, *, final: bool) -> None:
        """Tell the far end what its REFER has come to; after the final one NotifyAnswered follows, or Ended."""

    @property
    @abstractmethod
    def dialog_id(self) -> DialogId | None:
        """The dialog's name; None before the far end has answered with a tag."""

    @property
    @abstractmethod
    def codec(self) -> str | None:
        """The codec in use as name/rate, None without media."""
