# SPDX-License-Identifier: GPL-3.0-or-later
"""break: end what is being played to the leg."""

from __future__ import annotations

from b2bua.metaflows.model import Data


class Break(Data):
    """End what is being played to the leg."""
