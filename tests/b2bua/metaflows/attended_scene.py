# SPDX-License-Identifier: GPL-3.0-or-later
"""Three parties of an attended transfer with fake far ends, and what each of them hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from b2bua.calls.leg import LegState, Progress
from b2bua.metaflows.modules.attended_table import Happens, State
from tests.b2bua.metaflows.stage import Stage, Talk, settled
from tests.fakes import FakeLeg

TYPED = "*23001"


def node(**data: Any) -> dict[str, Any]:
    return {"patterns": {r"^2(\d{4})$": {"module": "transfer", "data": {"transfer_type": "attended", **data}}},
            "numbers": {"9": {"module": "record_call", "data": {"action": "start"}}}}


class Scene:
    """1001 at the PBX (who typed), the caller (who is moved), and the target 3001."""

    def __init__(self, **data: Any) -> None:
        self.stage = Stage(devices={"1001": node(**data)}, trunk={"refer": "never"})

    async def begin(self) -> Scene:
        self.talk: Talk = await self.stage.talk()
        self.call, self.transferor, self.transferee = self.talk.call, self.talk.b, self.talk.a
        self.transferor.press(TYPED)
        await settled()
        self.target: FakeLeg = self.stage.dialer.legs[-1]
        return self

    async def comes(self, *events: Happens) -> None:
        for event in events:
            await self.event(event)
            await settled()

    async def event(self, event: Happens) -> None:
        if event is Happens.TIMEOUT:
            await asyncio.sleep(21)
            return
        acts: dict[Happens, Callable[[], object]] = {
            Happens.EARLY_MEDIA: lambda: self.target.emit(Progress(183, "", True)),
            Happens.ANSWERED: self.target.answers,
            Happens.TARGET_ENDS: lambda: self.target.hangs_up(486 if self.target.state is not LegState.UP else 200),
            Happens.TAKEBACK: lambda: self.transferor.press("*1"),
            Happens.MERGE: lambda: self.transferor.press("*3"),
            Happens.TRANSFEROR_ENDS: self.transferor.hangs_up,
            Happens.TRANSFEREE_ENDS: self.transferee.hangs_up}
        acts[event]()

    def hears(self, leg: FakeLeg) -> set[str]:
        """What a leg hears: sounds of ours, and people."""
        people = {"transferor": self.transferor, "transferee": self.transferee, "target": self.target}
        mixer = self.stage.mixer
        heard = {name for name, other in people.items() if other is not leg and (
            (other.port, leg.port) in mixer.connected or frozenset((other, leg)) in mixer.relayed)}
        return heard | {playing.sound.file.name for playing in self.stage.player.playing(leg)}

    def holds(self, leg: FakeLeg) -> bool:
        """Do we hold it?"""
        return [one for one in leg.told if one[0] == "hold"][-1:] == [("hold", True)]

    def scene(self) -> dict[str, set[str] | str]:
        """Everybody: what they hear, or `gone`."""
        legs = {"transferor": self.transferor, "transferee": self.transferee, "target": self.target}
        return {name: self.hears(leg) if leg.state is not LegState.ENDED else "gone" for name, leg in legs.items()}


RINGING: dict[str, set[str] | str] = {"transferor": {"ringback"}, "transferee": {"hold_music"}, "target": set()}
CONSULTING: dict[str, set[str] | str] = {"transferor": {"target"}, "transferee": {"hold_music"},
                                         "target": {"transferor"}}
MERGED: dict[str, set[str] | str] = {"transferor": {"transferee", "target"}, "transferee": {"transferor", "target"},
                                     "target": {"transferor", "transferee"}}
RESTORED: dict[str, set[str] | str] = {"transferor": {"transferee"}, "transferee": {"transferor"}, "target": "gone"}
JOINED: dict[str, set[str] | str] = {"transferor": "gone", "transferee": {"target"}, "target": {"transferee"}}
KEPT: dict[str, set[str] | str] = {"transferor": {"target"}, "transferee": "gone", "target": {"transferor"}}
PARTIAL: dict[str, set[str] | str] = {"transferor": "gone", "transferee": {"hold_music"}, "target": set()}
GONE: dict[str, set[str] | str] = {"transferor": "gone", "transferee": "gone", "target": "gone"}

TO: dict[State, list[Happens]] = {State.RINGING: [], State.CONSULTING: [Happens.ANSWERED],
                                  State.MERGED: [Happens.ANSWERED, Happens.MERGE],
                                  State.PARTIAL: [Happens.TRANSFEROR_ENDS]}
ROWS: list[tuple[State, Happens, dict[str, set[str] | str], str | None]] = [
    (State.RINGING, Happens.EARLY_MEDIA, {**RINGING, "transferor": set()}, None),
    (State.RINGING, Happens.ANSWERED, CONSULTING, None),
    (State.RINGING, Happens.TARGET_ENDS, RESTORED, "busy"),
    (State.RINGING, Happens.TIMEOUT, RESTORED, "noanswer"),
    (State.RINGING, Happens.TAKEBACK, RESTORED, "takeback"),
    (State.RINGING, Happens.TRANSFEROR_ENDS, PARTIAL, None),
    (State.RINGING, Happens.TRANSFEREE_ENDS, GONE, "failed"),
    (State.CONSULTING, Happens.TARGET_ENDS, RESTORED, "failed"),
    (State.CONSULTING, Happens.TAKEBACK, RESTORED, "takeback"),
    (State.CONSULTING, Happens.MERGE, MERGED, None),
    (State.CONSULTING, Happens.TRANSFEROR_ENDS, JOINED, "answered"),
    (State.CONSULTING, Happens.TRANSFEREE_ENDS, KEPT, "failed"),
    (State.MERGED, Happens.MERGE, CONSULTING, None),
    (State.MERGED, Happens.TARGET_ENDS, RESTORED, "failed"),
    (State.MERGED, Happens.TAKEBACK, RESTORED, "takeback"),
    (State.MERGED, Happens.TRANSFEROR_ENDS, JOINED, "answered"),
    (State.MERGED, Happens.TRANSFEREE_ENDS, KEPT, "failed"),
    (State.PARTIAL, Happens.ANSWERED, JOINED, "answered"),
    (State.PARTIAL, Happens.TARGET_ENDS, GONE, "busy"),
    (State.PARTIAL, Happens.TIMEOUT, GONE, "noanswer"),
    (State.PARTIAL, Happens.TRANSFEREE_ENDS, GONE, "failed"),
]
