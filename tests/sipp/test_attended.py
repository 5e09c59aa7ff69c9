# SPDX-License-Identifier: GPL-3.0-or-later
"""Attended transfer with real phones, every row of its table: who hears whom afterwards, told by frequency.

The transferor is 1001 at the PBX and has called the trunk (the other direction, and the far ends that misbehave, are in
test_codes). The phones live through all rows; each row is a call of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from b2bua.metaflows.modules.attended_table import Happens, State
from tests.b2bua.metaflows.attended_scene import ROWS, TO
from tests.peers.phone import Phone
from tests.peers.rest import Rest
from tests.peers.sound import read_wav, tone_dbm0
from tests.sipp.conftest import PBX, TRUNK, Stage

HZ = {"transferor": 900, "transferee": 500, "target": 1300}
RINGBACK_HZ = 425
NOTES_HZ = (174.6, 220.0, 246.9, 261.6, 293.7, 329.6, 392.0)  # of the built-in tune's chords
SPEECH_DBM0, SOUND_DBM0 = -16.0, -33.0  # a phone's tone has -10; a voice of the tune -22 at its loudest
LISTEN_S = 0.6
GONE = "gone"


@dataclass
class Trio:
    """Three phones; the transferor's and the target's are both at the PBX."""

    stage: Stage
    folder: Path
    phones: dict[str, Phone]
    patience_s: float = 6.0

    def __getattr__(self, name: str) -> Phone:
        return self.phones[name]

    def begin(self) -> None:
        """The transferor talks to the transferee, and has typed *# and the target's number, which rings."""
        self.talk()
        self.transferor.digits("*#1003", ms=60)
        self.rings()

    def rings(self) -> None:
        """The target is called."""
        self.target.wait("incoming")
        self.target.answer(180)

    def talk(self) -> None:
        """The transferor has called the transferee."""
        self.transferor.call(f"sip:2001@127.0.0.1:{self.stage.sidecar.sip[1]}", from_user="1001")
        self.transferee.wait("incoming")
        self.transferee.answer()
        self.transferor.wait("state", state="confirmed")
        self.transferee.wait("state", state="confirmed")

    def comes(self, event: Happens, state: State) -> None:
        """Something happens."""
        acts: dict[Happens, Callable[[], object]] = {
            Happens.EARLY_MEDIA: lambda: self.target.answer(183),
            Happens.ANSWERED: self._answers,
            Happens.TARGET_ENDS: lambda: self.target.hangup(0 if state in (State.CONSULTING, State.MERGED) else 486),
            Happens.TIMEOUT: lambda: None,
            Happens.TAKEBACK: lambda: self.transferor.digits("*1", ms=60),
            Happens.MERGE: lambda: self.transferor.digits("*3", ms=60),
            Happens.TRANSFEROR_ENDS: self.transferor.hangup, Happens.TRANSFEREE_ENDS: self.transferee.hangup}
        acts[event]()

    def _answers(self) -> None:
        self.target.answer()
        self.target.wait("state", state="confirmed")

    def settles(self, expected: dict[str, Any]) -> None:
        """Until everybody hears what they should, and who should be gone is; raises AssertionError."""
        for name, hears in expected.items():
            if hears == GONE:
                self.phones[name].wait("state", self.patience_s + 4, state="disconnected")
        living = {name: hears for name, hears in expected.items() if hears != GONE}
        end_s = time.monotonic() + self.patience_s
        while (heard := self._listen(living)) != living:
            assert time.monotonic() < end_s, f"they hear {heard}, not {living}"

    def _listen(self, names: dict[str, Any]) -> dict[str, set[str]]:
        for name in names:
            self.phones[name].record(self.folder / f"{name}.wav")
        time.sleep(LISTEN_S if names else 0)
        for name in names:
            self.phones[name].stop_record()
        return {name: self._heard(self.folder / f"{name}.wav") for name in names}

    def _heard(self, file: Path) -> set[str]:
        rate_hz, (samples, *_) = read_wav(file)
        samples = samples[len(samples) // 2:]
        heard = {name for name, hz in HZ.items() if tone_dbm0(samples, hz, rate_hz) > SPEECH_DBM0}
        if not heard and max(tone_dbm0(samples, hz, rate_hz) for hz in NOTES_HZ) > SOUND_DBM0:
            heard.add("hold_music")
        return heard

    def hang_up(self) -> None:
        """Whoever is left."""
        for phone in self.phones.values():
            phone.hang_up_all()


@contextmanager
def switched_on(ports: dict[str, int]) -> Iterator[dict[str, Phone]]:
    """Each with its tone."""
    with ExitStack() as stack:
        hosts = {"transferor": (PBX, 0), "transferee": (TRUNK, ports[TRUNK]), "target": (PBX, ports[PBX])}
        made = {name: stack.enter_context(Phone.open(host, port)) for name, (host, port) in hosts.items()}
        for name, phone in made.items():
            phone.tone(HZ[name])
        yield made


@pytest.fixture(scope="module")
def phones(ports: dict[str, int]) -> Iterator[dict[str, Phone]]:
    """Switched on once for all rows."""
    with switched_on(ports) as made:
        yield made


@pytest.fixture
def trio(stage: Stage, phones: dict[str, Phone], tmp_path: Path) -> Iterator[Trio]:
    """Nobody talks yet; afterwards nobody does any more."""
    trio = Trio(stage, tmp_path, phones)
    try:
        yield trio
    finally:
        trio.hang_up()
        stage.sidecar.wait_metric("b2bua_legs", 0)
        for phone in phones.values():
            phone.forget_events()


def told(expected: dict[str, set[str] | str]) -> dict[str, Any]:
    """What can be told by listening: ringback is silent most of the time, and who is called hears nothing yet."""
    return {name: hears if hears == GONE else set(hears) - {"ringback"} for name, hears in expected.items()}


BEFORE: dict[Happens, dict[str, Any]] = {
    Happens.ANSWERED: {"transferor": {"target"}, "target": {"transferor"}},
    Happens.MERGE: {"transferor": {"target", "transferee"}}, Happens.TRANSFEROR_ENDS: {}}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0].name}-{row[1].name}".lower())
def test_PB29_who_hears_whom_after_each_row(trio: Trio, row: Any) -> None:
    state, event, expected, _ = row
    trio.begin()
    for earlier in TO[state]:
        trio.comes(earlier, State.RINGING)
        trio.settles(BEFORE[earlier])
    trio.comes(event, state)
    hears = told(expected)
    if hears["target"] == set():
        del hears["target"]  # it rings: nothing is sent to it yet
    if event is Happens.EARLY_MEDIA:
        hears["transferor"] = {"target"}
    trio.settles(hears)


def test_PB29_a_phones_own_hold_of_the_consultation_ends_with_it(trio: Trio) -> None:
    trio.begin()
    trio.comes(Happens.ANSWERED, State.RINGING)
    trio.settles(BEFORE[Happens.ANSWERED])
    trio.transferor.hold()
    trio.settles({"target": set()})
    trio.comes(Happens.TRANSFEROR_ENDS, State.CONSULTING)
    trio.settles({"transferor": GONE, "transferee": {"target"}, "target": {"transferee"}})


@pytest.mark.parametrize("ending", [Happens.TRANSFEROR_ENDS, Happens.TARGET_ENDS])
def test_F107_by_rest_the_answer_says_how_it_went(trio: Trio, ending: Happens) -> None:
    """The request lasts as long as the transfer; its own leg is named, not its digits."""
    trio.talk()
    rest = Rest(trio.stage.sidecar)
    (leg,) = [one for one in rest.ask("GET", "/channels")["data"] if one["direction"] == "inbound"]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(rest.ask, "POST", f"/channels/{leg['uuid']}?wait=30", {
            "action": "transfer", "transfer_type": "attended", "target": "1003"})
        trio.rings()
        trio.comes(Happens.ANSWERED, State.RINGING)
        trio.settles(BEFORE[Happens.ANSWERED])
        trio.comes(ending, State.CONSULTING)
        left = asked.result(30)["data"]
    if ending is Happens.TARGET_ENDS:
        trio.settles({"target": GONE, "transferor": {"transferee"}, "transferee": {"transferor"}})
        assert (left["outcome"], left["reason"]) == ("failed", "the target hung up")
    else:
        trio.settles({"transferor": GONE, "transferee": {"target"}, "target": {"transferee"}})
        assert left["outcome"] == "answered"
