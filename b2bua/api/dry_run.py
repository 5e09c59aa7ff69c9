# SPDX-License-Identifier: GPL-3.0-or-later
"""POST .../metaflows?dry_run=true: what would be stored, and what the checker says of it; nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from b2bua.metaflows.checker import check_metaflows
from b2bua.metaflows.merge import merged
from b2bua.metaflows.validation import Validated
from b2bua.store import Ref, Store


async def dry_run(store: Store, ref: Ref, checked: Validated, pbx_codes: Sequence[str]) -> dict[str, Any]:
    """The document with defaults and the findings, with what it inherits. raises UnknownDocument"""
    documents = _lineage(store, ref, checked.sent)
    findings = await asyncio.to_thread(check_metaflows, merged(documents), pbx_codes)
    return {"metaflows": checked.filled, "findings": [finding.as_json() for finding in findings]}


def _lineage(store: Store, ref: Ref, new: dict[str, Any]) -> list[dict[str, Any]]:
    """What applies, outermost first, with the new document in its place."""
    record = store.record(ref)
    if ref.kind == "account":
        return [new]
    documents = [store.metaflows(Ref(ref.account_id, "account", ref.account_id)) or {}, new]
    owner_id = str(record.document.get("owner_id"))
    if ref.kind == "device" and owner_id in store.account(ref.account_id).users:
        documents.append(store.metaflows(Ref(ref.account_id, "user", owner_id)) or {})
    return documents
