# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer: the DTMF receiver of libspandsp2, as the library comes, through ctypes. Only for comparison."""

import ctypes
import ctypes.util

import numpy as np
from numpy.typing import NDArray


class Spandsp:
    """Digits that spandsp hears, 8 kHz.

    raises   OSError when the library is not installed
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("spandsp") or "libspandsp.so.2")
        self._library.dtmf_rx_init.restype = ctypes.c_void_p
        self._library.dtmf_rx_init.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        self._library.dtmf_rx.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
        self._library.dtmf_rx_get.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        self._library.dtmf_rx_get.restype = ctypes.c_size_t
        self._library.dtmf_rx_free.argtypes = [ctypes.c_void_p]

    def detect(self, pcm: NDArray[np.int16]) -> list[tuple[str, float]]:
        """Digits in one recording, each with the end of the 20 ms packet that brought it, seconds."""
        receiver = self._library.dtmf_rx_init(None, None, None)
        padded = np.ascontiguousarray(np.concatenate((pcm, np.zeros(800, np.int16))))
        buffer = ctypes.create_string_buffer(129)
        found = []
        for first in range(0, padded.size - 159, 160):
            self._library.dtmf_rx(receiver, padded[first:].ctypes.data, 160)
            count = self._library.dtmf_rx_get(receiver, buffer, 128)
            found += [(digit, (first + 160) / 8000) for digit in buffer.raw[:count].decode("ascii")]
        self._library.dtmf_rx_free(receiver)
        return found
