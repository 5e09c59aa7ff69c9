# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/modules.md from the models, docs/kazoo-checklist.md from test names, docs/transfer.md from the table of
attended transfers.

`python -m tests.docs` writes them; tests/test_docs.py fails when they are out of date.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from b2bua.metaflows.modules import MODULES
from b2bua.metaflows.modules.attended_table import TABLE
from b2bua.metaflows.schema import json_schema

ROOT = Path(__file__).parent.parent
MADE = "<!-- made by `python -m tests.docs`: do not edit -->\n"
Json = Mapping[str, Any]


def pages() -> dict[Path, str]:
    """Every generated page."""
    return {ROOT / "docs" / "modules.md": modules_page(), ROOT / "docs" / "kazoo-checklist.md": checklist_page(),
            ROOT / "docs" / "transfer.md": transfer_page()}


# -- modules ------------------------------------------------------------------------------------------------------


def modules_page() -> str:
    """One table per module."""
    parts = [MADE, "# Metaflows: every key", "",
             "Made from the models that check what the API is sent. Keys marked **+** are ours: KAZOO does not have "
             "them, they are checked like the others, and never filled in when a document is returned.", "",
             "## The `metaflows` object", "", *_table("metaflows"), "## A node", "", *_table("metaflow")]
    for name, module in MODULES.items():
        text = (module.model.__doc__ or "").strip()
        parts += [f"## `{name}`", "", text, ""]
        if module.extension:
            parts += ["An extension: KAZOO has no such schema.", ""]
        if module.run is None:
            parts += ["*It can be stored, but not run yet: a code with it ends with the outcome `unavailable`.*", ""]
        parts += _table(f"metaflows.{name}") if module.model.model_fields else ["It has no keys.", ""]
    return "\n".join(parts).rstrip() + "\n"


def _table(name: str) -> Iterator[str]:
    schema = json_schema(name)
    yield "| key | type | default | constraint | meaning |"
    yield "|---|---|---|---|---|"
    for key, value in schema["properties"].items():
        ours = " **+**" if value.get("x-extension") else ""
        needed = "**required**" if key in schema.get("required", ()) else _default(value)
        meaning = _cell(value.get("description"))
        yield f"| `{key}`{ours} | {_type(value)} | {needed} | {_constraint(value)} | {meaning} |"
    yield ""


def _type(value: Json) -> str:
    if "oneOf" in value:
        return " or ".join(choice["type"] for choice in value["oneOf"])
    inner = value.get("items", {}).get("type")
    return f"{value.get('type', 'any')}{f' of {inner}s' if inner else ''}"


def _default(value: Json) -> str:
    default = value.get("default", value.get("x-default"))
    return "" if default is None else f"`{json.dumps(default)}`"


def _constraint(value: Json) -> str:
    found = [", ".join(f"`{choice}`" for choice in value.get("enum") or value.get("items", {}).get("enum") or ())]
    found += [f"{text} {value[key]}" for key, text in (("minimum", "at least"), ("maximum", "at most"),
                                                       ("minLength", "length from"), ("maxLength", "length to"))
              if key in value]
    if "pattern" in value:
        found.append(f"`{value['pattern']}`")
    if "patternProperties" in value:
        found.append(f"keys `{next(iter(value['patternProperties']))}`, values nodes")
    if value.get("x-check") == "client-url":
        found.append("http(s), not this host")
    return _cell("; ".join(filter(None, found)))


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


# -- attended transfer --------------------------------------------------------------------------------------------


def transfer_page() -> str:
    """Every state and event."""
    rows = [f"| {state.value} | {event.value} | {row.do.value} | {row.next.value} |"
            for (state, event), row in TABLE.items()]
    return "\n".join([
        MADE, "# Attended transfer: who hears whom, and when", "",
        "The *transferor* typed the code, the *transferee* is moved, the *target* is called. What the table does not "
        "name changes nothing.", "", "| state | what happens | then | next |", "|---|---|---|---|", *rows, "", OUTAGES])


OUTAGES = """## When a far end is lost

No BYE comes from a far end whose power is cut, or whose network is. *T* is `media.timeout_s` and a sixth of it (70
s as it is shipped): so long may a leg that should send RTP be silent. *R* is the code's `timeout`. Every release
carries a Reason. Measured with `media.timeout_s` 8, `timeout` 8 (3 where phones ring), `park.timeout_s` 6,
`park.ring_s` 4; a power cut and a dead network take the same time, and no leg is left when the last party is
released.

| lost | state | then | within | measured |
|---|---|---|---|---|
| the PBX: transferor and target | ringing | the transferee is released | R or T, the longer | 9.2 s |
| | consulting, merged | the transferee is released | T | 9.2 s |
| | partial | the transferee is released | R | 6.5 s after the loss |
| | `hold` by one of its phones | the held party is released | T | 9.2 s |
| | it has parked a party | the parked party is released | `park.rounds` times `timeout_s` and `ring_s` | 11.0 s |
| the target | ringing | transferor and transferee talk again | R | 3 s |
| | consulting, merged | transferor and transferee talk again | T | 9.3 s at most |
| | partial | the transferee is released | R | 3 s |
| the transferor | ringing | as if it had hung up: partial | T | |
| | consulting, merged | transferee and target talk | T | 9.3 s at most |
| the transferee | ringing | the transferor is released | T | 9.3 s at most |
| | consulting, merged | transferor and target go on talking | T | 9.3 s at most |

A leg that is on hold in SIP (`hold_control`, a phone's own key) may be silent: its loss shows when the other party
hangs up.
"""


# -- checklist ----------------------------------------------------------------------------------------------------


def checklist_page() -> str:
    """One row per requirement: what KAZOO does, which tests show ours, and what follows."""
    rows = yaml.safe_load((ROOT / "tests" / "checklist.yaml").read_text(encoding="utf-8"))
    tests = rows_tested()
    lines = [f"| {row['row']} | {_cell(row['says'])} | {_tests(tests.get(row['row'], ()))} | {verdict(row, tests)} |"
             for row in rows]
    shown = sum(row["row"] in tests for row in rows)
    head = "| row | statement | tests | verdict |\n|---|---|---|---|"
    features = [line for line in lines if line.startswith("| F")]
    faults = [line for line in lines if line.startswith("| B")]
    return "\n".join([
        MADE, "# KAZOO's behaviour, row by row", "",
        f"{shown} of {len(rows)} rows have a test of that name. `make test` runs them all; a row whose test fails does "
        "not get past it.", "",
        "## What KAZOO does", "", "*holds*: so do we. *differs*: we do otherwise, on purpose.", "", head, *features, "",
        "## Where KAZOO fails", "", "*mended*: the test shows that ours is right.", "", head, *faults, ""])


def rows_tested() -> dict[str, list[str]]:
    """F and B numbers to the tests that are named after them, `file: test`."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
                for row in re.findall(r"(?<=_)[FB]\d+(?=_|$)", node.name):
                    found.setdefault(row, []).append(f"{path.relative_to(ROOT / 'tests')}: {node.name}")
    return found


def _tests(names: Any) -> str:
    return "<br>".join(f"`{name.partition(': ')[2]}`" for name in sorted(names))


def verdict(row: Json, tests: Json) -> str:
    """What a row comes to."""
    if "moot" in row:
        return f"cannot arise: {row['moot']}"
    if row["row"] not in tests:
        return "no test yet"
    if "differs" in row:
        return f"differs: {row['differs']}"
    return "holds" if row["row"].startswith("F") else "mended"


def main() -> None:
    """Write them."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
