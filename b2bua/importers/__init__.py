# SPDX-License-Identifier: GPL-3.0-or-later
"""Other systems' documents made into ours: what kind a file is, its accounts, and what of it was left behind. Pure."""

from b2bua.importers.detect import read
from b2bua.importers.result import Imported, ImportRefused

__all__ = ["ImportRefused", "Imported", "read"]
