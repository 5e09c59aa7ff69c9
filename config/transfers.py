# SPDX-License-Identifier: GPL-3.0-or-later
"""The `transfers` section: who may be transferred where, and how often."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from config.sections import Model, checked_account_id, compiled


class TransferRules(Model):
    """Regular expressions that the whole target number must match."""

    deny: tuple[str, ...] = ()  # nobody is transferred to these
    allow: tuple[str, ...] = ()  # if there are any: to no others

    @field_validator("deny", "allow")
    @classmethod
    def _compile(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(compiled(pattern).pattern for pattern in value)

    def refuse(self, number: str) -> str | None:
        """Why this number is none to transfer to; None: it may be."""
        spellings = {number, re.sub(r"[-.() ]", "", number)}  # a PBX may drop visual separators (RFC 3966 section 3)
        if any(re.fullmatch(pattern, spelling) for pattern in self.deny for spelling in spellings):
            return "the number is forbidden for transfers"
        if self.allow and not any(re.fullmatch(pattern, number) for pattern in self.allow):
            return "the number is not among those allowed for transfers"
        return None


class Transfers(TransferRules):
    """What holds for everybody, what besides for single accounts and peers, and whom to ask."""

    accounts: dict[str, TransferRules] = Field(default_factory=dict)  # by account id
    peers: dict[str, TransferRules] = Field(default_factory=dict)  # by the peer of the one who transfers
    hook: str | None = None  # URL that is asked (POST, JSON) before anything moves; 2xx allows, 403 forbids
    hook_timeout_s: float = Field(default=2.0, gt=0, le=10)
    hook_fails: Literal["closed", "open"] = "closed"  # no usable answer in time: closed forbids, open allows
    hook_private: bool = True  # may the hook be on a private address (it is the operator's own, so usually it is)
    max_per_call: int = Field(default=20, gt=0)  # more transfers of one call are refused with 482

    @field_validator("accounts")
    @classmethod
    def _are_ids(cls, value: dict[str, TransferRules]) -> dict[str, TransferRules]:
        return {checked_account_id(account_id): rules for account_id, rules in value.items()}

    @field_validator("hook")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/@\s?#]+(?:[/?][^\s#]*)?", value):
            raise ValueError(f"{value!r} is not http(s)://host[:port][/path]")
        return value
