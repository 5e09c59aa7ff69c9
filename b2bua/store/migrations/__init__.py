# SPDX-License-Identifier: GPL-3.0-or-later
"""Alembic migrations, run by `b2bua.store.database` whenever the store is opened."""
