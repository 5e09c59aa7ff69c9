# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables. JSON columns hold documents as they were sent; the columns beside them are what we look things up by.

Every write raises `clock.counter` in its own transaction and stamps the rows it touched with it (`changed`). Since
that one row is locked until commit, writers of all sidecars go one after the other, and a reader that has seen counter
N has seen everything up to N: that is how each sidecar finds what others changed.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

clock = sa.Table(
    "clock", metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("counter", sa.BigInteger, nullable=False),
)

secrets = sa.Table(
    "secrets", metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.String(256), nullable=False),
)

accounts = sa.Table(
    "accounts", metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("parent_id", sa.String(32)),
    sa.Column("api_key_sha256", sa.String(64), unique=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False, index=True),
    sa.Column("revision", sa.String(64), nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False, default=False),
    sa.Column("document", sa.JSON, nullable=False),
)

numbers = sa.Table(
    "numbers", metadata,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("number", sa.String(128), primary_key=True),
    sa.Column("document_id", sa.String(255), nullable=False),
    sa.Index("ix_numbers_document", "account_id", "kind", "document_id"),
)

users = sa.Table(
    "users", metadata,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("owner_id", sa.String(255)),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False, index=True),
    sa.Column("revision", sa.String(64), nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False, default=False),
    sa.Column("document", sa.JSON, nullable=False),
)

devices = sa.Table(
    "devices", metadata,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("owner_id", sa.String(255)),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False, index=True),
    sa.Column("revision", sa.String(64), nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False, default=False),
    sa.Column("document", sa.JSON, nullable=False),
)
