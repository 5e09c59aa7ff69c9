# SPDX-License-Identifier: GPL-3.0-or-later
"""How two legs hear each other, whatever becomes of their conference ports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.headers import Party
from b2bua.calls.leg import Leg, LegState
from b2bua.calls.path import Path
from tests.fakes import FakeLeg


@dataclass
class Conference:
    """Like PJSIP's: a port that is removed takes its connections along; only ports that exist may be named.

    agree    these legs may be relayed to each other
    relayed  who is
    """

    agree: set[str] = field(default_factory=set)
    relayed: set[str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)
    wires: set[tuple[int, int]] = field(default_factory=set)
    levels: dict[tuple[int, int], float] = field(default_factory=dict)
    wrong: list[Any] = field(default_factory=list)

    def add(self, port: int) -> None:
        self.ports.add(port)

    def remove(self, port: int) -> None:
        self.ports.discard(port)
        self.wires = {wire for wire in self.wires if port not in wire}

    def connect(self, source: int, sink: int, level: float = 1.0) -> None:
        if not {source, sink} <= self.ports:
            self.wrong.append(("connect", source, sink))
        if (source, sink) not in self.wires:
            self.levels[source, sink] = level
        self.wires.add((source, sink))

    def disconnect(self, source: int, sink: int) -> None:
        if not {source, sink} <= self.ports:
            self.wrong.append(("disconnect", source, sink))
        self.wires.discard((source, sink))

    def relay(self, one: Leg, other: Leg) -> bool:
        self.relayed = {one.id + other.id} if one.id + other.id in self.agree else set()
        return bool(self.relayed)

    def unrelay(self, leg: Leg) -> None:
        self.relayed = {pair for pair in self.relayed if leg.id not in pair}


class Stage:
    """Three legs and a path."""

    def __init__(self, media: bool = True) -> None:
        self.conference = Conference()
        self.path = Path(self.conference)
        self.a, self.b, self.c = (FakeLeg(name, "p", "inbound", Party("", "", "")) for name in "abc")
        for number, leg in enumerate((self.a, self.b, self.c), start=1):
            if media:
                self.plug(leg, number)

    def plug(self, leg: FakeLeg, port: int | None) -> None:
        """A re-INVITE: the old port goes, the new one (of the same number, maybe) comes, and the leg says so."""
        if leg.port is not None:
            self.conference.remove(leg.port)
        if port is not None:
            self.conference.add(port)
        leg.port = port
        self.path.refresh()

    def end(self, leg: FakeLeg) -> None:
        if leg.port is not None:
            self.conference.remove(leg.port)
        leg.state, leg.port = LegState.ENDED, None

    def hear(self) -> set[str]:
        """Who hears each other: {"ab"}."""
        names = {leg.port: leg.id for leg in (self.a, self.b, self.c) if leg.port is not None}
        pairs = {frozenset(wire) for wire in self.conference.wires if wire[::-1] in self.conference.wires}
        assert len(pairs) * 2 == len(self.conference.wires)
        mixed = {"".join(sorted(names[port] for port in pair)) for pair in pairs}
        assert not mixed & self.conference.relayed, "nobody hears anybody twice"
        return mixed | self.conference.relayed


def test_two_legs_with_media_hear_each_other_until_they_part() -> None:
    stage = Stage()
    stage.path.join(stage.a, stage.b)
    assert stage.hear() == {"ab"}
    assert stage.path.joined
    stage.path.part()
    assert stage.hear() == set()
    assert not stage.path.joined


def test_media_that_comes_later_is_connected_then() -> None:
    stage = Stage(media=False)
    stage.path.join(stage.a, stage.b)
    stage.plug(stage.a, 1)
    assert not stage.path.joined
    stage.plug(stage.b, 2)
    assert stage.hear() == {"ab"}


def test_a_leg_whose_port_changes_is_followed() -> None:
    stage = Stage()
    stage.path.join(stage.a, stage.b)
    stage.plug(stage.b, 9)
    assert stage.hear() == {"ab"}
    stage.plug(stage.b, None)
    assert stage.hear() == set()
    stage.plug(stage.b, 2)
    assert stage.hear() == {"ab"}
    assert stage.conference.wrong == []


def test_a_new_port_of_the_same_number_is_connected_again() -> None:
    """PJSIP makes the port anew on a re-INVITE that changes the codec, usually under the number that became free."""
    stage = Stage()
    stage.path.join(stage.a, stage.b)
    stage.plug(stage.a, 1)
    assert stage.hear() == {"ab"}
    assert stage.path.joined


def test_another_partner_means_the_first_is_heard_no_more() -> None:
    stage = Stage()
    stage.path.join(stage.a, stage.b)
    stage.path.join(stage.a, stage.c)
    assert stage.hear() == {"ac"}


def test_the_port_of_a_leg_that_has_gone_is_never_touched() -> None:
    stage = Stage()
    stage.path.join(stage.a, stage.b)
    stage.end(stage.b)
    assert not stage.path.joined
    stage.conference.add(2)  # somebody else's now
    stage.path.join(stage.a, stage.c)
    stage.end(stage.a)
    stage.path.part()
    assert stage.conference.wrong == []
    assert stage.hear() == set()


def test_a_leg_that_has_ended_is_not_joined() -> None:
    stage = Stage()
    stage.b.state = LegState.ENDED
    stage.path.join(stage.a, stage.b)
    assert stage.hear() == set()


@given(st.lists(st.tuples(st.sampled_from(["plug", "unplug", "join", "part", "end"]), st.sampled_from("abc"),
                          st.integers(1, 6)), max_size=30))
def test_whatever_happens_only_the_pair_hears_each_other(steps: list[tuple[str, str, int]]) -> None:
    stage = Stage()
    legs = {"a": stage.a, "b": stage.b, "c": stage.c}
    wanted: tuple[FakeLeg, FakeLeg] | None = None
    for verb, name, number in steps:
        leg, other = legs[name], legs["abc"[("abc".index(name) + 1) % 3]]
        taken = {one.port for one in legs.values() if one is not leg}
        if verb == "plug" and leg.state is not LegState.ENDED and number not in taken:
            stage.plug(leg, number)
        elif verb == "unplug":
            stage.plug(leg, None)
        elif verb == "join":
            wanted = (leg, other)
            stage.path.join(leg, other)
        elif verb == "part":
            wanted = None
            stage.path.part()
        elif verb == "end":
            stage.end(leg)
        live = wanted is not None and all(one.port is not None for one in wanted)
        assert stage.hear() == ({"".join(sorted(one.id for one in wanted))} if live and wanted else set())
        assert stage.path.joined is live
        assert stage.conference.wrong == []


def relayed() -> Stage:
    stage = Stage()
    stage.conference.agree = {"ab", "ac"}
    stage.path.join(stage.a, stage.b)
    return stage


def test_legs_that_agree_are_relayed_and_leave_the_conference_alone() -> None:
    stage = relayed()
    assert (stage.hear(), stage.path.kind, stage.path.joined) == ({"ab"}, "relay", True)
    assert stage.conference.wires == set()
    stage.path.part()
    assert (stage.hear(), stage.path.joined) == (set(), False)


def test_who_needs_the_mix_gets_it_and_the_relay_comes_back_by_itself() -> None:
    stage = relayed()
    player, hold = object(), object()
    stage.path.needs_mix(player)
    stage.path.needs_mix(hold)
    assert (stage.hear(), stage.path.kind, stage.conference.relayed) == ({"ab"}, "mix", set())
    stage.path.release(player)
    assert stage.path.kind == "mix"
    stage.path.release(hold)
    assert (stage.hear(), stage.path.kind, stage.conference.wires) == ({"ab"}, "relay", set())
    stage.path.release(hold)
    assert stage.path.kind == "relay"


def test_a_codec_that_changes_decides_anew() -> None:
    stage = relayed()
    stage.conference.agree = set()
    stage.plug(stage.b, 2)
    assert (stage.hear(), stage.path.kind) == ({"ab"}, "mix")
    stage.conference.agree = {"ab"}
    stage.plug(stage.b, 2)
    assert (stage.hear(), stage.path.kind, stage.conference.wires) == ({"ab"}, "relay", set())


def test_a_partner_is_replaced_in_the_relay() -> None:
    stage = relayed()
    stage.path.join(stage.a, stage.c)
    assert (stage.hear(), stage.path.kind) == ({"ac"}, "relay")
    stage.end(stage.c)
    stage.path.refresh()
    assert (stage.hear(), stage.path.joined) == (set(), False)
    assert stage.conference.wrong == []


def test_a_level_needs_the_mix_follows_its_leg_and_ends() -> None:
    stage = relayed()
    stage.path.level(stage.a, "read", 0.5)
    stage.path.level(stage.b, "write", 0.5)
    assert (stage.hear(), stage.path.kind) == ({"ab"}, "mix")
    assert (stage.conference.levels[1, 2], stage.conference.levels[2, 1]) == (0.25, 1.0)
    stage.plug(stage.a, 7)
    assert stage.conference.levels[7, 2] == 0.25
    stage.path.join(stage.a, stage.c)
    assert stage.conference.levels[7, 3] == 0.5, "what b hears is b's"
    stage.path.level(stage.a, "read")
    assert (stage.hear(), stage.path.kind) == ({"ac"}, "relay")
    assert stage.conference.wrong == []


def test_another_voice_stands_in_for_a_leg_until_it_is_taken_away() -> None:
    stage = relayed()
    stage.conference.add(50)
    stage.path.voice(stage.a, 50)
    assert stage.conference.wires == {(50, 2), (2, 1)}
    stage.plug(stage.b, 8)
    assert stage.conference.wires == {(50, 8), (8, 1)}
    stage.plug(stage.a, 9)
    assert stage.conference.wires == {(50, 8), (8, 9)}
    stage.end(stage.a)
    stage.path.refresh()
    assert stage.conference.wires == set(), "the port that stood in lives on, and is heard no more"
    stage.path.voice(stage.a, None)
    assert stage.conference.wrong == []


def test_a_voice_that_is_taken_away_gives_the_path_back_to_the_relay() -> None:
    stage = relayed()
    stage.conference.add(50)
    stage.path.voice(stage.b, 50)
    assert (stage.path.kind, stage.conference.wires) == ("mix", {(1, 2), (50, 1)})
    stage.path.voice(stage.b, None)
    assert (stage.path.kind, stage.conference.wires) == ("relay", set())


def test_a_silenced_leg_is_not_heard_in_the_mix_and_stays_in_the_relay() -> None:
    stage = Stage()
    stage.path.join(stage.a, stage.b)
    assert stage.a.port is not None
    assert stage.b.port is not None
    there, back = (stage.a.port, stage.b.port), (stage.b.port, stage.a.port)
    stage.path.silence(stage.a, True)
    assert (stage.conference.levels[there], stage.conference.levels[back]) == (0.0, 1.0)
    stage.path.silence(stage.a, False)
    assert stage.conference.levels[there] == 1.0
    relaying = relayed()
    relaying.path.silence(relaying.a, True)
    assert relaying.path.kind == "relay", "there the leg's own adapter is silent"
