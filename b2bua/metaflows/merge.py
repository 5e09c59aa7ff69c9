# SPDX-License-Identifier: GPL-3.0-or-later
"""Inheritance: account, then device, then user; the later wins, leaf by leaf. Pure; any thread.

A value that is present overrides, whatever it is (0, "0", false, "" and [] count); null removes what was inherited. An
empty object has no leaves, so it changes nothing. Keys keep the place where they first stood: that is the order in
which patterns are tried (KAZOO §2.2, with B21 and B22 mended).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def merged(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One document out of several, outermost first. The result shares nothing that could be changed with them."""
    result: dict[str, Any] = {}
    for document in documents:
        _into(result, document)
    return result


def _into(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, Mapping):
            inherited = target.get(key)
            if not value and key in target:
                continue
            if not isinstance(inherited, dict):
                inherited = target[key] = {}
            _into(inherited, value)
        else:
            target[key] = list(value) if isinstance(value, list) else value
