# SPDX-License-Identifier: GPL-3.0-or-later
"""Our JSON Schemas say what KAZOO's say: names, types, limits, enums, defaults, required. Skipped without them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from b2bua.metaflows.documents import json_schema, schema_names
from b2bua.metaflows.modules import MODULES

KAZOO = Path(__file__).parents[4] / "shared" / "spec" / "kazoo-schemas"
COMPARED = ("type", "enum", "default", "minimum", "maximum", "minLength", "maxLength", "pattern", "items", "oneOf",
            "patternProperties", "additionalProperties")
EXTENSIONS = {"metaflows": {"fire_early", "terminator", "hide_codes", "fast_rearm", "max_digits", "feedback",
                            "mode"}, "metaflow": {"mode"},
              "metaflows.record_call": {"beep", "notice", "mask_time", "mask_digits", "mask_sound"},
              "metaflows.transfer": {"merge_dtmf", "takeback_dtmf", "moh", "ringback"},
              "metaflows.play": {"answer", "endless_playback"}, "metaflows.say": {"leg"}}

WIDER = {("metaflows.record_call", "format"): ["flac", "ogg"]}  # values of ours

pytestmark = pytest.mark.skipif(not KAZOO.is_dir(), reason="KAZOO's schemas are not here")


def kazoo(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((KAZOO / f"{name}.json").read_text())
    return schema


def compared(schema: Any) -> dict[str, Any]:
    return {key: schema[key] for key in COMPARED if key in schema}


@pytest.mark.parametrize("name", [name for name in schema_names() if not name.endswith("park")])
def test_a_schema_is_kazoos(name: str) -> None:
    ours, theirs = json_schema(name), kazoo(name)
    assert (ours["_id"], ours["type"], ours["$schema"]) == (theirs["_id"], theirs["type"], theirs["$schema"])
    assert set(ours.get("required", ())) == set(theirs.get("required", ()))
    extensions = {key for key, value in ours["properties"].items() if value.get("x-extension")}
    assert extensions == EXTENSIONS.get(name, set())
    assert set(ours["properties"]) - extensions == set(theirs["properties"])
    for key, value in theirs["properties"].items():
        also = {"enum": value["enum"] + WIDER[name, key]} if (name, key) in WIDER else {}
        assert compared(ours["properties"][key]) == compared(value) | also, key


def test_we_have_every_module_that_kazoo_has_a_schema_for() -> None:
    theirs = {path.stem.removeprefix("metaflows.") for path in KAZOO.glob("metaflows.*.json")}
    assert {name for name, module in MODULES.items() if not module.extension} == theirs
