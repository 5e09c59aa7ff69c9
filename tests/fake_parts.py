# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules use, fake: a recorder and tones that remember."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg
from b2bua.metaflows.context import RecordingError, RecordingOptions


@dataclass
class FakeRecording:
    """One recording of a test."""

    id: str
    options: RecordingOptions


@dataclass
class FakeRecorder:
    """Remembers what was recorded; `failure` makes the next start fail."""

    live: dict[Call, FakeRecording] = field(default_factory=dict)
    made: list[FakeRecording] = field(default_factory=list)
    failure: str | None = None

    def start(self, call: Call, options: RecordingOptions) -> FakeRecording:
        if self.failure is not None:
            raise RecordingError(self.failure)
        self.live[call] = FakeRecording(f"r{len(self.made)}", options)
        self.made.append(self.live[call])
        return self.live[call]

    def stop(self, recording: Any, by: Any = None) -> None:
        self.live = {call: one for call, one in self.live.items() if one is not recording}

    def running(self, call: Call) -> FakeRecording | None:
        return self.live.get(call)


@dataclass
class FakeTones:
    """Tones that were played: (name, leg id)."""

    played: list[tuple[str, str]] = field(default_factory=list)

    def accepted(self, leg: Leg) -> None:
        self.played.append(("accepted", leg.id))

    def rejected(self, leg: Leg) -> None:
        self.played.append(("rejected", leg.id))
