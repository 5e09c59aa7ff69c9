# SPDX-License-Identifier: GPL-3.0-or-later
"""Far ends that are fake but whole: legs that behave like dialogs, a mixer, a dialer, a recorder, and time that flies.

`in_no_time` runs an async test on a loop whose clock jumps to the next timer instead of waiting for it.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from b2bua.calls.digit import Digit, Source
from b2bua.calls.exchange import DialError
from b2bua.calls.headers import Header, Party
from b2bua.calls.leg import (
    Answered,
    Dial,
    Ended,
    Held,
    Leg,
    LegState,
    MediaChanged,
    NotifyAnswered,
    Pressed,
    Progress,
    ReferProgress,
    ReferReceived,
    Released,
)
from b2bua.calls.reason import EndReason
from b2bua.calls.replaces import DialogId, ReferTo


class _Jump(selectors.SelectSelector):
    """Looks at the sockets without waiting, and lets the clock jump over the time it should have waited."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else 5)
        if not ready and timeout:
            self.now_s += timeout
        return ready


class FlyingLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits for a timer."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """Seconds, as if they had passed."""
        return self._jump.now_s


def in_no_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run this async test on a FlyingLoop."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=FlyingLoop) as runner:
            runner.run(main())

    return run


class FakeLeg(Leg):
    """A leg whose far end is played by the test.

    told     what was asked of it, in order: (verb, arguments...)
    digits   presses sent to the far end: (digit, duration_ms, loop time)
    """

    ports = 0

    def __init__(self, leg_id: str, peer: str, direction: Any, party: Party, dialed: Dial | None = None) -> None:
        super().__init__(leg_id, peer, direction, party)
        self.dialed = dialed
        self.told: list[tuple[Any, ...]] = []
        self.digits: list[tuple[str, int, float]] = []

    # -- what the product asks ----------------------------------------------------------------------------------

    def ring(self, code: int, text: str, *, media: bool, codecs: Sequence[str] = ()) -> None:
        self.told.append(("ring", code))
        if self.state is LegState.TRYING:
            self.state = LegState.EARLY

    def answer(self, codecs: Sequence[str] = ()) -> None:
        self.told.append(("answer",))
        if self.state is not LegState.ENDED:
            self._up()

    def hangup(self, reason: EndReason) -> None:
        if self.state is not LegState.ENDED and ("hangup" not in [verb for verb, *_ in self.told]):
            self.told.append(("hangup", reason))
            asyncio.get_running_loop().call_soon(self._end, reason)

    def hold(self, on: bool) -> None:
        self.told.append(("hold", on))

    def withhold(self, digits: str) -> None:
        self.withheld = digits

    def mask(self, on: bool, sound: bool) -> None:
        self.told.append(("mask", on, sound))

    def send_digit(self, digit: str, duration_ms: int) -> None:
        self.digits.append((digit, duration_ms, asyncio.get_running_loop().time()))

    def send_info(self, content_type: str, body: str) -> None:
        self.told.append(("info", content_type, body))

    def identify(self, party: Party) -> None:
        self.told.append(("identify", party.user))

    def refer(self, target: str, headers: Sequence[Header] = ()) -> None:
        self.told.append(("refer", target, dict(headers)))

    def notify_refer(self, code: int, text: str, *, final: bool) -> None:
        self.told.append(("notify_refer", code, final))

    @property
    def dialog_id(self) -> DialogId:
        return DialogId(self.id, f"{self.id}-ours", f"{self.id}-theirs")

    @property
    def codec(self) -> str | None:
        return "pcmu/8000" if self.port is not None else None

    # -- what the far end does ----------------------------------------------------------------------------------

    def rings(self, code: int = 180) -> None:
        self.state = LegState.EARLY
        self.emit(Progress(code, "Ringing", False))

    def answers(self) -> None:
        self._up()
        self.emit(Answered())

    def hangs_up(self, code: int = 200, text: str = "") -> None:
        self._end(EndReason.from_code(code, text))

    def ends(self, reason: EndReason) -> None:
        """The far end ends it, with a Reason header maybe."""
        self._end(reason)

    def press(self, digits: str, source: Source = Source.RFC4733) -> None:
        """Each key down and up at once, 100 ms by its own account."""
        for digit in digits:
            self.down(digit, source)
            self.up(digit, 100)

    def down(self, digit: str, source: Source = Source.RFC4733) -> None:
        self._pressed = Digit(digit, source, asyncio.get_running_loop().time())
        self.emit(Pressed(self._pressed))

    def up(self, digit: str, duration_ms: int = 100) -> None:
        assert self._pressed.digit == digit
        self.emit(Released(self._pressed, duration_ms))

    async def type(self, digits: str, gap_s: float = 0.1) -> None:
        """Press one key after the other, 100 ms each, with gaps between them."""
        for digit in digits:
            self.down(digit)
            await asyncio.sleep(0.1)
            self.up(digit)
            await asyncio.sleep(gap_s)

    def holds(self, on: bool) -> None:
        self.emit(Held(on))

    def asks_transfer(self, refer_to: str, referred_by: str | None = None) -> None:
        self.emit(ReferReceived(ReferTo.parse(refer_to), referred_by))

    def answers_notify(self) -> None:
        self.emit(NotifyAnswered())

    def notified(self) -> list[int]:
        """Codes that its far end was told of its REFER."""
        return [told[1] for told in self.told if told[0] == "notify_refer"]

    def accepts_refer(self) -> None:
        self.emit(ReferProgress(202, "Accepted", False, False))

    def refuses_refer(self, code: int) -> None:
        self.emit(ReferProgress(code, "No", True, False))

    def notifies(self, code: int, *, final: bool = True) -> None:
        self.emit(ReferProgress(code, "", final, True))

    @property
    def sent(self) -> str:
        """The digits that its far end has heard."""
        return "".join(digit for digit, _, _ in self.digits)

    @property
    def hung_up(self) -> EndReason | None:
        """Why we hung it up."""
        return next((told[1] for told in self.told if told[0] == "hangup"), None)

    def refers(self) -> list[tuple[str, dict[str, str]]]:
        """REFERs that it was asked to send: target and headers."""
        return [(told[1], told[2]) for told in self.told if told[0] == "refer"]

    def _up(self) -> None:
        self.state = LegState.UP
        FakeLeg.ports += 1
        self.port = FakeLeg.ports
        self.emit(MediaChanged())

    def _end(self, reason: EndReason) -> None:
        if self.state is not LegState.ENDED:
            self.state, self.reason, self.port = LegState.ENDED, reason, None
            self.emit(Ended(reason))


@dataclass
class FakeMixer:
    """Who hears whom: (source, sink) ports, and pairs that are relayed; `agrees`: do legs agree on a codec?"""

    connected: set[tuple[int, int]] = field(default_factory=set)
    relayed: set[frozenset[Leg]] = field(default_factory=set)
    levels: dict[tuple[int, int], float] = field(default_factory=dict)
    agrees: bool = False

    def connect(self, source: int, sink: int, level: float = 1.0) -> None:
        self.connected.add((source, sink))
        self.levels[source, sink] = level

    def disconnect(self, source: int, sink: int) -> None:
        self.connected.remove((source, sink))

    def relay(self, one: Leg, other: Leg) -> bool:
        self.unrelay(one)
        self.unrelay(other)
        if self.agrees:
            self.relayed.add(frozenset((one, other)))
        return self.agrees

    def unrelay(self, leg: Leg) -> None:
        self.relayed = {pair for pair in self.relayed if leg not in pair}

    def hears(self, one: Leg, other: Leg) -> bool:
        """Do these two hear each other?"""
        ports = (one.port, other.port)
        if frozenset((one, other)) in self.relayed:
            return None not in ports
        return None not in ports and {ports, ports[::-1]} <= self.connected


@dataclass
class FakeDialer:
    """Legs that were dialled, in order; `refusal` makes the next one fail."""

    legs: list[FakeLeg] = field(default_factory=list)
    refusal: EndReason | None = None

    def dial(self, dial: Dial) -> Leg:
        if self.refusal is not None:
            raise DialError(self.refusal)
        party = Party("", dial.number, f"sip:{dial.number}@{dial.peer}")
        self.legs.append(FakeLeg(f"dialed-{len(self.legs)}", dial.peer, "outbound", party, dial))
        return self.legs[-1]
