# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module gets to work with, and what it gives back. SIP thread.

The parts are protocols: the recorder, the tones and the way to the outside are built elsewhere and handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

from b2bua.calls.call import Call
from b2bua.calls.directory import Directory, Endpoint
from b2bua.calls.headers import Header, Party
from b2bua.calls.leg import Leg, LegState
from b2bua.calls.sounds import Library, Player, Sound
from b2bua.metaflows.match import Slow
from b2bua.metaflows.permit import Permit
from config.settings import Peer

if TYPE_CHECKING:
    from b2bua.metaflows.parking import Lot
    from b2bua.metaflows.scripts import Scripts


class Outcome(StrEnum):
    """How a module ended: the closed set. A child of that name runs next, else the child `_`."""

    DONE = "done"
    STARTED = "started"
    STOPPED = "stopped"
    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "noanswer"
    FAILED = "failed"
    TAKEBACK = "takeback"
    INTERRUPTED = "interrupted"
    UNAVAILABLE = "unavailable"  # this module cannot be run (yet); no child runs
    ERROR = "error"  # a bug or unusable data; no child runs
    CANCELLED = "cancelled"  # the call ended first; no child runs


@dataclass(frozen=True, slots=True)
class Report:
    """The end of one module.

    reason  for people; empty where the outcome says it all. Never holds digits
    """

    outcome: Outcome
    reason: str = ""


class RecordingError(Exception):
    """A recording could not be started; the text says why."""


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """How to record.

    left              the leg whose voice goes to the left channel; the other's goes to the right. The recording
                      belongs to the call: when a leg is replaced, its successor takes its channel
    time_limit_s      it stops by itself after this
    min_s             a shorter one is thrown away
    sample_rate_hz    None: that of the conference
    url, method       where to send it afterwards; None: to the operator's bucket, if there is one
    by                who started it, for the manifest
    beep_s            both parties hear a beep so often; None: as the operator has set it
    """

    left: Leg
    format: Literal["mp3", "wav", "flac", "ogg"] | None = None
    time_limit_s: int = 10800
    min_s: int = 0
    sample_rate_hz: int | None = None
    media_name: str | None = None
    label: str | None = None
    origin: str | None = None
    url: str | None = None
    method: Literal["put", "post"] = "put"
    by: Mapping[str, str | None] = field(default_factory=dict)
    beep_s: float | None = None


class Recording(Protocol):
    """One that runs."""

    @property
    def id(self) -> str:
        """Its name in the API and the events."""


class Recorder(Protocol):
    """Writes conversations to files. Returns at once: the writing happens on another thread.

    It publishes the recording.* events itself, stops what still runs when the call ends or the time limit is reached,
    and is silent while the call is masked (`call.mask`).
    """

    def start(self, call: Call, options: RecordingOptions) -> Recording:
        """Begin now. Raises RecordingError."""

    def stop(self, recording: Recording, by: Mapping[str, str | None] | None = None) -> None:
        """End it and keep the file; `by` is who did. Safe to repeat."""

    def running(self, call: Call) -> Recording | None:
        """The one that was started for this call and has not stopped."""


class Dials(Protocol):
    """Knows where numbers are, and sends an INVITE for a further leg of a call: the Exchange."""

    directory: Directory

    def route(self, from_peer: str, number: str) -> str | None:
        """The peer that a call from there to this number goes to; None: there is no route."""

    def carry(self, leg: Leg, call: Call) -> None:
        """A leg leaves its call for another one; the call that it leaves ends without it."""

    def home(self, call: Call, number: str, near: Sequence[str]) -> str | None:
        """The peer at which an endpoint of the call's account is reached."""

    def dial(self, call: Call, to_peer: str, number: str, headers: Sequence[Header] = (),
             caller: Party | None = None, uri_params: str = "") -> Leg:
        """Raises DialError."""

    def known(self, call_id: str) -> list[tuple[Call, Leg]]:
        """Live legs with this SIP Call-ID, and their calls."""

    def adopt(self, call: Call, leg: Leg) -> None:
        """A leg of another call becomes one of this call's; the rest of that call is hung up."""


class Tones(Protocol):
    """Short tones that only the presser hears."""

    def accepted(self, leg: Leg) -> None:
        """That was a code."""

    def rejected(self, leg: Leg) -> None:
        """That was none, or it could not be done."""


class Speech(Protocol):
    """Turns text into sound, off the SIP thread.

    language  what is spoken where nobody says anything else, as `en-us`
    """

    language: str

    async def speak(self, account_id: str | None, text: str, *, language: str | None = None, voice: str = "female",
                    engine: str | None = None, keep: bool = True) -> Sound:
        """The text, spoken for an account; an engine that does not exist is the usual one. Raises SoundError.

        keep  False: it is private; play it at once, its file is gone soon
        """


class VoiceError(Exception):
    """A voice cannot be changed; the text says why."""


class Voices(Protocol):
    """Changes how legs sound to their partners, by a thread of its own."""

    def change(self, call: Call, leg: Leg, pitch: float, length: float) -> None:
        """From now on, until `restore` or the end of the call; again: another change.

        pitch   2.0 is an octave up
        length  0.5 is twice as fast: what is said is heard in pieces, with silence between them
        raises  VoiceError; ValueError outside 0.25 to 4
        """

    def restore(self, leg: Leg) -> bool:
        """As it was; False when it was not changed."""

    def changed(self, leg: Leg) -> bool:
        """Is it changed?"""


@dataclass(slots=True)
class Ways:
    """What each peer has shown of transfers; lost at restart. SIP thread.

    worked       the way by which a blind one worked last: `refer` or `invite`
    handed_over  did it take a talk over by REFER with Replaces
    """

    worked: dict[str, str] = field(default_factory=dict)
    handed_over: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parts:
    """What modules use. Made once, by the app.

    public_address  host:port at which the far end of this leg reaches us (for Refer-To)
    hold_music      what those hear who wait, where neither code nor document says otherwise; None: the built-in tune
    lot             where parties are parked
    scripts         asks web servers for flows
    permit          who may be transferred where
    slow            patterns that took too long, and how often that happened (`slow.count`)
    """

    exchange: Dials
    peers: Mapping[str, Peer]
    public_address: Callable[[Leg], str]
    recorder: Recorder | None = None
    tones: Tones | None = None
    log_digits: bool = False
    recording_notice: str | None = None
    ways: Ways = field(default_factory=Ways)
    slow: Slow = field(default_factory=Slow)
    permit: Permit = field(default_factory=Permit)
    player: Player | None = None
    library: Library | None = None
    speech: Speech | None = None
    voices: Voices | None = None
    hold_music: str | None = None
    lot: Lot | None = None
    scripts: Scripts | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Where a module runs.

    leg        the leg that typed, or that the API named (KAZOO's dtmf_leg)
    owner      the leg of the endpoint whose code it is; the same leg unless the code was heard on the peer
    feedback   the presser wants to hear whether it worked
    captures   groups of the pattern that matched; None where no pattern did
    collected  the digits that matched a pattern; None where no pattern did
    code       key of the code in its document; None where the API asked
    alone      the leg goes on alone: its partner is being released
    """

    call: Call
    leg: Leg
    owner: Leg
    parts: Parts
    endpoint: Endpoint | None = None
    feedback: bool = False
    captures: tuple[str, ...] | None = None
    collected: str | None = None
    code: str | None = None
    alone: bool = False

    @property
    def by(self) -> dict[str, str | None]:
        """Who asked for it, for what is kept of it."""
        return {"by": "api" if self.code is None else "code", "code": self.code, "leg_id": self.leg.id,
                "endpoint_id": self.endpoint.id if self.endpoint else None}

    @property
    def peer(self) -> Leg | None:
        """The party that the leg talks to; None where it has gone."""
        other = self.call.other(self.leg)
        return other if other is not None and other.state is not LegState.ENDED and not self.alone else None

    @classmethod
    def of(cls, call: Call, leg: Leg, parts: Parts) -> Context:
        """For the API: nobody typed, the leg is named."""
        return cls(call, leg, leg, parts, leg.endpoint)
