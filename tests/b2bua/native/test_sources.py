# SPDX-License-Identifier: GPL-3.0-or-later
"""Native sources on a running conference: what they say arrives to the sample, and who may say it."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.sip

FRAME = 160


def test_a_sound_is_played_to_the_sample_and_then_it_has_finished(play: Any) -> None:
    found = play("sound")
    assert found["exact"], "every sample of the sound, in one piece, and silence around it"
    assert found["finished"] == [False, True]


def test_a_looped_sound_has_no_seam(play: Any) -> None:
    found = play("looped")
    assert found["exact"]
    assert found["finished"] is False


def test_a_gain_is_applied_and_clips(play: Any) -> None:
    found = play("gain")
    assert found["peaks"] == [1000, -500, 32767]


def test_what_is_fed_comes_out_in_order_and_what_is_missing_is_counted(play: Any) -> None:
    found = play("fed")
    assert found["taken"] == [4, 0]
    assert found["waiting"] == [4, 0]
    assert found["exact"]
    assert found["overruns"] == 2
    assert found["underruns"] > 0


def test_a_closed_slot_is_silent_and_is_used_again(play: Any) -> None:
    found = play("reuse")
    assert found["slots"] == [0, 1, -1, 0]
    assert found["ports_kept"]
    assert found["push_closed"] == 0
    assert found["in_use"] == [2, 1, 2, 0]


def test_what_fades_ends_within_ten_ms_without_a_jump(play: Any) -> None:
    found = play("fades")
    assert found["finished"]
    assert 0 < found["ramp_samples"] <= 80
    assert found["largest_step"] <= 1000 // 80 + 1


class Ear:
    """Everything that a port says, as the bank hears it."""

    def __init__(self, pj: Any, port: int) -> None:
        self.bank = pj.Bank(1, 256, 8000)
        self.bank.open(port)
        count = 256 * FRAME
        self._row = np.ctypeslib.as_array((ctypes.c_int16 * count).from_address(self.bank.samples_address()))

    def heard(self) -> Any:
        """From the first sound to the last."""
        loud = np.flatnonzero(self._row)
        return self._row[loud[0]:loud[-1] + 1].copy() if loud.size else self._row[:0]


def ramp(count: int) -> Any:
    """Samples that tell their place."""
    return np.arange(1, count + 1, dtype=np.int16)


def sound(rig: Any, pj: Any) -> Any:
    sources, samples = pj.Sources(2, 8000), ramp(2345)
    slot = sources.play(samples.ctypes.data, len(samples), False, 1.0)
    ear = Ear(pj, sources.port(slot))
    before = sources.finished(slot)
    rig.poll_until(lambda: sources.finished(slot))
    rig.poll(0.1)
    return {"exact": bool(np.array_equal(ear.heard(), samples)), "finished": [before, sources.finished(slot)]}


def looped(rig: Any, pj: Any) -> Any:
    sources, samples = pj.Sources(2, 8000), ramp(333)
    slot = sources.play(samples.ctypes.data, len(samples), True, 1.0)
    ear = Ear(pj, sources.port(slot))
    rig.poll(0.6)
    heard = ear.heard()
    return {"exact": len(heard) > 2000 and bool(np.array_equal(heard, np.resize(samples, len(heard)))),
            "finished": sources.finished(slot)}


def gain(rig: Any, pj: Any) -> Any:
    sources, samples = pj.Sources(2, 8000), np.array([500, -250, 32000], np.int16)
    slot = sources.play(samples.ctypes.data, len(samples), False, 2.0)
    ear = Ear(pj, sources.port(slot))
    rig.poll_until(lambda: sources.finished(slot))
    rig.poll(0.1)
    return {"peaks": ear.heard().tolist()}


def fades(rig: Any, pj: Any) -> Any:
    sources, samples = pj.Sources(2, 8000), np.full(8000, 1000, np.int16)
    slot = sources.play(samples.ctypes.data, len(samples), True, 1.0)
    ear = Ear(pj, sources.port(slot))
    rig.poll(0.2)
    sources.fade(slot)
    rig.poll_until(lambda: sources.finished(slot))
    rig.poll(0.1)
    heard = ear.heard()
    return {"finished": sources.finished(slot), "ramp_samples": int((heard < 1000).sum()),
            "largest_step": int(np.abs(np.diff(heard)).max())}


def fed(rig: Any, pj: Any) -> Any:
    sources, samples = pj.Sources(2, 8000), ramp(6 * FRAME)
    slot = sources.feed(4)
    taken = [sources.push(slot, samples.ctypes.data, 4), sources.push(slot, samples[4 * FRAME:].ctypes.data, 2)]
    waiting = [sources.waiting(slot)]
    ear = Ear(pj, sources.port(slot))
    rig.poll_until(lambda: sources.waiting(slot) == 0)
    rig.poll(0.1)
    waiting.append(sources.waiting(slot))
    return {"taken": taken, "waiting": waiting, "exact": bool(np.array_equal(ear.heard(), samples[:4 * FRAME])),
            "overruns": sources.overruns(), "underruns": sources.underruns()}


def reuse(rig: Any, pj: Any) -> Any:
    sources, samples = pj.Sources(2, 8000), ramp(8000)
    slots = [sources.play(samples.ctypes.data, len(samples), True, 1.0), sources.feed(8)]
    slots.append(sources.play(samples.ctypes.data, len(samples), True, 1.0))
    in_use, ports = [sources.in_use()], [sources.port(0), sources.port(1)]
    sources.close(0)
    sources.close(0)
    in_use.append(sources.in_use())
    slots.append(sources.play(samples.ctypes.data, len(samples), False, 1.0))
    in_use.append(sources.in_use())
    sources.close(1)
    pushed = sources.push(1, samples.ctypes.data, 1)
    sources.close(0)
    in_use.append(sources.in_use())
    return {"slots": slots, "in_use": in_use, "push_closed": pushed,
            "ports_kept": ports == [sources.port(0), sources.port(1)]}


if __name__ == "__main__":
    import functools

    import endpoint
    import pjsua2

    names = (sound, looped, gain, fades, fed, reuse)
    endpoint.main({scenario.__name__: functools.partial(scenario, pj=pjsua2) for scenario in names})
