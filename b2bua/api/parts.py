# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API is made of, handed in by the application."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from b2bua.api.live import LiveCalls, NoCalls
from b2bua.api.stream import EventStream
from b2bua.media.shelf import Shelf
from b2bua.store import Store
from config.settings import Api, Sounds


@dataclass(frozen=True, slots=True)
class ApiParts:
    """Everything `create_app` needs.

    sip_ready   may be called from the API thread: is SIP listening and taking calls?
    events      subscribe its `publish` to the calls' events, and those who listen by API hear them
    sounds      where uploaded media lie, and how much
    recordings  what is recorded; None: the routes are not there
    pbx_codes   codes of the PBX itself, for the checker
    secret      signs tokens; empty: the store's own, which all sidecars on one database share
    clock       wall-clock seconds since the epoch
    """

    store: Store
    settings: Api
    registry: CollectorRegistry
    sip_ready: Callable[[], bool]
    live: LiveCalls = field(default_factory=NoCalls)
    events: EventStream = field(default_factory=EventStream)
    recordings: Shelf | None = None
    sounds: Sounds = field(default_factory=Sounds)
    pbx_codes: tuple[str, ...] = ()
    secret: str = ""
    clock: Callable[[], float] = time.time
