# SPDX-License-Identifier: GPL-3.0-or-later
"""An exchange between a carrier and a PBX with fake far ends, and calls on it that talk already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from b2bua.calls.call import Call
from b2bua.calls.directory import Directory
from b2bua.calls.events import Event, Events
from b2bua.calls.exchange import Exchange
from b2bua.calls.headers import Party
from b2bua.calls.leg import Invite, Leg
from b2bua.metaflows.context import Outcome, Parts
from b2bua.metaflows.executor import report_node
from b2bua.metaflows.parking import Lot, pickup
from b2bua.metaflows.permit import Permit
from b2bua.metaflows.session import listener
from config.settings import Park, Peer, Route, Sip
from tests.fake_parts import FakeRecorder, FakeTones
from tests.fake_sounds import FakeLibrary, FakePlayer
from tests.fakes import FakeDialer, FakeLeg, FakeMixer

ACCOUNT = "a" * 32
Document = Mapping[str, Any]


def accounts(account: Document | None, users: Document, devices: Document) -> list[dict[str, Any]]:
    """User u1 owns the devices 1001, 1003 and 1005, user u2 the device 1002; metaflows by name of user or device."""
    owner = {"1001": "u1", "1002": "u2", "1003": "u1", "1005": "u1"}
    return [{"id": ACCOUNT, "metaflows": account,
             "users": [{"id": name, "metaflows": users.get(name)} for name in ("u1", "u2")],
             "devices": [{"id": f"d{number}", "numbers": [number], "owner_id": owner[number],
                          "metaflows": devices.get(number)} for number in owner]}]


@dataclass
class Talk:
    """Two parties in a call: `a` called `b`."""

    call: Call
    a: FakeLeg
    b: FakeLeg


async def run_node(call: Call, leg: Leg, node: Document, parts: Parts) -> Outcome:
    """Run a node as the API does; its outcome alone."""
    return (await report_node(call, leg, node, parts)).outcome


class Stage:
    """Everything but SIP and media.

    peers   `trunk` is a carrier; the legs of `pbx` belong to ACCOUNT
    told    all events, in order
    """

    def __init__(self, *, account: Document | None = None, users: Document | None = None,
                 devices: Document | None = None, log_digits: bool = False, park: Park | None = None,
                 permit: Permit | None = None, **pbx: Any) -> None:
        self.peers = {
            "trunk": Peer(uri="sip:192.0.2.1:5060;transport=udp", **pbx.pop("trunk", {})),
            "pbx": Peer.model_validate({"uri": "sip:192.0.2.2:5070;transport=udp", "account": ACCOUNT, **pbx}),
        }
        routes = [Route.model_validate(route) for route in ({"from": "trunk", "to": "pbx"},
                  {"from": "pbx", "to": "pbx", "numbers": "10.."}, {"from": "pbx", "to": "trunk"})]
        self.dialer, self.mixer = FakeDialer(), FakeMixer()
        self.recorder, self.tones = FakeRecorder(), FakeTones()
        self.told: list[Event] = []
        events = Events(lambda: 0.0)
        events.subscribe(self.told.append)
        self.exchange = Exchange(Sip(), self.peers, routes, self.dialer, self.mixer, events)
        self.exchange.directory = Directory.build(accounts(account, users or {}, devices or {}))
        self.player, self.library = FakePlayer(), FakeLibrary()
        self.parts = Parts(self.exchange, self.peers, lambda leg: "198.51.100.9:5060", self.recorder, self.tones,
                           log_digits, permit=permit or Permit(), player=self.player, library=self.library,
                           lot=Lot(park or Park()))
        assert self.parts.lot is not None
        self.exchange.pickup = pickup(self.parts.lot)
        self.exchange.listen = listener(self.parts)
        self.arrivals = 0

    async def rings(self, caller: str = "2000", number: str = "1001", peer: str = "trunk") -> Talk:
        """A call that is not answered yet."""
        self.arrivals += 1
        party = Party("Ann", caller, f"sip:{caller}@{peer}")
        a = FakeLeg(f"a{self.arrivals}", peer, "inbound", party)
        self.exchange.arrived(a, Invite(number, party))
        b = self.dialer.legs[-1]
        b.rings()
        found = self.exchange.find(a.id)
        assert found is not None
        return Talk(found[0], a, b)

    async def talk(self, caller: str = "2000", number: str = "1001", peer: str = "trunk") -> Talk:
        """A call that has been answered."""
        talk = await self.rings(caller, number, peer)
        talk.b.answers()
        await settled()
        return talk

    def dial(self, talk: Talk, peer: str, number: str) -> FakeLeg:
        """A further leg of a call."""
        self.exchange.dial(talk.call, peer, number)
        return self.dialer.legs[-1]

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """The fields of all events of that name (or beginning with it, where it ends in a dot)."""
        return [event.fields for event in self.told
                if event.name == name or (name.endswith(".") and event.name.startswith(name))]

    def hears(self, leg: FakeLeg) -> list[str]:
        """Names of the sounds of ours that a leg hears now."""
        return [playing.sound.file.name for playing in self.player.playing(leg)]

    def outcomes(self) -> list[tuple[str, str]]:
        """Modules that ended, and how."""
        return [(event["module"], event["outcome"]) for event in self.events("metaflow.ended")]


async def settled() -> None:
    """Let everything happen that is due now."""
    for _ in range(20):
        await asyncio.sleep(0)
