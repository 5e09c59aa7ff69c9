# SPDX-License-Identifier: GPL-3.0-or-later
"""The native bank on a running conference: whose sound is in which row, and when."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.sip

RING_FRAMES = 64  # 1.28 s


def test_each_row_holds_its_own_leg(play: Any) -> None:
    found = play("tones")
    assert found["slots"] == [0, 1]
    assert found["hz"] == [500, 900]
    assert found["in_use"] == 2


def test_a_wideband_bridge_resamples_narrowband_legs(play: Any) -> None:
    found = play("wideband")
    assert found["frame_samples"] == 320
    assert found["hz"] == 500
    assert found["image_db"] < -40, "no mirror image at 7500 Hz"


def test_rows_are_aligned_and_heads_follow_the_tick(play: Any) -> None:
    found = play("alignment")
    assert found["equal"], "two taps on one source must hold the same samples in the same columns"
    assert found["loud"] == found["frames"] > 10, "no column between the first and the last frame is missing"
    assert all(0 <= lead <= 1 for lead in found["lead"])


def test_a_full_bank_says_so_and_a_slot_comes_back_with_a_new_generation(play: Any) -> None:
    found = play("reuse")
    assert found["opened"] == [0, 1, 2, -1]
    assert found["generations"] == [1, 1, 1]
    assert found["reopened"] == 1
    assert found["silent_at_open"]
    assert found["generations_after"] == [1, 2, 1]
    assert found["hz"] == 900, "the new leg, not the former one"
    assert found["taps"] == found["taps_after"], "a tap is made once and kept"


def test_a_closed_slot_takes_no_more_frames(play: Any) -> None:
    found = play("closed")
    assert found["heads_after"] == found["heads_before"]
    assert found["tick_after"] > found["tick_before"]


def test_a_source_that_stops_leaves_silence_not_stale_sound(play: Any) -> None:
    found = play("stopped")
    assert found["loud_before"]
    assert not found["loud_after"]
    assert found["head_moved"], "silence is written, tick by tick"


def test_a_leg_whose_port_is_gone_is_closed_without_disconnecting(play: Any) -> None:
    found = play("leg_gone")
    assert found["reopened"] == found["slot"]
    assert found["other_hz"] == 900, "the other leg is still heard"
    assert found["hz"] == 700


def test_the_tick_never_goes_back_when_the_clock_starts_anew(play: Any) -> None:
    found = play("clock")
    assert found["ticks"] == sorted(found["ticks"])
    assert found["ticks"][-1] - found["ticks"][0] < 60, "and does not leap"


def test_refusals(play: Any) -> None:
    found = play("refusals")
    assert found == {"no_port": -2, "gone_port": -2, "errors": ["ValueError"] * 3, "in_use": 0}


class Rows:
    """numpy's view of a bank."""

    def __init__(self, bank: Any) -> None:
        self.bank = bank
        self.slots = bank.slots()
        samples = self.slots * bank.ring_frames() * bank.frame_samples()
        self.samples = view(ctypes.c_int16, bank.samples_address(), samples).reshape(self.slots, -1)
        self.heads = view(ctypes.c_uint64, bank.heads_address(), self.slots)
        self.generations = view(ctypes.c_uint32, bank.generations_address(), self.slots)

    def frame(self, slot: int, index: int) -> Any:
        width = self.bank.frame_samples()
        column = index % self.bank.ring_frames()
        return self.samples[slot, column * width : (column + 1) * width].copy()

    def latest(self, slot: int, frames: int) -> Any:
        head = int(self.heads[slot])
        return np.concatenate([self.frame(slot, index) for index in range(head - frames, head)])

    def hz(self, slot: int) -> int:
        """Strongest frequency of the last second."""
        return int(np.argmax(np.abs(np.fft.rfft(self.latest(slot, 50)))))


def view(kind: Any, address: int, count: int) -> Any:
    return np.ctypeslib.as_array((kind * count).from_address(address))


def tones(rig: Any, pj: Any) -> Any:
    bank = pj.Bank(4, RING_FRAMES, 8000)
    low, high = rig.tone(500), rig.tone(900)
    slots = [bank.open(low.getPortId()), bank.open(high.getPortId())]
    rig.poll(1.3)
    rows = Rows(bank)
    return {"slots": slots, "hz": [rows.hz(slot) for slot in slots], "in_use": bank.in_use()}


def wideband(rig: Any, pj: Any) -> Any:
    bank = pj.Bank(1, RING_FRAMES, 16000)
    source = rig.tone(500)
    slot = bank.open(source.getPortId())
    rig.poll(1.3)
    rows = Rows(bank)
    sound = rows.latest(slot, 50) * np.hanning(16000)
    levels = np.abs(np.fft.rfft(sound))
    image_db = 20 * np.log10(levels[7450:7550].max() / levels[500])
    return {"frame_samples": bank.frame_samples(), "hz": rows.hz(slot), "image_db": float(image_db)}


def alignment(rig: Any, pj: Any) -> Any:
    bank = pj.Bank(2, RING_FRAMES, 8000)
    source = rig.tone(437)  # no whole number of periods in a frame: shifted frames differ
    bank.open(source.getPortId())
    rig.poll(0.2)
    late = bank.open(source.getPortId())
    rows = Rows(bank)
    first = int(rows.heads[late])
    rig.poll(0.5)
    last = bank.tick()
    pairs = [(rows.frame(0, index), rows.frame(late, index)) for index in range(first + 1, last)]
    heads = [int(head) for head in rows.heads]
    return {
        "equal": all(np.array_equal(a, b) for a, b in pairs),
        "loud": sum(bool(a.any()) for a, _ in pairs),
        "frames": len(pairs),
        "lead": [head - last for head in heads],
    }


def reuse(rig: Any, pj: Any) -> Any:
    bank = pj.Bank(3, RING_FRAMES, 8000)
    low, high = rig.tone(500), rig.tone(900)
    opened = [bank.open(low.getPortId()) for _ in range(4)]
    rows = Rows(bank)
    generations = rows.generations.tolist()
    taps = [bank.tap_port(slot) for slot in range(3)]
    rig.poll(0.2)
    bank.close(1, low.getPortId())
    reopened = bank.open(high.getPortId())
    silent = not rows.samples[1].any()
    rig.poll(1.2)
    return {
        "opened": opened,
        "generations": generations,
        "reopened": reopened,
        "silent_at_open": silent,
        "generations_after": rows.generations.tolist(),
        "hz": rows.hz(reopened),
        "taps": taps,
        "taps_after": [bank.tap_port(slot) for slot in range(3)],
    }


def closed(rig: Any, pj: Any) -> Any:
    bank = pj.Bank(1, RING_FRAMES, 8000)
    source = rig.tone(500)
    slot = bank.open(source.getPortId())
    rig.poll(0.2)
    bank.close(slot, source.getPortId())
    rows = Rows(bank)
    before, tick = int(rows.heads[slot]), bank.tick()
    rig.poll(0.2)
    return {
        "heads_before": before,
        "heads_after": int(rows.heads[slot]),
        "tick_before": tick,
        "tick_after": bank.tick(),
    }


def stopped(rig: Any, pj: Any) -> Any:
    bank = pj.Bank(1, RING_FRAMES, 8000)
    source = rig.tone(500)
    slot = bank.open(source.getPortId())
    rig.poll(0.3)
    rows = Rows(bank)
    loud = bool(rows.latest(slot, 5).any())
    head = int(rows.heads[slot])
    pj.conf_disconnect(source.getPortId(), bank.tap_port(slot))
    rig.poll(1.5)  # longer than the ring
    return {
        "loud_before": loud,
        "loud_after": bool(rows.samples[slot].any()),
        "head_moved": int(rows.heads[slot]) > head + 60,
    }


def leg_gone(rig: Any, pj: Any) -> Any:
    bank = pj.Bank(2, RING_FRAMES, 8000)
    leg, other = rig.tone(500), rig.tone(900)
    slot = bank.open(leg.getPortId())
    kept = bank.open(other.getPortId())
    rig.poll(0.2)
    del leg  # its conference port is removed
    bank.close(slot, -1)
    newcomer = rig.tone(700)
    reopened = bank.open(newcomer.getPortId())
    rig.poll(1.2)
    rows = Rows(bank)
    return {"slot": slot, "reopened": reopened, "other_hz": rows.hz(kept), "hz": rows.hz(reopened)}


def clock(rig: Any, pj: Any) -> Any:
    bank = pj.Bank(1, RING_FRAMES, 8000)
    source = rig.tone(500)
    bank.open(source.getPortId())
    ticks = []
    for _ in range(3):
        rig.poll(0.2)
        ticks.append(bank.tick())
        rig.endpoint.audDevManager().setNullDev()  # the conference counts from 0 again
        ticks.append(bank.tick())
    return {"ticks": ticks}


def refusals(rig: Any, pj: Any) -> Any:
    errors = []
    for arguments in ((0, 64, 8000), (4, 0, 8000), (4, 64, 8001)):
        try:
            pj.Bank(*arguments)
        except Exception as error:
            errors.append(type(error).__name__)
    bank = pj.Bank(1, RING_FRAMES, 8000)
    bank.close(0, 3)
    bank.close(7, 3)
    return {"no_port": bank.open(-1), "gone_port": bank.open(50), "errors": errors, "in_use": bank.in_use()}


if __name__ == "__main__":
    import functools

    import endpoint
    import pjsua2

    names = (tones, wideband, alignment, reuse, closed, stopped, leg_gone, clock, refusals)
    endpoint.main({scenario.__name__: functools.partial(scenario, pj=pjsua2) for scenario in names})
