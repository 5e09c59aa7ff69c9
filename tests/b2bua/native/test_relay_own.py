# SPDX-License-Identifier: GPL-3.0-or-later
"""What we ourselves say into a relayed call: a tone is heard in place of the partner, then the partner again."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.sip

X_HZ, Y_HZ, OURS_HZ = 500, 900, 1300


def test_a_tone_of_ours_takes_the_place_of_the_partner_for_its_time(play: Any) -> None:
    found = play("tone")
    assert found["before"] == [Y_HZ, X_HZ]
    assert found["unannounced"] == [Y_HZ, X_HZ], "our own stream is silent unless it was given the wire"
    assert found["during"] == [OURS_HZ, X_HZ], "X hears us, Y still hears X"
    assert found["after"] == [Y_HZ, X_HZ]
    assert found["lost"] == [0, 0]


def tone(rig: Any) -> Any:
    from relay_net import Net

    net = Net(rig)
    net.connect()
    net.join()
    rig.poll(0.3)
    found = {"before": net.hears()}
    ours = rig.tone(OURS_HZ)
    net.pj.conf_connect(ours.getPortId(), net.media("a"))
    found["unannounced"] = net.hears()
    net.pj.relay_insert(net.id("a"), 1700)
    rig.poll(0.4)
    found["during"] = net.hears()
    rig.poll(0.9)
    found["after"] = net.hears()
    found["lost"] = [net.stream(who).rx_lost for who in "xy"]
    net.end()
    del ours
    return found


if __name__ == "__main__":
    import endpoint

    endpoint.main({"tone": tone})
