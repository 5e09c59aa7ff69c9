# SPDX-License-Identifier: GPL-3.0-or-later
"""What an importer gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["seed", "kazoo", "features.conf", "metaflows"]


class ImportRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The file is nothing that we know; the text says what we looked for."""


@dataclass(slots=True)
class Imported:
    """Accounts shaped like the seed file, or the metaflows of one account that the file does not name.

    skipped  one sentence for everything that was left behind
    changed  one sentence for everything that was made into something else, or works differently here
    """

    kind: Kind
    accounts: list[Json] = field(default_factory=list)
    metaflows: Json | None = None
    skipped: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
