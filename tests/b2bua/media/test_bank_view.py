# SPDX-License-Identifier: GPL-3.0-or-later
"""The bank as numpy sees it."""

from __future__ import annotations

from b2bua.media.bank import BankView
from tests.b2bua.media.fake_bank import FakeBank


def frames(view: BankView, slot: int, begin: int, end: int) -> tuple[list[int], int]:
    samples, lost = view.read(slot, begin, end)
    shaped = samples.reshape(-1, view.frame_samples)
    assert (shaped == shaped[:, :1]).all()
    return [int(value) for value in shaped[:, 0]], lost


def test_shape_and_clock() -> None:
    bank = FakeBank(slots=3, ring_frames=8, frame_samples=160)
    view = BankView(bank)
    assert (view.slots, view.ring_frames, view.frame_samples, view.rate_hz) == (3, 8, 160, 8000)
    bank.speak(1)
    assert view.tick() == 1


def test_rows_are_read_across_the_end_of_the_ring() -> None:
    bank = FakeBank(ring_frames=8)
    view = BankView(bank)
    for value in range(1, 13):
        bank.speak(value, -value)
    assert frames(view, 0, 6, 12) == ([7, 8, 9, 10, 11, 12], 0)
    assert frames(view, 1, 7, 10) == ([-8, -9, -10], 0)
    assert frames(view, 0, 12, 12) == ([], 0)


def test_frames_that_were_overwritten_are_silence_and_counted() -> None:
    bank = FakeBank(ring_frames=8)
    view = BankView(bank)
    for value in range(1, 13):
        bank.speak(value)
    # Tick 12 is in progress and may be writing over frame 4: only 5 and later are sure.
    assert frames(view, 0, 0, 8) == ([0, 0, 0, 0, 0, 6, 7, 8], 5)


def test_past_its_head_a_row_is_silent_whatever_the_ring_still_holds() -> None:
    bank = FakeBank(ring_frames=8)
    view = BankView(bank)
    bank.speak(5)
    for _ in range(20):
        bank.speak(None, 7)
    assert frames(view, 0, 16, 21) == ([0] * 5, 0)
    assert frames(view, 1, 16, 21) == ([7] * 5, 0)


def test_what_is_read_is_a_copy() -> None:
    bank = FakeBank()
    view = BankView(bank)
    bank.speak(5)
    samples, _ = view.read(0, 0, 1)
    bank.samples[:] = 9
    assert samples[0] == 5
    samples[:] = 1
    assert view.read(0, 0, 1)[0][0] == 9
