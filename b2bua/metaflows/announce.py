# SPDX-License-Identifier: GPL-3.0-or-later
"""Something is played to one or both parties until it ends, a key is pressed, or `break` says so. SIP thread.

What `play`, `say` and `tts` have in common.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from b2bua.calls.leg import Ended, Leg, Pressed
from b2bua.calls.sounds import End, Sound
from b2bua.metaflows.context import Context, Outcome, Report

Who = Literal["self", "peer", "both"]
KEYS = "0123456789*#"
SOUNDS_MAX = 8  # that one leg may hear at a time; the sources are there for all calls


def listeners(context: Context, who: str) -> list[Leg]:
    """The legs that are meant, seen from the leg that typed; alone in a call, that leg hears everything."""
    peer = context.peer
    if peer is None or who == "self":
        return [context.leg]
    return [peer] if who == "peer" else [context.leg, peer]


async def announce(context: Context, sound: Sound, who: str, *, keys: str = KEYS, loop: bool = False) -> Report:
    """Play it; `done` when all have heard all of it, `interrupted` when it was stopped.

    keys  any of these, pressed by somebody who hears it or who typed the code, ends it for all
    """
    player = context.parts.player
    if player is None:
        return Report(Outcome.UNAVAILABLE, "there is no player")
    legs = listeners(context, who)
    if any(len(player.playing(leg)) >= SOUNDS_MAX for leg in legs):
        return Report(Outcome.FAILED, f"{SOUNDS_MAX} sounds are being played to this leg already")
    playings = [player.start(context.call, leg, sound, loop=loop) for leg in legs]
    ends = [asyncio.ensure_future(playing.wait()) for playing in playings]
    pressed = [asyncio.ensure_future(_pressed(leg, keys)) for leg in {*legs, context.leg}] if keys else []
    try:
        waiting = set(ends)
        while waiting and all(task.result() is End.FINISHED for task in ends if task.done()):
            done, _ = await asyncio.wait([*waiting, *pressed], return_when=asyncio.FIRST_COMPLETED)
            if done & set(pressed):
                return Report(Outcome.INTERRUPTED, "a key was pressed")
            waiting -= done
        whole = all(task.result() is End.FINISHED for task in ends if task.done())
        return Report(Outcome.DONE) if whole else Report(Outcome.INTERRUPTED, "it was stopped")
    finally:
        for playing in playings:
            playing.stop()
        for task in (*ends, *pressed):
            task.cancel()


async def _pressed(leg: Leg, keys: str) -> None:
    """Until one of these keys goes down there; never when the leg has gone: that ends its sound anyway."""
    while True:
        event = await leg.wait_for(Pressed, Ended)
        if isinstance(event, Ended):
            await asyncio.get_running_loop().create_future()
        if isinstance(event, Pressed) and event.digit.digit in keys:
            return
