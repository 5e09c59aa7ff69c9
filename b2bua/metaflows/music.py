# SPDX-License-Identifier: GPL-3.0-or-later
"""Which music somebody hears while they wait: one answer for hold, park and transfer. SIP thread."""

from __future__ import annotations

import logging

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg
from b2bua.calls.sounds import Sound, SoundError, Tune
from b2bua.metaflows.context import Parts

log = logging.getLogger(__name__)


async def hold_music(parts: Parts, call: Call, holder: Leg, chosen: str | None = None) -> Sound | None:
    """What the code says (`chosen`), else `music_on_hold` of the user, device or account that makes the other wait,
    else `sounds.hold_music`, else the built-in tune. What cannot be found is logged, and the next one tried.

    None where nothing can be played at all.
    """
    for name in (chosen, _own(parts, call, holder), parts.hold_music):
        sound = await found(parts, call.account_id, name)
        if sound is not None:
            return sound
    return parts.library.tune(Tune.HOLD_MUSIC) if parts.library is not None else None


async def found(parts: Parts, account_id: str | None, name: str | None) -> Sound | None:
    """A sound by its name; None where there is no name or no such sound."""
    if not name or parts.library is None:
        return None
    try:
        return await parts.library.find(account_id, name)
    except SoundError as error:
        log.warning("music of account %s: %s", account_id, error)
        return None


def _own(parts: Parts, call: Call, holder: Leg) -> str | None:
    """Of the holder's documents; of the account's where a stranger holds."""
    endpoint = holder.endpoint
    if endpoint is None and call.account_id is not None:
        endpoint = parts.exchange.directory.by_id(call.account_id, call.account_id)
    return endpoint.music if endpoint is not None else None
