# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp's log is read right, and the ladder shows who said what to whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.messages import SipMessage, find, ladder, read_sipp_log
from tests.peers.sipp import SCENARIOS

US, CALLER = ("127.0.0.1", 5060), ("127.0.0.2", 5062)
LOG = """----------------------------------------------- 2026-01-02 03:04:05.500000
UDP message sent (100 bytes):

INVITE sip:1001@127.0.0.1 SIP/2.0
Call-ID: 1
CSeq: 1 INVITE
X-Folded: one
  two

v=0
c=IN IP4 127.0.0.2
m=audio 6000 RTP/AVP 0 101
a=rtpmap:101 telephone-event/8000

----------------------------------------------- 2026-01-02 03:04:05.750000
UDP message received [50] bytes :

SIP/2.0 486 Busy Here
CSeq: 1 INVITE
Content-Length: 0

"""


def test_a_log_of_sipp_is_read_with_times_addresses_and_sdp() -> None:
    invite, busy = read_sipp_log(LOG, CALLER, US)
    assert (invite.src, invite.dst, busy.src) == (CALLER, US, US)
    assert (invite.method, invite.code, busy.method, busy.code) == ("INVITE", 0, "INVITE", 486)
    assert busy.at_s - invite.at_s == pytest.approx(0.25)
    assert (invite.media, invite.event_type) == (("127.0.0.2", 6000), 101)
    assert invite.get("x-folded") == "one two"
    assert find([invite, busy], "INVITE", 486) == [busy]


def test_an_empty_log_has_no_messages() -> None:
    assert read_sipp_log("", CALLER, US) == []


def test_what_is_no_sip_is_no_message() -> None:
    assert SipMessage.parse("hello", CALLER, US) is None


def test_the_ladder_shows_each_message_as_an_arrow() -> None:
    lines = ladder(read_sipp_log(LOG, CALLER, US), {"127.0.0.2": "caller", "127.0.0.1": "us"}).plain.splitlines()
    assert lines[0].split() == ["caller", "us"]
    assert "INVITE sip:1001 (SDP)" in lines[1]
    assert lines[1].endswith(">|")
    assert "0.250  |<" in lines[2]
    assert "486 Busy Here" in lines[2]


def test_every_scenario_is_in_the_table_and_named_by_side_and_outcome() -> None:
    table = (SCENARIOS / "README.md").read_text()
    scenarios = sorted(SCENARIOS.glob("*.xml"))
    assert scenarios
    for scenario in scenarios:
        assert f"`{scenario.name}`" in table
        assert scenario.stem.startswith(("caller-", "pbx-"))
        assert "-expect-" in scenario.stem


def test_every_scenario_is_run_by_a_test() -> None:
    sources = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("*.py"))
    assert [s.stem for s in sorted(SCENARIOS.glob("*.xml")) if f'"{s.stem}"' not in sources] == []
