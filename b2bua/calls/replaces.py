# SPDX-License-Identifier: GPL-3.0-or-later
"""Dialogs by name, and the Replaces field that names them (RFC 3891). Pure; any thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from b2bua.calls.headers import Party

_URI = re.compile(r"(?i)(?:sips?:[^@\s]+@(\[[0-9a-f:.]+\](?::\d+)?|[^\s;:]+(?::\d+)?)(?:;\S*)?|tel:\S+)")


@dataclass(frozen=True, slots=True)
class DialogId:
    """A dialog as we see it (RFC 3261 §12): what we put into From or To is `local_tag`."""

    call_id: str
    local_tag: str
    remote_tag: str


@dataclass(frozen=True, slots=True)
class Replaces:
    """A dialog as the one who receives the field sees it: its own tag is `to_tag` (RFC 3891 §3)."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, value: str) -> Replaces:
        """From a field's value; raises ValueError where it is not exactly one dialog."""
        call_id, *rest = (part.strip() for part in value.split(";"))
        params: dict[str, str] = {}
        for part in rest:
            name, _, text = part.partition("=")
            if name.strip().lower() in params:
                raise ValueError(f"{name} stands twice")
            params[name.strip().lower()] = text.strip()
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if not call_id or "," in value or not to_tag or not from_tag:
            raise ValueError("Replaces needs one Call-ID, to-tag and from-tag")
        return cls(call_id, to_tag, from_tag, "early-only" in params)

    def __str__(self) -> str:
        flag = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{flag}"

    def names(self, dialog: DialogId) -> bool:
        """Is it this dialog, as we see it?"""
        return (self.call_id, self.to_tag, self.from_tag) == (dialog.call_id, dialog.local_tag, dialog.remote_tag)

    def names_far_end(self, dialog: DialogId) -> bool:
        """Is it this dialog as its far end sees it: was that far end meant to get the field?"""
        return (self.call_id, self.to_tag, self.from_tag) == (dialog.call_id, dialog.remote_tag, dialog.local_tag)


@dataclass(frozen=True, slots=True)
class ReferTo:
    """Whom a REFER says to call.

    host  host[:port] of the URI, lower case; "" for tel:
    """

    party: Party
    host: str
    replaces: Replaces | None = None

    @property
    def x_params(self) -> str:
        """URI parameters that only the target's own side understands (Teams' `x-...`), with their semicolons."""
        return "".join(f";{param}" for param in self.party.uri.split(";")[1:] if param.lower().startswith("x-"))

    @classmethod
    def parse(cls, value: str) -> ReferTo:
        """From a Refer-To value; raises ValueError: no sip, sips or tel URI with a user, or an unusable Replaces."""
        party = Party.parse(value)
        uri, _, fields = party.uri.partition("?")
        match = _URI.fullmatch(uri)
        if match is None or not party.user:
            raise ValueError("Refer-To is no sip, sips or tel URI with a user part")
        names = [field.partition("=") for field in fields.split("&") if field]
        found = [unquote(text) for name, _, text in names if name.lower() == "replaces"]
        if len(found) > 1:
            raise ValueError("Refer-To has more than one Replaces")
        replaces = Replaces.parse(found[0]) if found else None
        return cls(Party(party.display, party.user, uri), (match[1] or "").lower(), replaces)
