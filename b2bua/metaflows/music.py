# SPDX-License-Identifier: GPL-3.0-or-later
"""Which music somebody hears while they wait: one answer for hold, park and transfer. SIP thread."""

from __future__ import annotations

import logging

from b2bua.calls.directory import Endpoint
from b2bua.calls.sounds import Sound, SoundError, Tune
from b2bua.metaflows.context import Parts

log = logging.getLogger(__name__)


async def hold_music(parts: Parts, account_id: str | None, holder: Endpoint | None, chosen: str | None = None) -> Sound:
    """What the code says (`chosen`), else `music_on_hold` of the user, device or account that puts on hold, else
    `sounds.hold_music`, else the built-in tune. What cannot be found is logged, and the next one tried.
    """
    assert parts.library is not None
    for name in (chosen, holder.music if holder is not None else None, parts.hold_music):
        sound = await found(parts, account_id, name)
        if sound is not None:
            return sound
    return parts.library.tune(Tune.HOLD_MUSIC)


async def found(parts: Parts, account_id: str | None, name: str | None) -> Sound | None:
    """A sound by its name; None where there is no name or no such sound."""
    if not name or parts.library is None:
        return None
    try:
        return await parts.library.find(account_id, name)
    except SoundError as error:
        log.warning("music of account %s: %s", account_id, error)
        return None
