# SPDX-License-Identifier: GPL-3.0-or-later
"""A number belongs to one device and one user of an account; what was in an account that is deleted is deleted too.

Of those who share a number already, the first one has it: that is where it led until now.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

LONGEST = 128
AT_ONCE = 500


def upgrade() -> None:
    """From the documents that are there."""
    numbers = op.create_table(
        "numbers",
        sa.Column("account_id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("number", sa.String(LONGEST), primary_key=True),
        sa.Column("document_id", sa.String(255), nullable=False),
    )
    op.create_index("ix_numbers_document", "numbers", ["account_id", "kind", "document_id"])
    for name in ("users", "devices"):
        op.execute(f"UPDATE {name} SET deleted = true "
                   "WHERE account_id IN (SELECT id FROM accounts WHERE deleted = true)")
    holders: dict[tuple[str, str, str], str] = {}
    for kind in ("user", "device"):
        for account_id, document_id, document in _documents(f"{kind}s"):
            for number in _numbers(document):
                holders.setdefault((account_id, kind, number), document_id)
    rows = [{"account_id": key[0], "kind": key[1], "number": key[2], "document_id": document_id}
            for key, document_id in holders.items()]
    for start in range(0, len(rows), AT_ONCE):
        op.get_bind().execute(sa.insert(numbers), rows[start:start + AT_ONCE])


def _documents(name: str) -> Iterator[Any]:
    table = sa.table(name, sa.column("account_id"), sa.column("id"), sa.column("document", sa.JSON),
                     sa.column("deleted", sa.Boolean), sa.column("position"))
    query = sa.select(table.c.account_id, table.c.id, table.c.document).where(~table.c.deleted)
    yield from op.get_bind().execute(query.order_by(table.c.position, table.c.id))


def _numbers(document: Any) -> list[str]:
    """Those that can reach anybody: a user part of SIP holds no control characters."""
    found = [*(document.get("numbers") or ()), (document.get("sip") or {}).get("username")]
    return [number for number in found if isinstance(number, str) and 0 < len(number) <= LONGEST
            and all(character >= " " and not "\ud800" <= character <= "\udfff" for character in number)]


def downgrade() -> None:
    """Numbers stand in the documents alone."""
    op.drop_table("numbers")
