# SPDX-License-Identifier: GPL-3.0-or-later
"""A KAZOO account export: its documents as they lie in CouchDB, or as the API returns them.

Accounts, users and devices are taken with their metaflows; the numbers of a callflow that rings one user or device
become that one's `numbers`, for that is how we know whose leg it is. Everything else is counted and said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from b2bua.importers.result import Imported, Json
from b2bua.metaflows.validation import InvalidDocument, validate

KINDS = ("account", "user", "device")
ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")


def documents_of(document: Any) -> list[Json]:
    """The documents in a list, a view result (`rows`), a dump (`docs`), an envelope (`data`), or alone; [] if none."""
    if isinstance(document, list):
        return [one for item in document for one in documents_of(item)]
    if not isinstance(document, dict):
        return []
    for key in ("rows", "docs", "data"):
        if isinstance(document.get(key), list):
            return documents_of(document[key])
    if isinstance(document.get("doc"), dict):
        return documents_of(document["doc"])
    if "_id" in document or "pvt_type" in document:
        return [document]
    is_ours = isinstance(document.get("id"), str) and _kind(document) in (*KINDS, "callflow")
    return [{"_id": document["id"], **document}] if is_ours else []  # as the API returns them


def read(documents: list[Json]) -> Imported:
    """Everything that we can use."""
    result = Imported("kazoo")
    return _Reader(documents, result).read()


class _Reader:
    def __init__(self, documents: list[Json], result: Imported) -> None:
        self.result = result
        self.by_type: dict[str, list[Json]] = {}
        skipped: Counter[str] = Counter()
        for document in documents:
            kind = _kind(document)
            if document.get("pvt_deleted") is True:
                skipped[f"deleted {kind}"] += 1
            elif kind in (*KINDS, "callflow"):
                self.by_type.setdefault(kind, []).append(document)
            else:
                skipped[kind] += 1
        result.skipped += [f"{count} {kind} document{'s' if count > 1 else ''}: not used here"
                           for kind, count in sorted(skipped.items())]

    def read(self) -> Imported:
        """The accounts in their order; users and devices in the account that they name, else in the only one."""
        accounts = {str(document.get("_id")): self.account(document) for document in self.by_type.get("account", ())}
        lone = next(iter(accounts)) if len(accounts) == 1 else None
        for kind in ("user", "device"):
            for document in self.by_type.get(kind, ()):
                home = document.get("pvt_account_id") or lone
                if home not in accounts:
                    if not isinstance(home, str) or not ACCOUNT_ID.fullmatch(home):
                        self.result.skipped.append(f"{kind} {document.get('_id')}: it names no account")
                        continue
                    accounts[home] = {"id": home, "users": [], "devices": []}
                    self.result.changed.append(f"account {home}: made anew, its own document is not in the file")
                accounts[home][f"{kind}s"].append(self.common(kind, document))
        for account in accounts.values():
            self.settle(account, [flow for flow in self.by_type.get("callflow", ())
                                  if (flow.get("pvt_account_id") or lone) == account["id"]])
        self.result.accounts = list(accounts.values())
        return self.result

    def account(self, document: Json) -> Json:
        account = self.common("account", document) | {"users": [], "devices": []}
        if isinstance(document.get("pvt_api_key"), str):
            account["api_key"] = document["pvt_api_key"]
        ancestors = document.get("pvt_tree")
        if isinstance(ancestors, list) and ancestors and any(
                other.get("_id") == ancestors[-1] for other in self.by_type["account"]):
            account["parent"] = ancestors[-1]
        return account

    def common(self, kind: str, document: Json) -> Json:
        """Without CouchDB's and KAZOO's private keys."""
        plain = {key: value for key, value in document.items() if not key.startswith(("_", "pvt_"))}
        plain = {"id": str(document.get("_id")), **plain}
        if kind == "user" and "name" not in plain:
            plain["name"] = " ".join(filter(None, (plain.get("first_name"), plain.get("last_name"))))
        if plain.get("metaflows") is not None:
            plain["metaflows"] = self.metaflows(f"{kind} {plain['id']}", plain["metaflows"])
        return plain

    def metaflows(self, whose: str, sent: Any) -> Any:
        """With every code that cannot be stored left out."""
        for _ in range(1000):
            try:
                return validate(sent).sent
            except InvalidDocument as refused:
                path, codes = next((path, codes) for path, codes in refused.errors.items() if path != "schema")
                if not isinstance(sent, dict) or path == "data":
                    break
                sent = self.without(whose, sent, path, next(iter(codes.values()))["message"])
        self.result.skipped.append(f"{whose}: its metaflows cannot be used")
        return None

    def without(self, whose: str, sent: Json, path: str, message: str) -> Json:
        """One mistake less: the code that holds it goes, or the key."""
        first, *rest = (part.replace("%2E", ".") for part in path.split("."))
        shown = f"{first}.{rest[0]}" if first in ("numbers", "patterns") and rest else first
        self.result.skipped.append(f"{whose}: metaflows.{shown}: {message}")
        if shown == first:
            return {key: value for key, value in sent.items() if key != first}
        return {**sent, first: {key: value for key, value in sent[first].items() if key != rest[0]}}

    def settle(self, account: Json, callflows: list[Json]) -> None:
        """What needs the whole account: numbers out of callflows, owners, stored defaults."""
        targets = {(kind, document["id"]): document for kind in ("user", "device") for document in account[f"{kind}s"]}
        taken: set[str] = {str(number) for document in targets.values() for number in document.get("numbers") or ()}
        for flow in callflows:
            self.numbers(flow, targets, taken)
        users = {user["id"] for user in account["users"]}
        for device in account["devices"]:
            if device.get("owner_id") is not None and device["owner_id"] not in users:
                self.result.skipped.append(f"device {device['id']}: its owner {device.pop('owner_id')} is not there")
        digit = (account.get("metaflows") or {}).get("binding_digit", "*")
        for (kind, document_id), document in targets.items():
            own = document.get("metaflows")
            if digit != "*" and isinstance(own, dict) and own.get("binding_digit") == "*":
                del own["binding_digit"]
                self.result.changed.append(f"{kind} {document_id}: binding_digit * is KAZOO's stored default; left "
                                           "out, so that the account's own digit holds")

    def numbers(self, flow: Json, targets: Mapping[tuple[str, str], Json], taken: set[str]) -> None:
        action = flow.get("flow") if isinstance(flow.get("flow"), dict) else {}
        assert isinstance(action, dict)
        data = action.get("data") if isinstance(action.get("data"), dict) else {}
        assert isinstance(data, dict)
        target = targets.get((str(action.get("module")), str(data.get("id"))))
        if target is None:
            self.result.skipped.append(f"callflow {flow.get('_id')}: it begins with no user or device of the file")
            return
        sent = flow.get("numbers")
        new = [str(number) for number in sent if str(number) not in taken] if isinstance(sent, list) else []
        taken.update(new)
        target["numbers"] = [*map(str, target.get("numbers") or ()), *new]
        self.result.changed.append(f"callflow {flow.get('_id')}: its {len(new)} numbers now stand at "
                                   f"{action['module']} {target['id']}; the rest of the callflow is the PBX's business")


def _kind(document: Mapping[str, Any]) -> str:
    kind = document.get("pvt_type")
    if isinstance(kind, str):
        return kind
    if str(document.get("_id", "")).startswith("_design/"):
        return "design"
    return next(_guesses(document), "unknown")


def _guesses(document: Mapping[str, Any]) -> Iterator[str]:
    """As the API returns them, documents have no type."""
    if "flow" in document:
        yield "callflow"
    if "realm" in document:
        yield "account"
    if "owner_id" in document or "device_type" in document:
        yield "device"
    if "first_name" in document or "username" in document:
        yield "user"
