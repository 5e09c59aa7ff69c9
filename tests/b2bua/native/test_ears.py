# SPDX-License-Identifier: GPL-3.0-or-later
"""The ears of the native bank: who is listened to for tones is gathered at 8 kHz, in one block a tick."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.sip


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_those_listened_to_are_gathered_at_8_khz(play: Any, rate_hz: int) -> None:
    found = play(f"gathered_at_{rate_hz}")
    assert found["hz"] == [900, 500], "each in its row"
    assert found["off"] <= 1, "as the detector's own decimation makes it"
    assert found["others"] == 0, "a row without an owner is silent"
    assert found["silent_after"], "nobody is listened to any more"


def gathered_at_8000(rig: Any, pj: Any) -> Any:
    return _gathered(rig, pj, 8000)


def gathered_at_16000(rig: Any, pj: Any) -> Any:
    return _gathered(rig, pj, 16000)


def _gathered(rig: Any, pj: Any, rate_hz: int) -> Any:
    from test_bank import RING_FRAMES, Rows, view

    from dsp.tape import Tape

    bank = pj.Bank(4, RING_FRAMES, rate_hz)
    sources = rig.tone(500), rig.tone(900)
    slots = [bank.open(source.getPortId()) for source in sources]
    for slot, row in zip(slots, (2, 1), strict=True):
        bank.listen(slot, row)
    columns = bank.ear_columns()
    ears = view(ctypes.c_int16, bank.ears_address(), columns * 4 * 160).reshape(columns, 4, 160)
    rig.poll(0.9)
    last, whole = bank.tick(), ears.copy()
    sound = np.concatenate([whole[tick % columns] for tick in range(last - 20, last)], axis=1)
    rows, tape, off = Rows(bank), Tape(1, rate_hz), 0.0
    for index, tick in enumerate(range(last - 20, last)):
        tape.write(rows.frame(slots[0], tick)[None])
        if index:  # what came before the first one is not known
            off = max(off, float(np.abs(tape.last(160)[0] - sound[2, 160 * index : 160 * index + 160]).max()))
    for slot in slots:
        bank.listen(slot, -1)
    then = bank.tick() + columns + 2
    assert rig.poll_until(lambda: bank.tick() > then)
    return {
        "hz": [int(np.argmax(np.abs(np.fft.rfft(sound[row])))) * 2.5 for row in (1, 2)],
        "off": off,
        "others": int(np.abs(sound[[0, 3]]).max()),
        "silent_after": not ears.any(),
    }


if __name__ == "__main__":
    import functools

    import endpoint
    import pjsua2

    names = (gathered_at_8000, gathered_at_16000)
    endpoint.main({scenario.__name__: functools.partial(scenario, pj=pjsua2) for scenario in names})
