# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API needs from the calls that are live. Implemented by the application, over the SIP thread's mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class ActResult:
    """What became of a command.

    outcome   `started`: it runs; `refused`: it cannot, and `reason` says why; `unknown`: no such leg in that account;
              `busy`: the SIP thread did not take it in time
    reason    one sentence for people
    ended     how the module ended (`answered`, `failed`, ...), where it has been waited for and has
    errors    KAZOO's error map, when the command itself was wrong
    """

    outcome: Literal["started", "refused", "unknown", "busy"]
    reason: str = ""
    errors: Mapping[str, Any] = field(default_factory=dict)
    ended: str = ""


class LiveCalls(Protocol):
    """Safe to call from the API loop."""

    async def channels(self, account_id: str) -> list[dict[str, Any]]:
        """Every leg of the account, with KAZOO's fields."""

    async def channel(self, account_id: str, leg_id: str) -> dict[str, Any] | None:
        """One leg by its SIP Call-ID; None when it is unknown or another account's."""

    async def act(self, account_id: str, leg_id: str, action: str, data: Mapping[str, Any],
                  wait_s: float = 0.0) -> ActResult:
        """Do something to a leg: run a module, or metaflow (data: one node). wait_s: wait so long for its end."""

    async def parked(self, account_id: str) -> list[dict[str, Any]]:
        """Who waits at which place of the account."""


class NoCalls:
    """No calls at all: for tests, and for an API without a SIP side."""

    async def channels(self, account_id: str) -> list[dict[str, Any]]:
        """None."""
        return []

    async def channel(self, account_id: str, leg_id: str) -> dict[str, Any] | None:
        """None."""
        return None

    async def act(self, account_id: str, leg_id: str, action: str, data: Mapping[str, Any],
                  wait_s: float = 0.0) -> ActResult:
        """Unknown."""
        return ActResult("unknown")

    async def parked(self, account_id: str) -> list[dict[str, Any]]:
        """Nobody."""
        return []
