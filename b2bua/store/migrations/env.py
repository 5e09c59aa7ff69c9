# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Alembic, on the connection (and in the transaction) that the store hands it."""

from __future__ import annotations

from alembic import context

from b2bua.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata,
                  render_as_batch=True)
context.run_migrations()
