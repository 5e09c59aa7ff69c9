# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: who asks. A JWT (HS256) that names the account, and dies with the api key it was got with."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import jwt

from b2bua.store import Store, UnknownDocument

ISSUER = "metaflow-b2bua"
METHOD = "cb_api_auth"  # KAZOO's name for this way to get one
REMEMBERED = 1024  # tokens whose signature need not be checked again


@dataclass(frozen=True, slots=True)
class _Claims:
    account_id: str
    expires_s: int
    signature: str


class Tokens:
    """Issues and reads tokens. The secret is the operator's, or the store's own."""

    def __init__(self, store: Store, secret: str, ttl_s: int, clock: Callable[[], float]) -> None:
        self._store = store
        self._secret = secret
        self._ttl_s = ttl_s
        self._clock = clock
        self._read: dict[str, _Claims] = {}

    async def _key(self) -> bytes:
        if not self._secret:
            self._secret = await self._store.secret()
        return hashlib.sha256(self._secret.encode()).digest()

    def _signature(self, account_id: str) -> str:
        """Changes when the account's api key does, so that old tokens end with it."""
        return hashlib.sha256((self._store.account(account_id).api_key_sha256 or "").encode()).hexdigest()[:32]

    async def issue(self, account_id: str) -> str:
        """A token for this account."""
        now = int(self._clock())
        claims = {"iss": ISSUER, "iat": now, "exp": now + self._ttl_s, "account_id": account_id, "method": METHOD,
                  "identity_sig": self._signature(account_id)}
        return jwt.encode(claims, await self._key(), algorithm="HS256")

    async def account_of(self, token: str) -> str | None:
        """Whose token it is; None when it is not ours, has expired, or its account or api key is gone."""
        claims = self._read.get(token) or await self._decoded(token)
        if claims is None or claims.expires_s <= self._clock():
            return None
        try:
            signature = self._signature(claims.account_id)
        except UnknownDocument:
            return None
        return claims.account_id if hmac.compare_digest(claims.signature, signature) else None

    async def _decoded(self, token: str) -> _Claims | None:
        """What a token says, if we have signed it; remembered, for clients send the same one again and again."""
        try:
            claims = jwt.decode(token, await self._key(), algorithms=["HS256"], issuer=ISSUER,
                                options={"verify_exp": False, "verify_iat": False, "require": ["exp"]})
        except (jwt.InvalidTokenError, UnicodeError):
            return None
        account_id, expires_s, signature = (claims.get(key) for key in ("account_id", "exp", "identity_sig"))
        if not (isinstance(account_id, str) and isinstance(expires_s, int) and isinstance(signature, str)):
            return None
        if len(self._read) >= REMEMBERED:
            self._read.clear()
        self._read[token] = _Claims(account_id, expires_s, signature)
        return self._read[token]
