# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a call goes, and whose legs are whose. Pure; reads settings and the directory snapshot only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from b2bua.calls.directory import Directory, Endpoint
from b2bua.calls.headers import Headers, Party
from config.settings import Peer, Route


def route(routes: Sequence[Route], from_peer: str, number: str) -> str | None:
    """The peer that a call from `from_peer` to `number` goes to; first match wins; None: no route (404)."""
    for candidate in routes:
        if candidate.from_ == from_peer and (candidate.numbers is None or re.fullmatch(candidate.numbers, number)):
            return candidate.to
    return None


def home(routes: Sequence[Route], peers: Mapping[str, Peer], account_id: str | None, number: str,
         near: Sequence[str]) -> str | None:
    """The peer at which an endpoint of the account is reached: where a call from one of the peers `near` to its number
    goes, if that is a peer of the account; else the first of those that is."""
    routed = (route(routes, source, number) for source in near)
    return next((name for name in (*routed, *near) if name is not None and account_id is not None
                 and peers[name].account == account_id), None)


def asserted_party(peer: Peer, headers: Headers, from_party: Party) -> Party:
    """Who a caller is: P-Asserted-Identity from a peer that we trust with it (RFC 3325 §9.1), else From."""
    if peer.trust_identity:
        for value in headers.all("p-asserted-identity"):
            party = Party.parse(value.split(",", 1)[0] if "<" not in value else value)
            if party.user:
                return party
    return from_party


def endpoint_of(directory: Directory, peer: Peer, number: str, headers: Headers | None = None) -> Endpoint | None:
    """Whose leg it is (A.2): trusted X- headers, then the leg's own user part, then what the peer says of strangers."""
    account_id = peer.account
    if headers is not None and peer.trust_headers:
        account_id = headers.get("x-account-id") or account_id
        for name in ("x-device-id", "x-user-id"):
            document_id = headers.get(name)
            named = directory.by_id(account_id, document_id) if account_id and document_id else None
            if named is not None:
                return named
    if account_id is None:
        return None
    found = directory.by_number(account_id, number) if number else None
    if found is None and peer.anonymous == "account":
        return directory.by_id(account_id, account_id)
    return found


def direction(peers: Mapping[str, Peer], from_peer: str, to_peer: str) -> str:
    """`inbound` goes to a peer with an account, `outbound` comes from one; `internal` both, `transit` neither."""
    comes, goes = peers[from_peer].account is not None, peers[to_peer].account is not None
    if comes and goes:
        return "internal"
    return "outbound" if comes else "inbound" if goes else "transit"
