# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong in the store, in words for the operator or the API's client."""

from __future__ import annotations


class StoreError(Exception):
    """The database cannot be used. The text names the url (without password) and what to do."""


class Unreachable(StoreError):  # noqa: N818
    """The database server does not answer; it may later."""


class SeedError(Exception):
    """A document to import is wrong. `lines` has one sentence per problem, each naming the key."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class UnknownDocument(Exception):  # noqa: N818 - said as the API says it
    """There is no such account, user or device (any more)."""

    def __init__(self, document_id: str) -> None:
        super().__init__(document_id)
        self.document_id = document_id


class NumberTaken(Exception):  # noqa: N818
    """Another device (or user) of the account has that number. `key`: numbers or sip.username"""

    def __init__(self, key: str, number: str, holder_id: str) -> None:
        super().__init__(f"{key}: {number!r} belongs to {holder_id}")
        self.key, self.number, self.holder_id = key, number, holder_id


class HasDescendants(Exception):  # noqa: N818
    """There are accounts below this one: it cannot be deleted."""


class Conflict(Exception):  # noqa: N818
    """Somebody else changed the document meanwhile, or has that id already."""
