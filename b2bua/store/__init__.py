# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users and devices on disk, and the directory snapshot made from them. API thread."""

from b2bua.store.errors import Conflict, HasDescendants, NumberTaken, SeedError, StoreError, UnknownDocument
from b2bua.store.rows import AccountRecord, Kind, Record, Ref
from b2bua.store.store import Store

__all__ = ["AccountRecord", "Conflict", "HasDescendants", "Kind", "NumberTaken", "Record", "Ref", "SeedError", "Store",
           "StoreError", "UnknownDocument"]
