# SPDX-License-Identifier: GPL-3.0-or-later
"""An exchange between a trunk and a PBX, all far ends fake, no metaflows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from b2bua.calls.call import Call
from b2bua.calls.events import Event, Events
from b2bua.calls.exchange import Exchange
from b2bua.calls.headers import Headers, Party
from b2bua.calls.leg import Dial, Invite, Leg
from config.settings import Peer, Route, Sip
from tests.fakes import FakeDialer, FakeLeg, FakeMixer

ACCOUNT = "a" * 32


class Dialer(FakeDialer):
    """Dials legs of the kind that the test wants."""

    def __init__(self, kind: type[FakeLeg]) -> None:
        super().__init__()
        self.kind = kind

    def dial(self, dial: Dial) -> Leg:
        super().dial(dial)
        plain = self.legs.pop()
        self.legs.append(self.kind(plain.id, plain.peer, plain.direction, plain.party, dial))
        return self.legs[-1]


class Stage:
    """`trunk` and `pbx`, routes both ways for numbers of digits; `told` has all events in order."""

    def __init__(self, *, kind: type[FakeLeg] = FakeLeg, trunk: Mapping[str, Any] | None = None, **sip: Any) -> None:
        self.kind = kind
        peers = {"trunk": Peer.model_validate({"uri": "sip:192.0.2.1", **(trunk or {})}),
                 "pbx": Peer(uri="sip:192.0.2.2", account=ACCOUNT)}
        routes = [Route.model_validate({"from": one, "to": other, "numbers": r"\d+"})
                  for one, other in (("trunk", "pbx"), ("pbx", "trunk"))]
        self.dialer, self.mixer = Dialer(kind), FakeMixer()
        self.told: list[Event] = []
        self.bus = Events(lambda: 0.0)
        self.bus.subscribe(self.told.append)
        self.exchange = Exchange(Sip(**sip), peers, routes, self.dialer, self.mixer, self.bus)
        self.callers: list[FakeLeg] = []

    def arrives(self, number: str = "1001", *fields: tuple[str, str], peer: str = "trunk") -> FakeLeg:
        """An INVITE from the trunk (or another peer); returns its leg."""
        party = Party("Ann", "2000", f"sip:2000@{peer}")
        self.callers.append(self.kind(f"a{len(self.callers)}", peer, "inbound", party))
        self.exchange.arrived(self.callers[-1], Invite(number, party, Headers(fields), ("pcmu/8000",)))
        return self.callers[-1]

    def calls(self, number: str = "1001", *fields: tuple[str, str]) -> tuple[Call, FakeLeg, FakeLeg]:
        """A call whose other side is being dialled: call, a, b."""
        a = self.arrives(number, *fields)
        return self.call_of(a), a, self.dialer.legs[-1]

    def talks(self) -> tuple[Call, FakeLeg, FakeLeg]:
        """A call that has been answered."""
        call, a, b = self.calls()
        b.answers()
        return call, a, b

    def call_of(self, leg: Leg) -> Call:
        """The live call of a leg."""
        found = self.exchange.find(leg.id)
        assert found is not None
        return found[0]

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """The fields of all events of that name."""
        return [event.fields for event in self.told if event.name == name]

    def ended(self) -> Mapping[str, Any]:
        """The fields of the only call.ended."""
        only, = self.events("call.ended")
        return only


async def settled() -> None:
    """Let everything happen that is due now."""
    for _ in range(10):
        await asyncio.sleep(0)


def others() -> set[str]:
    """Names of the tasks beside this one."""
    return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
