# SPDX-License-Identifier: GPL-3.0-or-later
"""A bank of recordings, and what the detector hears in it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from dsp.dtmf import Detector, Event


class Heard(NamedTuple):
    """What one leg said. `begins` come with the end of the frame that brought them, seconds."""

    ends: list[Event]
    begins: list[tuple[Event, float]]

    @property
    def digits(self) -> str:
        """The digits that ended, in order."""
        return "".join(event.digit for event in self.ends)


Listen = Callable[[Sequence[NDArray[np.int16]], int], list[Heard]]


@pytest.fixture
def listen() -> Listen:
    """Hear recordings of any length as the legs of one bank, with some silence after them."""

    def run(recordings: Sequence[NDArray[np.int16]], rate_hz: int) -> list[Heard]:
        frame = rate_hz // 50
        steps = -(-max(pcm.size for pcm in recordings) // frame) + 4
        bank = np.zeros((len(recordings), steps * frame), np.int16)
        for row, pcm in zip(bank, recordings, strict=True):
            row[: pcm.size] = pcm
        heard = [Heard([], []) for _ in recordings]
        detector = Detector(len(recordings), rate_hz)
        for step in range(steps):
            for event in detector.step(bank[:, step * frame : (step + 1) * frame]):
                if event.duration_s is None:
                    heard[event.leg].begins.append((event, (step + 1) * 0.02))
                else:
                    heard[event.leg].ends.append(event)
        return heard

    return run
