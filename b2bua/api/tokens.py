# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: who asks. A JWT (HS256) that names the account, and dies with the api key it was got with."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import jwt

from b2bua.store import Store, UnknownDocument

ISSUER = "metaflow-b2bua"
METHOD = "cb_api_auth"  # KAZOO's name for this way to get one


class Tokens:
    """Issues and reads tokens. The secret is the operator's, or the store's own."""

    def __init__(self, store: Store, secret: str, ttl_s: int, clock: Callable[[], float]) -> None:
        self._store = store
        self._secret = secret
        self._ttl_s = ttl_s
        self._clock = clock

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
        try:
            claims = jwt.decode(token, await self._key(), algorithms=["HS256"], issuer=ISSUER,
                                options={"verify_exp": False, "verify_iat": False, "require": ["exp"]})
        except (jwt.InvalidTokenError, UnicodeError):
            return None
        account_id, expires = claims.get("account_id"), claims.get("exp")
        if not isinstance(account_id, str) or not isinstance(expires, int) or expires <= self._clock():
            return None
        try:
            signature = self._signature(account_id)
        except UnknownDocument:
            return None
        return account_id if hmac.compare_digest(str(claims.get("identity_sig")), signature) else None
