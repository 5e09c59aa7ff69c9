# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens, told once: log, metrics and event stream subscribe here.

Events are past participles named `noun.verb`. They are published on the SIP thread and handed to each subscriber at
once; a subscriber returns quickly and never raises into the call (a failure is logged and that is all).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    name        e.g. `call.started`, `digit.heard`, `metaflow.ended`
    at_s        wall-clock seconds since the epoch
    call_id     our id of the call, or None
    leg_id      SIP Call-ID of the leg concerned, or None
    account_id  whose business it is (decides who may see it), or None
    fields      further facts; digits never stand here unless the operator allows it
    """

    name: str
    at_s: float
    call_id: str | None = None
    leg_id: str | None = None
    account_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


Subscriber = Callable[[Event], None]


class Events:
    """The one place that events go through. SIP thread."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._subscribers: list[Subscriber] = []
        self._wall_clock = wall_clock

    def subscribe(self, subscriber: Subscriber) -> None:
        """Hear every event from now on."""
        self._subscribers.append(subscriber)

    def publish(self, name: str, *, call_id: str | None = None, leg_id: str | None = None,
                account_id: str | None = None, **fields: Any) -> None:
        """Tell everyone."""
        event = Event(name, self._wall_clock(), call_id, leg_id, account_id, fields)
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:
                log.exception("a subscriber failed on %s", name)
