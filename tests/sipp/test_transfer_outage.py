# SPDX-License-Identifier: GPL-3.0-or-later
"""The PBX is lost with several legs of each call on it, in every state of a transfer at once, on hold and parked.

Its power is cut (its ports are closed), or the network is (nothing comes, nothing is heard). Each caller outside is
released with a reason in the time that docs/transfer.md states, and no leg is left over."""

from __future__ import annotations

import signal
import time

import pytest

from tests.peers.messages import find
from tests.peers.rest import EventLog, Rest
from tests.peers.rtp import Track
from tests.sipp.conftest import Device, Stage

SILENT_S = 4 * 7 / 6 + 2  # media.timeout_s of this product, a sixth more, and a little
PARKED_S = 3 + 2 + 3  # park.timeout_s, park.ring_s, and a little
RING_S = 8 + 2  # the code's timeout, and a little
LIVES_S = 40.0
LIMITS_S = {"hold": SILENT_S, "park": PARKED_S, "consulting": SILENT_S, "merged": SILENT_S, "ringing": RING_S,
            "partial": RING_S}


class Lot:
    """The calls, one in each state, and what the PBX says in them."""

    def __init__(self, stage: Stage, pbx: Device, told: EventLog) -> None:
        self._stage, self._pbx, self._told = stage, pbx, told
        self.callers: dict[str, Device] = {}
        self._tracks: dict[str, tuple[Track, tuple[str, int]]] = {}

    def begin(self) -> None:
        """One call in each state."""
        for count, state in enumerate(("consulting", "merged"), 1):
            self._call(state, "1001")
            self._types(state, "*##1003", LIVES_S if state == "consulting" else 0.1)
            self._told.wait("transfer.consulting", count)
            target = self._pbx.sipp.peer_sdp(number="1003", call=count)
            self._pbx.rtp.play(Track(1300, event=target.event_type or 0).talk(LIVES_S), target.media)
        self._types("merged", "*3")
        self._told.wait("transfer.merged")
        for state, number, code in (("hold", "1001", "*4"), ("partial", "1002", "*##1004"),
                                    ("ringing", "1001", "*##1004"), ("park", "1001", "*62")):
            self._call(state, number)
            self._types(state, code)
        for event, count in (("call.held", 2), ("transfer.started", 4), ("transfer.partial", 1), ("call.parked", 1)):
            self._told.wait(event, count)

    def _call(self, state: str, number: str) -> None:
        name = f"{state}-{time.monotonic_ns()}"  # INVITEs to a PBX that is gone are repeated for 32 s
        caller = self._stage.caller("caller-answered-expect-bye-from-pbx", service=number, timeout_s=LIVES_S,
                                    keys={"caller": name})
        answer = self._pbx.sipp.peer_sdp(timeout_s=10, number=number, caller=name)
        self._tracks[state] = Track(900, event=answer.event_type or 0), answer.media
        caller.plays(500, lambda track: track.talk(LIVES_S))
        self.callers[state] = caller

    def _types(self, state: str, digits: str, then_s: float = LIVES_S) -> None:
        """The phone presses these keys, and talks on for so long."""
        track, to = self._tracks[state]
        track = track.next().talk(0.3).digits(digits, digit_ms=60, gap_ms=60).talk(then_s)
        self._pbx.rtp.play(track, to)
        self._tracks[state] = track, to


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSTOP], ids=["power", "network"])
def test_a_pbx_that_is_lost_in_any_state_leaves_nobody_waiting(impatient_stage: Stage, by: signal.Signals) -> None:
    stage = impatient_stage
    pbx = stage.device("pbx-stands-in-every-state-expect-power-cut", calls=99, talk_ms=3000, timeout_s=90)
    with Rest(stage.sidecar).events("transfer.*,metaflow.*,call.*") as told:
        calls = Lot(stage, pbx, told)
        calls.begin()
    pbx.rtp.close()
    pbx.sipp.signal(by)
    lost_s = time.time()
    for state, caller in calls.callers.items():
        (bye,) = find(caller.finish(), "BYE")
        assert bye.get("Reason"), f"{state}: the BYE says why"
        assert bye.at_s - lost_s < LIMITS_S[state], state
    stage.sidecar.wait_metric("b2bua_legs", 0, 10)
