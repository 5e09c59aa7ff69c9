# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users and devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _document_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.String(64), nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
    ]


def upgrade() -> None:
    """Make the tables, and the clock's only row."""
    clock = op.create_table(
        "clock",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(clock, [{"id": 1, "counter": 0}])
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(256), nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("parent_id", sa.String(32)),
        sa.Column("api_key_sha256", sa.String(64), unique=True),
        sa.Column("changed", sa.BigInteger, nullable=False, index=True),
        *_document_columns(),
    )
    for name in ("users", "devices"):
        op.create_table(
            name,
            sa.Column("account_id", sa.String(32), primary_key=True),
            sa.Column("id", sa.String(255), primary_key=True),
            sa.Column("owner_id", sa.String(255)),
            *_document_columns(),
        )


def downgrade() -> None:
    """Remove everything."""
    for name in ("devices", "users", "accounts", "secrets", "clock"):
        op.drop_table(name)
