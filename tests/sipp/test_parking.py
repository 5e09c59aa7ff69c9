# SPDX-License-Identifier: GPL-3.0-or-later
"""park, unpark, intercept, callflow and pivot with real phones: who hears whom afterwards, told by frequency."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.peers.phone import Phone
from tests.peers.sidecar import ACCOUNT_ID
from tests.peers.sound import AUDIBLE_DBM0, tone_dbm0
from tests.peers.web import Page, WebServer
from tests.sipp.conftest import DESK, PBX, TRUNK, Stage
from tests.sipp.test_moving import B_HZ, BUSY_HZ, assert_hears_music, assert_together
from tests.sipp.test_sound import A_HZ, C_HZ, hears, talking


def api(stage: Stage, method: str, path: str, data: Any = None, **envelope: Any) -> Any:
    """The `data` of the answer to a request of the account."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{stage.sidecar.api_port}/v2/accounts/{ACCOUNT_ID}{path}", method=method,
        data=json.dumps({"data": data, **envelope}).encode() if data is not None else None,
        headers={"Content-Type": "application/json", "X-Auth-Token": stage.sidecar.token()})
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.load(answer)["data"]


@contextmanager
def parked(stage: Stage, folder: Path) -> Iterator[tuple[Phone, Phone]]:
    """B has parked A by *62 at 701 and is free again; A hears music. (A, B)."""
    with talking(stage) as talk:
        talk.b.tone(B_HZ)
        talk.b.digits("*62")
        talk.b.wait("state", state="disconnected")
        assert_hears_music(talk.a, folder / "parked.wav", B_HZ)
        yield talk.a, talk.b


def pair_ends(stage: Stage, one: Phone, one_hz: float, other: Phone, other_hz: float, folder: Path) -> None:
    """They hear each other; one hangs up, and so does the other."""
    assert_together(stage, one, one_hz, other, other_hz, folder)
    one.hangup()
    other.wait("state", state="disconnected")


def test_a_parked_party_is_fetched_by_a_number_that_is_dialled(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, parked(stage, tmp_path) as (a, _):
        c.tone(C_HZ)
        c.call(f"sip:*7701@127.0.0.1:{stage.sidecar.sip[1]}", from_user="3001")
        c.wait("state", state="confirmed")
        pair_ends(stage, a, A_HZ, c, C_HZ, tmp_path)


def test_a_parked_party_is_fetched_by_code_out_of_another_call(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(TRUNK) as other, parked(stage, tmp_path) as (a, b):
        other.call(f"sip:1002@127.0.0.1:{stage.sidecar.sip[1]}", from_user="5559")
        b.wait("incoming")
        b.answer()
        other.wait("state", state="confirmed")
        b.digits("*3701")
        other.wait("state", state="disconnected")
        pair_ends(stage, a, A_HZ, b, B_HZ, tmp_path)


def test_a_parked_party_that_nobody_fetches_comes_back_to_the_parker(stage: Stage, tmp_path: Path) -> None:
    with parked(stage, tmp_path) as (a, b):
        b.wait("incoming")
        b.answer()
        b.wait("state", state="confirmed")
        pair_ends(stage, b, B_HZ, a, A_HZ, tmp_path)


def test_nobody_waits_for_ever_where_the_parker_is_switched_off(stage: Stage, tmp_path: Path) -> None:
    with parked(stage, tmp_path) as (a, b):
        b.close()
        a.wait("state", state="disconnected", timeout_s=25)


def test_parked_parties_are_seen_and_given_to_a_device_by_rest(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, parked(stage, tmp_path) as (a, _):
        c.tone(C_HZ)
        assert [(stay["slot"], stay["parked_by"]) for stay in api(stage, "GET", "/parked")] == [("701", "1001")]
        api(stage, "POST", "/parked/701", {"target_type": "device", "target_id": f"{3001:032x}"})
        c.wait("incoming")
        c.answer()
        c.wait("state", state="confirmed")
        assert api(stage, "GET", "/parked") == []
        pair_ends(stage, c, C_HZ, a, A_HZ, tmp_path)


def test_F103_after_an_intercept_the_one_who_typed_talks_to_the_new_party(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, talking(stage) as talk:
        c.tone(C_HZ)
        talk.b.tone(B_HZ)
        talk.b.digits("*0")
        c.wait("incoming")
        c.answer()
        talk.a.wait("state", state="disconnected")
        pair_ends(stage, talk.b, B_HZ, c, C_HZ, tmp_path)


def test_F104_after_a_callflow_the_caller_talks_there(stage: Stage, tmp_path: Path) -> None:
    with Phone.open(DESK, stage.ports[DESK]) as c, talking(stage) as talk:
        c.tone(C_HZ)
        talk.b.digits("*1")
        c.wait("incoming")
        c.answer()
        talk.b.wait("state", state="disconnected")
        pair_ends(stage, talk.a, A_HZ, c, C_HZ, tmp_path)


def test_F105_a_web_server_plays_asks_and_connects(stage: Stage, tmp_path: Path) -> None:
    with WebServer.open("127.0.0.40") as web, Phone.open(DESK, stage.ports[DESK]) as c, talking(stage) as talk:
        web.pages = {
            "/start": Page('<Response><Gather action="/got" numDigits="3" timeout="10"><Play loop="9">busy</Play>'
                           "</Gather></Response>", "text/xml"),
            "/got": Page("<Response><Dial>3001</Dial></Response>", "text/xml"),
            "/cdr": Page("")}
        c.tone(C_HZ)
        (leg,) = [leg for leg in api(stage, "GET", "/channels") if leg["direction"] == "inbound"]
        node = {"module": "pivot", "data": {"voice_url": f"{web.url}/start", "req_format": "twiml",
                                            "cdr_url": f"{web.url}/cdr"}}
        api(stage, "PUT", f"/channels/{leg['uuid']}", node, action="metaflow")
        talk.b.wait("state", state="disconnected")
        rate_hz, samples = hears(talk.a, tmp_path / "menu.wav")
        assert tone_dbm0(samples, BUSY_HZ, rate_hz) > AUDIBLE_DBM0
        talk.a.digits("12#")
        c.wait("incoming")
        assert web.wait("/got").fields["Digits"] == "12"
        c.answer()
        c.wait("state", state="confirmed")
        pair_ends(stage, talk.a, A_HZ, c, C_HZ, tmp_path)
        assert web.wait("/cdr").fields["Call-ID"] == leg["uuid"]


def test_F107_move_by_rest_says_how_it_ended(stage: Stage) -> None:
    busy = stage.answering("pbx-is-busy-expect-ack", DESK)
    with talking(stage) as talk:
        (leg,) = [leg for leg in api(stage, "GET", "/channels") if leg["direction"] == "outbound"]
        data = {"action": "move", "device_id": f"{3001:032x}"}
        result = api(stage, "POST", f"/channels/{leg['uuid']}?wait=20", data)
        assert (result["outcome"], "486" in result["reason"]) == ("failed", True)
        busy.finish()
        talk.a.hangup()
        talk.b.wait("state", state="disconnected")


def test_the_caller_holds_intercepts_flows_and_parks_as_well(stage: Stage, tmp_path: Path) -> None:
    """1001 at the PBX has called out, and types: `hold_control`, `intercept`, `callflow`, `park`."""
    with Phone.open(DESK, stage.ports[DESK]) as c, Phone.open(PBX, stage.ports[PBX]) as a, \
            Phone.open(TRUNK, stage.ports[TRUNK]) as b:
        for phone, hz in ((a, B_HZ), (b, A_HZ), (c, C_HZ)):
            phone.tone(hz)

        def types(code: str) -> None:
            a.call(f"sip:2000@127.0.0.1:{stage.sidecar.sip[1]}", from_user="1001")
            b.wait("incoming")
            b.answer()
            a.wait("state", state="confirmed")
            a.digits(code)

        types("*5")
        a.wait("media", held=True)
        assert_hears_music(b, tmp_path / "held.wav", B_HZ)
        b.hangup()
        a.wait("state", state="disconnected")
        for code in ("*0", "*1"):
            types(code)
            c.wait("incoming")
            c.answer()
            b.wait("state", state="disconnected")
            pair_ends(stage, a, B_HZ, c, C_HZ, tmp_path)
        types("*62")
        a.wait("state", state="disconnected")
        assert_hears_music(b, tmp_path / "parked.wav", B_HZ)
        c.call(f"sip:*7701@127.0.0.1:{stage.sidecar.sip[1]}", from_user="3001")
        pair_ends(stage, b, A_HZ, c, C_HZ, tmp_path)
