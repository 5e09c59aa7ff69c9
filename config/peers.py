# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom we take calls from and send them to, and which way calls go between them."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from config.sections import Model, checked_account_id, compiled, host_port


class Peer(Model):
    """A SIP neighbour: whom we take calls from and send them to."""

    uri: str
    match: tuple[str, ...] = ()  # addresses or networks that its requests come from
    account: str | None = None  # its legs belong to this account
    anonymous: Literal["none", "account"] = "none"  # a leg that is no device or user: no codes, or the account's
    trust_headers: bool = False  # X-Account-ID, X-User-ID, X-Device-ID name the endpoint
    trust_identity: bool = True  # P-Asserted-Identity is believed and passed on
    refer: Literal["auto", "always", "never"] = "auto"
    refer_timeout_s: float = Field(default=20.0, gt=0)  # no final NOTIFY within this: the next way is tried
    hold_music: Literal["pass", "ours"] = "pass"  # its hold goes on to the other leg, or that one hears our music
    username: str | None = None  # answers its 401 and 407, to INVITE, REFER and the rest
    password: SecretStr | None = None
    realm: str = "*"  # only challenges of this realm are answered; *: any
    referred: Literal["accept", "relay", "refuse"] = "accept"  # a REFER from it: we call the target; the other leg does
    connected_identity: Literal["update", "reinvite", "never"] = "update"  # tells it whom it talks to after a transfer
    numbers: Literal["own", "routed"] = "own"  # typed in codes of its legs: it knows them itself, or the routes do
    diversion: bool = False  # the target of a transfer gets a Diversion with the transferor
    srtp: Literal["none", "optional", "required"] = "none"  # SDES in our offers; an offer with keys is taken anyway
    dtmf: Literal["auto", "rfc4733", "info", "inband"] = "auto"
    inband: Literal["auto", "always", "never"] = "auto"

    @field_validator("uri")
    @classmethod
    def _sip_uri(cls, value: str) -> str:
        if not re.fullmatch(r"sips?:(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?(?:;[^\s<>]*)?", value):
            raise ValueError(f"{value!r} is not sip:host[:port][;transport=tcp]")
        return value

    @field_validator("match")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            ipaddress.ip_network(item, strict=False)
        return value

    @model_validator(mode="after")
    def _both_or_none(self) -> Peer:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        return self

    @model_validator(mode="after")
    def _known_by_address(self) -> Peer:
        if self.anonymous == "account" and self.account is None:
            raise ValueError("anonymous: account needs an account")
        if not self.networks:
            raise ValueError(f"match is needed: {self.uri!r} names a host, and its requests are known by their address")
        return self

    @property
    def networks(self) -> tuple[str, ...]:
        """Where its requests come from: `match`, else the address in its uri."""
        if self.match:
            return self.match
        host = host_port(self.uri.partition(":")[2].partition(";")[0], 5060)[0]
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            return ()

    @field_validator("account")
    @classmethod
    def _account(cls, value: str | None) -> str | None:
        return checked_account_id(value) if value is not None else None


class Route(Model):
    """First match wins; the user part of the Request-URI is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: str = Field(alias="from")
    to: str
    numbers: str | None = None  # a regular expression that the whole called number must match

    @field_validator("numbers")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return compiled(value).pattern if value is not None else None
