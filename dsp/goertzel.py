# SPDX-License-Identifier: GPL-3.0-or-later
"""Goertzel: how much of a few given frequencies is in many blocks, as one matrix product.

The recursion of the textbook is a loop over samples; with a basis of cosines and sines the same sums for all
blocks of all legs are one product. Imports only numpy. Any thread; keeps no state.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float32]
Complex = NDArray[np.complex64]


def hann(samples: int) -> NDArray[np.float64]:
    """Hann window whose overlapping copies add up to a constant.

    returns  (samples,) float64, symmetric about its middle, no zero at either end
    """
    return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(samples) + 0.5) / samples))


def tone_basis(
    tones_hz: Sequence[float], samples: int, rate_hz: int, window: NDArray[np.float64] | None = None
) -> Real:
    """Cosines and sines that turn a block into the phasors of some tones.

    window   (samples,) weights, all ones when left out
    returns  (samples, 2 * tones) float32: cosines, then sines; scaled so that a sine of peak amplitude 1.0 gives a
             phasor of magnitude 1.0; phase counts from the middle of the block
    """
    weights = np.ones(samples) if window is None else window
    time_s = (np.arange(samples) - (samples - 1) / 2.0) / rate_hz
    angle = 2.0 * np.pi * np.outer(time_s, np.asarray(tones_hz, np.float64))
    basis = np.hstack((np.cos(angle), -np.sin(angle))) * weights[:, None]
    return np.asarray(basis * (2.0 / weights.sum()), np.float32)


def phasors(blocks: Real, basis: Real) -> Complex:
    """Complex amplitude of each tone in each block.

    blocks   (..., samples) float32, any unit
    basis    (samples, 2 * tones) float32 from `tone_basis`
    returns  (..., tones) complex64; magnitude is the peak amplitude of the tone
    raises   ValueError when the sample counts differ
    """
    if blocks.shape[-1] != basis.shape[0]:
        raise ValueError(f"blocks of {blocks.shape[-1]} samples, basis of {basis.shape[0]}")
    parts = blocks @ basis
    tones = basis.shape[1] // 2
    found = np.empty((*parts.shape[:-1], tones), np.complex64)
    found.real, found.imag = parts[..., :tones], parts[..., tones:]
    return found


def block_power(blocks: Real, basis: Real) -> Real:
    """Mean-square power of each tone in each block.

    blocks   (..., samples) float32, any unit
    basis    (samples, 2 * tones) float32 from `tone_basis`
    returns  (..., tones) float32; a sine of peak amplitude A gives A * A / 2
    raises   ValueError when the sample counts differ
    """
    if blocks.shape[-1] != basis.shape[0]:
        raise ValueError(f"blocks of {blocks.shape[-1]} samples, basis of {basis.shape[0]}")
    parts = blocks @ basis
    parts *= parts
    tones = basis.shape[1] // 2
    return np.asarray((parts[..., :tones] + parts[..., tones:]) * np.float32(0.5))


def sliding_phasors(samples: Real, basis: Real, hop: int) -> Complex:
    """Phasors of blocks that start every `hop` samples: the envelope of each tone.

    samples  (legs, samples) float32, any unit
    basis    (block, 2 * tones) float32 from `tone_basis`
    returns  (hops, legs, tones) complex64, first block at sample 0
    raises   ValueError when there is less than one block
    """
    samples = np.ascontiguousarray(samples)
    size, (row, step) = basis.shape[0], samples.strides
    hops = (samples.shape[1] - size) // hop + 1
    if hops < 1:
        raise ValueError(f"{samples.shape[1]} samples, basis of {size}")
    # Blocks first: each is then one plain product of all legs, and none is copied (as_strided: as dear as the product)
    shape, strides = (hops, samples.shape[0], size), (hop * step, row, step)
    return phasors(np.ndarray(shape, samples.dtype, samples, 0, strides), basis)
