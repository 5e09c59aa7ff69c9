# SPDX-License-Identifier: GPL-3.0-or-later
"""G.711: what a sound is after mu-law or A-law, from the segments of the recommendation."""

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]


def mu_law(pcm: Pcm) -> Pcm:
    """Through a mu-law codec and back.

    source   ITU-T G.711 table 2: 8 segments of 16 steps, bias 33 in 14 bits
    """
    magnitude = np.minimum(np.abs(pcm.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = magnitude >> (exponent + 3)
    heard = (((step << 1) + 1) << (exponent + 2)) - 132
    return (np.sign(pcm) * heard).astype(np.int16)


def a_law(pcm: Pcm) -> Pcm:
    """Through an A-law codec and back.

    source   ITU-T G.711 table 1: the two lowest segments share one step
    """
    magnitude = np.minimum(np.abs(pcm.astype(np.int32)), 32767)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 8, 0)
    shift = np.maximum(exponent, 1) + 3
    heard = ((magnitude >> shift) << shift) + (1 << (shift - 1))
    return (np.where(pcm < 0, -1, 1) * heard).astype(np.int16)
