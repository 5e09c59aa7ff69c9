# SPDX-License-Identifier: GPL-3.0-or-later
"""The generated pages are those of this tree."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from b2bua.metaflows.modules import MODULES
from b2bua.metaflows.schema import json_schema
from tests.docs import ROOT, modules_page, pages, rows_tested, verdict


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_generated_pages_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run `python -m tests.docs` and commit docs/"


def test_every_module_and_every_key_has_a_row_with_a_meaning() -> None:
    page = modules_page()
    for name in ("metaflows", "metaflow", *(f"metaflows.{name}" for name in MODULES)):
        for key, value in json_schema(name)["properties"].items():
            assert f"| `{key}`" in page
            assert value.get("description"), f"{name}.{key}"


def test_the_checklist_has_every_row_once() -> None:
    rows = [row["row"] for row in yaml.safe_load((ROOT / "tests" / "checklist.yaml").read_text(encoding="utf-8"))]
    assert rows == [f"F{number}" for number in range(1, 113)] + [f"B{n}" for n in range(1, 32)]


@pytest.mark.parametrize(("row", "expected"), [
    ({"row": "F1"}, "holds"), ({"row": "B21"}, "mended"), ({"row": "F999"}, "no test yet"),
    ({"row": "F45", "differs": "early"}, "differs: early"), ({"row": "B31", "moot": "no bus"}, "cannot arise: no bus")])
def test_verdicts(row: dict[str, str], expected: str) -> None:
    assert verdict(row, rows_tested()) == expected
