# SPDX-License-Identifier: GPL-3.0-or-later
"""Relay between two real legs: X calls gate (leg A), gate calls phone Y (leg B), all in one endpoint on loopback."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

pytestmark = pytest.mark.sip

X_HZ, Y_HZ = 500, 900
JOINED, NO_MEDIA, CODECS_DIFFER = 0, 1, 2


def test_two_legs_hear_each_other_without_the_bridge(play: Any) -> None:
    found = play("tones")
    assert found["joined"] == JOINED
    assert found["hears"] == [Y_HZ, X_HZ]
    for stats in found["relay"]:
        assert stats["joined"]
        assert stats["forwarded"] > 40
        assert stats["forwarded"] <= stats["received"]
        assert stats["suppressed"] > 20, "the encoder's silence stays at home"
        assert stats["unknown"] == stats["foreign"] == stats["malformed"] == stats["unmapped"] == stats["late"] == 0
    assert all(packets > 40 for packets in found["rx_packets"]), "statistics go on"
    assert found["lost"] == [0, 0]


def test_after_parting_nothing_is_heard_and_the_bridge_works_again(play: Any) -> None:
    found = play("switch")
    assert found["parted_loud"] == [False, False]
    assert found["mixed"] == [Y_HZ, X_HZ]
    assert found["again"] == [Y_HZ, X_HZ]
    assert found["lost"] == [0, 0], "X and Y saw one stream without gaps through all of it"
    assert found["discarded"] == [0, 0]


def test_on_the_wire_every_switch_goes_on_and_marks_once(play: Any) -> None:
    found = play("wire")
    if not found["can_capture"]:
        pytest.skip("a capture of loopback needs root")
    for heard in found["heard"]:
        assert heard["streams"] == 1, "one SSRC"
        assert heard["sequence_steps"] == [1]
        assert heard["odd_timestamps"] == [], "whole packets, never back"
        assert heard["markers"] == found["switches"], "one at each switch; the first packet of all is the first"
        assert heard["longest_ms"] <= 200


def test_a_fed_leg_can_be_tapped_while_relayed(play: Any) -> None:
    found = play("fed")
    assert found["unfed_loud"] is False, "without feed no sound reaches the stream, so there is nothing to decode"
    assert found["fed_hz"] == X_HZ
    assert found["hears"] == [Y_HZ, X_HZ]


def test_unlike_codecs_are_not_joined(play: Any) -> None:
    assert play("unlike")["joined"] == CODECS_DIFFER


def test_events_pass_once_are_withheld_by_the_mask_and_always_heard_by_the_leg(play: Any) -> None:
    found = play("events")
    assert found["heard_by_leg"] == "12*3#"
    assert found["heard_by_far_end"] == "12" + "3"
    assert found["passed"] == [True, True, False, True, False]
    assert found["sent_by_us"] == "9", "send_digit works while relayed"
    assert found["hears"] == [Y_HZ, X_HZ]


def test_silence_replaces_sound_and_withholds_events(play: Any) -> None:
    found = play("silence")
    assert found["loud"] == [False, True], "Y hears nothing of X, X still hears Y"
    assert found["digits"] == ""
    assert found["packets_go_on"]


def test_a_call_may_end_amid_packets(play: Any) -> None:
    found = play("churn")
    assert found["rounds"] == 12
    assert found["hears"] == [Y_HZ, X_HZ], "and the last pair hears each other"


def test_srtp_legs_are_relayed_too(play: Any) -> None:
    found = play("srtp")
    assert found["joined"] == JOINED
    assert found["secure"] == [True, True]
    assert found["hears"] == [Y_HZ, X_HZ]
    assert all(count > 40 for count in found["forwarded"])
    assert found["digits"] == "5"


def test_nonsense_is_answered_not_crashed(play: Any) -> None:
    found = play("nonsense")
    assert found["joins"] == [NO_MEDIA] * 4
    assert found["valid"] == [False, False]


def tones(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    net.connect()
    joined = net.join()
    rig.poll(0.3)
    found = {"joined": joined, "hears": net.hears(), "relay": [net.stats("a"), net.stats("b")],
             "rx_packets": [net.stream(who).rx_packets for who in "ab"],
             "lost": [net.stream(who).rx_lost for who in "ab"]}
    net.end()
    return found


def switch(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    pj = net.pj
    net.connect()
    net.join()
    rig.poll(0.5)
    pj.relay_part(net.id("a"))
    parted = [loud for _, loud in net.listen("x", "y", seconds=1.5)]
    ports = net.media("a"), net.media("b")
    pj.conf_connect(*ports)
    pj.conf_connect(*reversed(ports))
    rig.poll(0.3)
    mixed = net.hears()
    net.join()
    pj.conf_disconnect(*ports)
    pj.conf_disconnect(*reversed(ports))
    rig.poll(0.3)
    again = net.hears()
    found = {"parted_loud": parted, "mixed": mixed, "again": again, "lost": [net.stream(w).rx_lost for w in "xy"],
             "discarded": [net.stream(w).rx_reorder + net.stream(w).rx_dup for w in "xy"]}
    net.end()
    return found


def wire(rig: Any) -> Any:
    """mix -> relay -> mix -> relay, with what X and Y were sent all the while."""
    import sys
    from pathlib import Path

    from relay_net import Net

    sys.path.insert(0, str(Path(__file__).parents[3]))
    from tests.peers.wire import Capture, can_capture

    if not can_capture():
        return {"can_capture": False}
    net = Net(rig)
    with Capture(["127.0.0.1"]) as capture:
        net.connect()
        for kind in ("mix", "relay", "mix", "relay"):
            net.path(kind)
            rig.poll(0.8)
        ports = [int(net.stats(who)["source"].rpartition(":")[2]) for who in "ab"]
    net.end()
    return {"can_capture": True, "switches": 4, "heard": [summary(capture, port) for port in ports]}


def summary(capture: Any, port: int) -> Any:
    streams = [packets for (_, dst, _), packets in capture.streams.items() if dst[1] == port]
    packets = max(streams, key=len)
    pairs = list(itertools.pairwise(packets))
    stamps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairs]
    return {"streams": len(streams), "sequence_steps": sorted({(b.sequence - a.sequence) & 0xFFFF for a, b in pairs}),
            "odd_timestamps": [step for step in stamps if step % 160 or not 0 < step <= 1600],
            "markers": sum(packet.marker for packet in packets),
            "longest_ms": max(1000 * (b.at_s - a.at_s) for a, b in pairs)}


def fed(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    net.connect()
    net.join()
    rig.poll(0.3)
    unfed = net.listen("a", seconds=1.5)[0][1]
    net.pj.relay_feed(net.id("a"), True)
    found = {"unfed_loud": unfed, "fed_hz": net.listen("a")[0][0], "hears": net.hears()}
    net.end()
    return found


def unlike(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig, ("PCMU", "PCMA"))
    net.connect()
    found = {"joined": net.join()}
    net.end()
    return found


def events(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    net.connect()
    net.join()
    rig.poll(0.3)
    net.press("x", "12")
    rig.poll(0.7)
    net.pj.relay_withhold(net.id("a"), 1 << 10 | 1 << 11)
    net.press("x", "*3#")
    rig.poll(1.0)
    net.press("a", "9")
    rig.poll(0.5)
    found = {"heard_by_leg": net.heard("a"), "heard_by_far_end": net.heard("y"),
             "passed": [passed for _, passed in net.digits["a"]], "sent_by_us": net.heard("x"), "hears": net.hears()}
    net.end()
    return found


def silence(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    net.connect()
    net.join()
    net.pj.relay_mode(net.id("a"), net.pj.RELAY_SILENCE)
    rig.poll(0.3)
    before = net.stream("y").rx_packets
    loud = [loud for _, loud in net.listen("y", "x")]
    net.press("x", "5")
    rig.poll(0.4)
    found = {"loud": loud, "digits": net.heard("y"), "packets_go_on": net.stream("y").rx_packets > before + 40}
    net.end()
    return found


def churn(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    hears: list[float] = []
    rounds = 0
    for rounds in range(1, 13):
        net.connect()
        net.join()
        rig.poll(0.05)
        if rounds == 12:
            hears = net.hears()
        elif rounds % 3 == 0:
            net.pj.relay_part(net.id("b"))
        for who in ("a", "y", "b", "x")[:rounds % 4]:
            if net.legs[who].isActive():
                net.legs[who].hangup(net.options())
            rig.poll(0.01)
        net.hangup()
    net.end()
    return {"rounds": rounds, "hears": hears}


def srtp(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig, srtp=True)
    net.connect()
    joined = net.join()
    rig.poll(0.3)
    hears = net.hears()
    net.press("x", "5")
    rig.poll(0.4)
    secure = [net.legs[who].getStreamInfo(0).proto == net.pj.PJMEDIA_TP_PROTO_RTP_SAVP for who in "ab"]
    found = {"joined": joined, "secure": secure, "hears": hears, "digits": net.heard("y"),
             "forwarded": [net.stats(who)["forwarded"] for who in "ab"]}
    net.end()
    return found


def nonsense(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    pj = net.pj
    net.connect()
    a = net.id("a")
    joins = [pj.relay_join(a, a, True, True), pj.relay_join(-1, 99999, True, True), pj.relay_join(a, -1, True, True),
             pj.relay_join(12, a, True, True)]
    for ident in (-1, 99999, 12):
        pj.relay_part(ident)
        pj.relay_withhold(ident, 7)
        pj.relay_mode(ident, 2)
        pj.relay_feed(ident, True)
        pj.relay_event(ident, 1, 1)
    found = {"joins": joins, "valid": [pj.relay_stats(-1).valid, pj.relay_stats(99999).valid]}
    net.end()
    return found


if __name__ == "__main__":
    import endpoint

    endpoint.main({"tones": tones, "switch": switch, "fed": fed, "unlike": unlike, "events": events,
                   "silence": silence, "churn": churn, "wire": wire, "srtp": srtp, "nonsense": nonsense})
