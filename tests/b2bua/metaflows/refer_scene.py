# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in which somebody sends a REFER, with fake far ends."""

from __future__ import annotations

from typing import Any

from b2bua.metaflows.permit import Ask, Permit
from b2bua.metaflows.referred import referrals
from config.transfers import Transfers
from tests.b2bua.metaflows.stage import Stage, Talk, settled
from tests.fakes import FakeLeg

US, PBX = "198.51.100.9:5060", "192.0.2.2:5070"


def stage_of(rules: Transfers | None = None, ask: Ask | None = None, **pbx: Any) -> Stage:
    stage = Stage(permit=Permit(rules, ask), **pbx)
    stage.exchange.referred = referrals(stage.parts)
    return stage


async def referred(stage: Stage, refer_to: str = f"<sip:3001@{US}>", by: str = "b") -> tuple[Talk, FakeLeg]:
    """One of the two sends a REFER; the talk, and the newest leg that we have dialled."""
    talk = await stage.talk()
    getattr(talk, by).asks_transfer(refer_to)
    await settled()
    return talk, stage.dialer.legs[-1]


async def replacing(target_up: bool = True) -> tuple[Stage, Talk, Talk]:
    """1001 at the PBX talks to a caller, and has called 2002 on the trunk; it asks us to join the two."""
    stage = stage_of()
    first = await stage.talk()
    second = await (stage.talk if target_up else stage.rings)("1001", "2002", "pbx")
    return stage, first, second


def replaces(leg: FakeLeg, *, far: bool = False) -> str:
    """A Refer-To that names this leg's dialog as we see it, or as its far end does."""
    ours, theirs = f"{leg.id}-ours", f"{leg.id}-theirs"
    to, frm = (theirs, ours) if far else (ours, theirs)
    return f"<sip:2002@{US}?Replaces={leg.id}%3Bto-tag%3D{to}%3Bfrom-tag%3D{frm}>"
