# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the endpoint to itself: stream statistics, leg ports, levels, and a tap on a real RTP leg."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.sip


def test_a_call_with_two_way_sound(play: Any) -> None:
    found = play("call")
    assert found["connected"]
    for stats in found["stats"]:
        assert stats["valid"]
        assert stats["codec"] == "PCMU"
        assert stats["clock_rate_hz"] == 8000
        assert stats["tx_pt"] == stats["rx_pt"] == 0
        assert stats["tx_event_pt"] == stats["rx_event_pt"] == 101
        assert stats["rx_packets"] > 40
        assert stats["tx_packets"] > 40
        assert stats["rx_lost"] == 0
        assert 0 <= stats["rx_jitter_ms"] < 20
        assert stats["remote_rtp"].startswith("127.0.0.1:")
    assert found["heard_hz"] == 500, "the tap on the called leg holds the caller's tone"
    assert found["halved"] == pytest.approx(0.5, abs=0.1), "conf_connect_level"
    assert found["at_end"] == [[True, True]] * 2, "statistics are still there in onStreamDestroyed"
    assert found["at_disconnected"] == [[False, -1]] * 2, "and gone in onCallState: media ends first"


def test_after_the_call(play: Any) -> None:
    found = play("after_call")
    assert found["port_during"] > 0
    assert found["port_after"] == -1
    assert found["stats_after"] is False
    assert found["nonsense"] == [-1, -1, False, False]
    assert found["disconnect_gone"] != 0, "a code, not an exception"
    assert found["connect_nonsense"] != 0
    assert found["silent_slot_reused"]


ends: list[Any] = []  # in onStreamDestroyed: are there statistics, and whole ones
gone: list[Any] = []  # in onCallState DISCONNECTED: are there statistics, conference port


def _options(code: int = 0) -> Any:
    import pjsua2 as pj

    prm = pj.CallOpParam(True)
    prm.opt.videoCount = prm.opt.textCount = 0
    prm.statusCode = code
    return prm


def _account_config(port: int) -> Any:
    import pjsua2 as pj

    config = pj.AccountConfig()
    config.idUri = f"sip:desk@127.0.0.1:{port}"
    config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    config.mediaConfig.transportConfig.publicAddress = "127.0.0.1"
    config.mediaConfig.transportConfig.port = 23000
    return config


def _calls(rig: Any) -> Any:
    """Call ourselves; return the two calls once both have media."""
    import pjsua2 as pj

    port = rig.listen()
    rig.start()
    legs: list[Any] = []
    ready: set[int] = set()

    class Leg(pj.Call):  # type: ignore[misc]
        def onCallMediaState(self, prm: Any) -> None:
            ready.add(self.getId())

        def onStreamDestroyed(self, prm: Any) -> None:
            stats = pj.stream_stats(self.getId())
            ends.append([stats.valid, stats.rx_packets > 40])

        def onCallState(self, prm: Any) -> None:
            if self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED:
                gone.append([pj.stream_stats(self.getId()).valid, pj.leg_port(self.getId())])

    class Desk(pj.Account):  # type: ignore[misc]
        def onIncomingCall(self, prm: Any) -> None:
            leg = Leg(self, prm.callId)
            legs.append(leg)
            leg.answer(_options(200))

    account = Desk()
    account.create(_account_config(port), True)
    for codec in rig.endpoint.codecEnum2():
        rig.endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU") else 0)
    caller = Leg(account)
    legs.append(caller)
    caller.makeCall(f"sip:desk@127.0.0.1:{port}", _options())
    rig.poll_until(lambda: len(ready) == 2)
    return account, legs, len(ready) == 2


def call(rig: Any) -> Any:
    import numpy as np
    import pjsua2 as pj
    from test_bank import RING_FRAMES, Rows

    account, legs, connected = _calls(rig)
    ports = [pj.leg_port(leg.getId()) for leg in legs]
    tone = rig.tone(500)
    bank = pj.Bank(2, RING_FRAMES, 8000)
    pj.conf_connect(tone.getPortId(), ports[0])
    pj.conf_connect(ports[1], ports[1])  # the called side echoes, so both send sound
    slot = bank.open(ports[1])
    half = bank.open(tone.getPortId())
    rig.poll(1.5)
    rows = Rows(bank)
    heard, loud = rows.hz(slot), float(np.abs(rows.latest(half, 10)).mean())
    pj.conf_disconnect(tone.getPortId(), bank.tap_port(half))
    pj.conf_connect_level(tone.getPortId(), bank.tap_port(half), 0.5)
    rig.poll(0.4)
    soft = float(np.abs(rows.latest(half, 10)).mean())
    names = [name for name in dir(pj.StreamStats) if name[0] != "_" and name not in ("this", "thisown")]
    found = [pj.stream_stats(leg.getId()) for leg in legs]
    stats = [{name: getattr(one, name) for name in names} for one in found]
    rig.endpoint.hangupAllCalls()
    rig.poll(0.3)
    legs.clear()
    account.shutdown()
    return {"connected": connected, "stats": stats, "heard_hz": heard, "halved": soft / loud,
            "at_end": ends, "at_disconnected": gone}


def after_call(rig: Any) -> Any:
    import pjsua2 as pj
    from test_bank import RING_FRAMES

    account, legs, _ = _calls(rig)
    bank = pj.Bank(1, RING_FRAMES, 8000)
    ident = legs[0].getId()
    port = pj.leg_port(ident)
    slot = bank.open(port)
    rig.poll(0.2)
    rig.endpoint.hangupAllCalls()
    rig.poll(0.5)
    legs.clear()
    gone = pj.conf_disconnect(port, bank.tap_port(slot))
    bank.close(slot, -1)
    tone = rig.tone(500)
    found = {
        "port_during": port,
        "port_after": pj.leg_port(ident),
        "stats_after": pj.stream_stats(ident).valid,
        "nonsense": [pj.leg_port(-1), pj.leg_port(9999), pj.stream_stats(-1).valid, pj.stream_stats(9999).valid],
        "disconnect_gone": gone,
        "connect_nonsense": pj.conf_connect(-1, 0),
        "silent_slot_reused": bank.open(tone.getPortId()) == slot,
    }
    account.shutdown()
    return found


if __name__ == "__main__":
    import endpoint

    endpoint.main({"call": call, "after_call": after_call})
