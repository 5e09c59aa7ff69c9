# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind of file it is, told by its content, never by its name."""

from __future__ import annotations

import re
from typing import Any

import yaml

from b2bua.importers import features, kazoo
from b2bua.importers.result import Imported, ImportRefused

_FEATURES = re.compile(r"^\s*\[(featuremap|applicationmap)\]|^\s*(featuredigittimeout|parkext)\s*=>?", re.MULTILINE)
_METAFLOWS = ("numbers", "patterns", "binding_digit", "digit_timeout", "listen_on")


def read(text: str) -> Imported:
    """Seed, KAZOO export (both JSON or YAML), one metaflows object, or Asterisk's features.conf.

    raises   ImportRefused
    """
    if _FEATURES.search(text) and not text.lstrip().startswith(("{", "-")):
        return features.read(text)
    try:
        document = yaml.safe_load(text)  # JSON is YAML
    except yaml.YAMLError as error:
        raise ImportRefused(f"it is neither YAML, JSON nor a features.conf: {error}") from None
    return _of(document)


def _of(document: Any) -> Imported:
    if isinstance(document, dict):
        if isinstance(document.get("accounts"), list):
            return Imported("seed", accounts=document["accounts"])
        if any(key in document for key in _METAFLOWS):
            return Imported("metaflows", metaflows=document)
    documents = kazoo.documents_of(document)
    if documents:
        return kazoo.read(documents)
    if isinstance(document, dict) and isinstance(document.get("data"), dict):
        return _of(document["data"])
    raise ImportRefused("it is none of: a seed (accounts: ...), a KAZOO export (documents with _id and pvt_type), a "
                        "metaflows object (numbers, patterns), a features.conf ([featuremap])")
