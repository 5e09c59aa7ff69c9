# SPDX-License-Identifier: GPL-3.0-or-later
"""resume: bring the two parties together again."""

from __future__ import annotations

from b2bua.metaflows.model import Data


class Resume(Data):
    """Bring the two parties together again, after hold or out of a transfer."""
