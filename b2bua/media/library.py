# SPDX-License-Identifier: GPL-3.0-or-later
"""Where sounds come from: the tunes that are always there, and files of the operator. SIP thread."""

from __future__ import annotations

from collections.abc import Mapping

from b2bua.calls.sounds import Sound, SoundError, Tune


class Library:
    """As of b2bua.calls.sounds."""

    def __init__(self, tunes: Mapping[Tune, Sound]) -> None:
        self._tunes = tunes

    def tune(self, name: Tune) -> Sound:
        """As of the protocol."""
        return self._tunes[name]

    async def find(self, account_id: str | None, name: str) -> Sound:
        """As of the protocol."""
        if name in self._tunes:
            return self._tunes[Tune(name)]
        raise SoundError(f"there is no sound {name!r}")
