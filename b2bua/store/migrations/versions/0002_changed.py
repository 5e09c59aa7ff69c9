# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and devices carry the clock of their last change, so that one of ten thousand is read back alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """What is there has been seen by everyone who starts."""
    for name in ("users", "devices"):
        op.add_column(name, sa.Column("changed", sa.BigInteger, nullable=False, server_default="0"))
        op.create_index(f"ix_{name}_changed", name, ["changed"])


def downgrade() -> None:
    """Without the clock."""
    for name in ("devices", "users"):
        op.drop_index(f"ix_{name}_changed", name)
        op.drop_column(name, "changed")
