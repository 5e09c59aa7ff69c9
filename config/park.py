# SPDX-License-Identifier: GPL-3.0-or-later
"""The `park` section: places where parties wait, and for how long."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from config.sections import Model, compiled


class Park(Model):
    """Each account has places of its own; all have these rules."""

    slots: str = "701-799"  # places that are given out, the first free one first; a code may name any other
    max_per_account: int = Field(default=100, gt=0)  # parties parked at once
    timeout_s: float = Field(default=120.0, gt=0)  # nobody comes for so long: the parker is rung
    ring_s: float = Field(default=20.0, gt=0)  # for so long
    rounds: int = Field(default=3, gt=0)  # so often; then the parked party's call ends
    fallback: str | None = None  # who is rung when the parker does not answer; an account's `park.fallback` wins
    pickup: str | None = None  # a regular expression: who dials such a number fetches from the place in its group

    @field_validator("slots")
    @classmethod
    def _range(cls, value: str) -> str:
        match = re.fullmatch(r"(\d{1,6})-(\d{1,6})", value)
        if not match or len(match[1]) != len(match[2]) or int(match[1]) > int(match[2]):
            raise ValueError(f"{value!r} is not a range of places such as 701-799")
        if int(match[2]) - int(match[1]) >= 10000:
            raise ValueError(f"{value!r} has more than 10000 places")
        return value

    @field_validator("pickup")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None and compiled(value).groups != 1:
            raise ValueError(f"{value!r} needs one group, the place, such as \\*7(\\d+)")
        return value

    @property
    def places(self) -> list[str]:
        """The numbers of the places that are given out."""
        first, last = self.slots.split("-")
        return [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]

    def place_of(self, number: str) -> str | None:
        """The place from which somebody who dials this number fetches, or None."""
        match = re.fullmatch(self.pickup, number) if self.pickup is not None else None
        return match[1] if match else None
