# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers over a bad network: of the SIP packets of target and transferee a third is lost, both ways, and for a while
all of them. Everybody gets where he should all the same; who hears whom is told by frequency."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from b2bua.metaflows.modules.attended_table import Happens, State
from tests.peers.lossy import Line
from tests.peers.phone import Phone
from tests.peers.ports import free_port
from tests.sipp.conftest import PBX, TRUNK, Stage
from tests.sipp.test_attended import BEFORE, GONE, HZ, Trio

SHARE = 30  # of a hundred packets


@pytest.fixture
def bad(stage: Stage, tmp_path: Path) -> Iterator[tuple[Trio, list[Line]]]:
    """The transferor's line is a good one."""
    with ExitStack() as stack:
        phones, lines = {"transferor": stack.enter_context(Phone.open(PBX))}, []
        for name, host in (("transferee", TRUNK), ("target", PBX)):
            port = free_port(host)
            line = Line.open((host, stage.ports[host]), (host, port), stage.sidecar.sip, SHARE)
            lines.append(stack.enter_context(line))
            phones[name] = stack.enter_context(Phone.open(host, port))
        for name, phone in phones.items():
            phone.tone(HZ[name])
        yield Trio(stage, tmp_path, phones, patience_s=12), lines
        for phone in phones.values():
            phone.hang_up_all()
        stage.sidecar.wait_metric("b2bua_legs", 0, 15)


def test_lost_packets_and_a_dead_line_for_a_while_change_no_outcome(bad: tuple[Trio, list[Line]]) -> None:
    trio, lines = bad
    trio.talk()
    trio.transferor.digits("*##1003", ms=60)
    trio.rings()
    trio.comes(Happens.ANSWERED, State.RINGING)
    trio.settles(BEFORE[Happens.ANSWERED])
    for line in lines:
        line.share = 100
    trio.comes(Happens.TRANSFEROR_ENDS, State.CONSULTING)
    time.sleep(2)  # a dead line, not a wait for something
    for line in lines:
        line.share = SHARE
    trio.settles({"transferor": GONE, "transferee": {"target"}, "target": {"transferee"}})
    assert all(line.lost for line in lines)
    trio.target.hangup()
    trio.transferee.wait("state", 15, state="disconnected")
