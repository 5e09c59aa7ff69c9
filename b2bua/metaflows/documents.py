# SPDX-License-Identifier: GPL-3.0-or-later
"""Metaflow documents, all that others need of them: models, JSON Schemas, checking, defaults. Pure; any thread."""

from __future__ import annotations

from b2bua.metaflows.schema import Metaflows, Node, json_schema, schema_names
from b2bua.metaflows.validation import InvalidDocument, Validated, check, validate, with_defaults

__all__ = ["InvalidDocument", "Metaflows", "Node", "Validated", "check", "json_schema", "schema_names", "validate",
           "with_defaults"]
