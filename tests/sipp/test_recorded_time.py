# SPDX-License-Identifier: GPL-3.0-or-later
"""Both channels of a recording stay in step, whatever the clocks and networks of the two sides do.

Both sides beep at the same instants. One side's clock is 2500 ppm slow; or its packets jitter, some are lost, and
the other side puts 60 ms into each of its own. An hour of it is `tests/b2bua/native/test_playout.py`.
"""

from __future__ import annotations

import os
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.peers.rtp import FRAME, FRAME_MS, RtpPacket
from tests.peers.sound import encode_pcmu, tone
from tests.sipp.conftest import Stage
from tests.sipp.test_recordings import act

HZ = 1000
BEEP_S = 0.2  # in every second
SLICE_S = 0.005
CALM_S = 4.0  # before anything is wrong with the network


def beeps(seconds: float, clock: float = 1.0, jitter_s: float = 0.0, lost: float = 0.0, frames: int = 1) -> Any:
    """A track with a beep at every whole second, calm at the begin.

    clock   how much longer its seconds are
    frames  in a packet, when it is calm no more
    """
    luck, packets, held, sequence = random.Random(1), [], [], 0
    for index in range(round(seconds / (FRAME_MS / 1000 * clock))):
        at_s = index * FRAME_MS / 1000 * clock
        sounds = at_s % 1.0 < BEEP_S
        held.append(tone(HZ, FRAME_MS / 1000, -10 if sounds else -90, start=index * FRAME))
        if at_s > CALM_S and len(held) < frames:
            continue
        late_s = luck.uniform(0, jitter_s) if at_s > CALM_S else 0.0
        packet = RtpPacket(at_s + late_s, 0, index == 0, 1000 + sequence, 16000 + (index + 1 - len(held)) * FRAME, 77,
                           encode_pcmu(np.concatenate(held)))
        held, sequence = [], sequence + 1
        if luck.random() >= lost or at_s < CALM_S:
            packets.append(packet)
    return SimpleNamespace(packets=sorted(packets, key=lambda packet: packet.at_s))


def onsets_s(samples: Any, rate_hz: int) -> list[float]:
    """When beeps begin: it was silent for a third of a second before."""
    size = round(SLICE_S * rate_hz)
    loud = np.sqrt((samples[:len(samples) // size * size].reshape(-1, size) ** 2).mean(axis=1)) > 0.03
    quiet = round(0.3 / SLICE_S)
    return [index * SLICE_S for index in np.flatnonzero(loud) if index > quiet and not loud[index - quiet:index].any()]


SLOW = pytest.mark.skipif("B2BUA_CLOCKS" not in os.environ, reason="it measures: B2BUA_CLOCKS=1 pytest -s")


@pytest.mark.parametrize(("clock", "jitter_s", "lost", "frames"), [
    pytest.param(1.0025, 0.0, 0.0, 1, id="slow-clock", marks=SLOW),
    pytest.param(1.0, 0.06, 0.03, 3, id="jitter-loss-and-long-packets")])
def test_channels_stay_in_step(stage: Stage, clock: float, jitter_s: float, lost: float, frames: int) -> None:
    seconds, before = 14.0, stage.recordings()
    pbx = stage.device("pbx-answers-expect-bye", timeout_s=60)
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=round(seconds * 1000), timeout_s=60)
    caller.plays(0, lambda track: beeps(seconds, clock, jitter_s, lost))
    pbx.plays(0, lambda track: beeps(seconds, frames=frames))
    stage.sidecar.wait_metric("b2bua_live_calls", 1)
    act(stage, action="start", format="wav")
    caller.finish()
    pbx.finish()
    (file,) = stage.new_recordings(before)
    sound, rate_hz = soundfile.read(file)
    left, right = onsets_s(sound[:, 0], rate_hz), onsets_s(sound[:, 1], rate_hz)
    apart = [min((one - other for other in right), key=abs) for one in left]
    print(f"{len(left)} and {len(right)} beeps, right before left by ms:", [round(1000 * one) for one in apart])
    usual = float(np.median(apart[:3]))  # the two tracks do not begin at the very same moment
    moved = np.sort(np.abs(np.array(apart[3:]) - usual))
    assert len(left) >= seconds - 3
    assert np.median(moved) <= 0.011
    assert moved[round(0.8 * len(moved)) - 1] <= 0.021  # a beep whose first packet is lost begins 20 ms later
