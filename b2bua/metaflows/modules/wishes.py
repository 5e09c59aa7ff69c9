# SPDX-License-Identifier: GPL-3.0-or-later
"""What a code may say of an attended transfer. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the code asks for.

    takeback, merge  digits of the transferor; empty: there is no such code
    moh, ringback    sounds for transferee and transferor; None: the usual ones
    """

    takeback: str = "*1"
    merge: str = "*3"
    moh: str | None = None
    ringback: str | None = None
