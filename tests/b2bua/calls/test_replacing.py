# SPDX-License-Identifier: GPL-3.0-or-later
"""INVITE with Replaces (RFC 3891): whose place a new leg takes, and what is refused. PB33, PB34: both directions."""

from __future__ import annotations

import pytest

from b2bua.calls.call import CallState
from b2bua.calls.leg import LegState
from b2bua.calls.reason import ELSEWHERE, TRANSFERRED
from b2bua.calls.replaces import DialogId, ReferTo, Replaces
from tests.b2bua.calls.stage import Stage, settled
from tests.fakes import FakeLeg, in_no_time


def field(leg: FakeLeg, *, far: bool = False, extra: str = "") -> tuple[str, str]:
    """A Replaces that names this leg's dialog."""
    ours, theirs = f"{leg.id}-ours", f"{leg.id}-theirs"
    to, frm = (theirs, ours) if far else (ours, theirs)
    return "Replaces", f"{leg.id};to-tag={to};from-tag={frm}{extra}"


def refused(leg: FakeLeg) -> int | None:
    return leg.hung_up.code if leg.hung_up is not None else None


@in_no_time
@pytest.mark.parametrize("side", ["a", "b"])
async def test_PB33_a_new_leg_takes_the_place_of_either_one(side: str) -> None:
    stage = Stage()
    call, a, b = stage.talks()
    old, stays = (a, b) if side == "a" else (b, a)
    new = stage.arrives("1001", field(old), peer=old.peer)
    await settled()
    assert new.told[0] == ("answer",)
    assert stage.mixer.hears(new, stays)
    assert (old.hung_up, call.state, call.legs) == (TRANSFERRED, CallState.TALKING, {new, stays})
    assert ("identify", "2000") in stays.told
    assert len(stage.events("call.started")) == 1


@in_no_time
async def test_a_call_that_rings_is_picked_up() -> None:
    stage = Stage()
    call, a, b = stage.calls()
    b.rings()
    new = stage.arrives("1001", field(b), peer="pbx")
    await settled()
    assert (b.hung_up, call.state) == (ELSEWHERE, CallState.TALKING)
    assert ("answer",) in a.told
    assert stage.mixer.hears(a, new)


@in_no_time
async def test_PB33_a_side_that_was_told_may_name_the_dialog_as_its_far_end_sees_it() -> None:
    stage = Stage()
    _, a, b = stage.talks()
    assert refused(stage.arrives("1001", field(b, far=True), peer="trunk")) == 403
    b.granted_to.add("trunk")
    new = stage.arrives("1001", field(b, far=True), peer="trunk")
    await settled()
    assert stage.mixer.hears(new, b)
    assert a.hung_up == TRANSFERRED


@in_no_time
async def test_outsiders_never_take_a_dialog() -> None:
    stage = Stage()
    _, a, b = stage.talks()
    assert refused(stage.arrives("1001", field(b), peer="trunk")) == 403
    assert refused(stage.arrives("1001", field(a), peer="pbx")) == 403
    assert stage.mixer.hears(a, b)


@in_no_time
async def test_what_rfc_3891_refuses() -> None:
    stage = Stage()
    call, a, b = stage.calls()
    unknown = ("Replaces", "nobody;to-tag=1;from-tag=2")
    assert refused(stage.arrives("1001", unknown)) == 481
    assert refused(stage.arrives("1001", ("Replaces", f"{a.id};to-tag=1;from-tag=2"))) == 481
    assert refused(stage.arrives("1001", field(a))) == 481  # early, and it came to us
    assert refused(stage.arrives("1001", ("Replaces", "x;to-tag=1"))) == 400
    assert refused(stage.arrives("1001", unknown, unknown)) == 400
    b.answers()
    assert refused(stage.arrives("1001", field(b, extra=";early-only"), peer="pbx")) == 486
    with call.guarded(lambda leg, event: False):
        assert refused(stage.arrives("1001", field(b), peer="pbx")) == 491
    b.hangs_up()
    await settled()
    assert refused(stage.arrives("1001", field(b), peer="pbx")) == 603
    assert {leg.state for leg in stage.callers} - {LegState.ENDED} == {LegState.TRYING} or stage.exchange.calls == {}


def test_a_dialog_has_two_names() -> None:
    dialog = DialogId("c@h", "ours", "theirs")
    assert Replaces.parse("c@h;to-tag=ours;from-tag=theirs").names(dialog)
    assert Replaces.parse("c@h ; from-tag=ours;TO-TAG=theirs").names_far_end(dialog)
    assert str(Replaces.parse("c@h;from-tag=b;to-tag=a;early-only")) == "c@h;to-tag=a;from-tag=b;early-only"


@pytest.mark.parametrize("value", ["", "c", "c;to-tag=1", "c;to-tag=1;to-tag=2;from-tag=3", ";to-tag=1;from-tag=2",
                                   "c;to-tag=1;from-tag=2,d;to-tag=1;from-tag=2"])
def test_a_field_that_names_no_dialog_is_no_replaces(value: str) -> None:
    with pytest.raises(ValueError, match=r"Replaces|twice"):
        Replaces.parse(value)


@pytest.mark.parametrize(("value", "user", "host"), [
    ("<sip:1001@pbx.example:5070;transport=tcp>", "1001", "pbx.example:5070"), ("sip:1001@h", "1001", "h"),
    ('"Bob" <sips:b%2eb@[2001:db8::1]:5061>', "b.b", "[2001:db8::1]:5061"), ("<tel:+4930123;x=1>", "+4930123", "")])
def test_refer_to_names_somebody(value: str, user: str, host: str) -> None:
    target = ReferTo.parse(value)
    assert (target.party.user, target.host, target.replaces) == (user, host, None)


@pytest.mark.parametrize("value", ["<http://h/x>", "<sip:pbx.example>", "", "<sip:@h>", "<sip:1@h?Replaces=x>",
                                   "<sip:1@h?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&replaces=y>"])
def test_refer_to_that_names_nobody_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"Refer-To|Replaces"):
        ReferTo.parse(value)
