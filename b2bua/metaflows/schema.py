# SPDX-License-Identifier: GPL-3.0-or-later
"""The metaflows object and its nodes, as pydantic models and as JSON Schema of draft 4 like KAZOO's. Pure; any thread.

Here is the document itself; the `data` of each module is modelled in the module's own file. Everything else (JSON
Schema, validation on write, defaults in what is returned, the collector's settings) is derived from these models.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from b2bua.metaflows.model import TWELVE, Data, extension
from b2bua.metaflows.modules import MODULES

DRAFT = "http://json-schema.org/draft-04/schema#"
Mode = Literal["live", "shadow"]
DIGIT_TIMEOUT_MS = 800  # [ms] where no document says otherwise (KAZOO's system default)
DIGIT_TIMEOUT_MAX_MS = 3_600_000  # longer ones can be stored; nobody waits so long, and a float must hold it
_NODE = {"x-ref": "metaflow"}  # becomes $ref, which pydantic would want to resolve itself
_NODES = {"patternProperties": {".+": _NODE}, "type": "object"}
_NUMBERS = {"additionalProperties": False, "patternProperties": {"^[0-9]+$": _NODE}, "type": "object"}


class Node(Data):
    """A module to run, what it is told, and what runs after it."""

    children: Annotated[dict[str, Node] | None, WithJsonSchema(_NODES)] = Field(
        None, description="what runs afterwards: by outcome, `_` for all others")
    data: dict[str, Any] = Field(default_factory=dict, description="what the module is told",
                                 json_schema_extra={"default": {}, "kazoo-validation": True})
    module: str = Field(min_length=1, max_length=64, description="name of the module",
                        json_schema_extra={"kazoo-validation": True})
    mode: Mode | None = extension(None, description="live or shadow, whatever the object around it says")


class Metaflows(Data):
    """Codes that may be typed during a call, and how they are heard."""

    binding_digit: TWELVE = Field("*", min_length=1, max_length=1, description="the digit that every code begins with")
    digit_timeout: int | None = Field(None, ge=0, description="milliseconds without a digit that end a code (800)")
    listen_on: Literal["both", "self", "peer"] | None = Field(
        None, description="whose digits count: the owner's (default), the other party's, or each on its own")
    numbers: Annotated[dict[str, Node] | None, WithJsonSchema(_NUMBERS)] = Field(
        None, description="codes of digits only, matched exactly")
    patterns: Annotated[dict[str, Node] | None, WithJsonSchema({"additionalProperties": False, **_NODES})] = Field(
        None, description="codes as regular expressions, searched anywhere in the digits")
    fire_early: bool = extension(True, description="run a code as soon as no further digit could change it")
    terminator: Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "*", "#", "A", "B", "C", "D"] | None = \
        extension(None, description="one digit that ends the code at once and is no part of it")
    hide_codes: bool = extension(True, description="the far party hears neither the binding digit nor the code")
    fast_rearm: bool = extension(False, description="the binding digit amid a code begins it anew")
    max_digits: int = extension(32, ge=1, le=64, description="more digits than this are no code")
    mode: Mode = extension("live", description="shadow: report what would have run, run nothing, withhold nothing")
    feedback: Literal["none", "tones"] = extension("none", description="tones: the presser hears whether it was a code")

    @property
    def timeout_ms(self) -> int:
        """[ms] `digit_timeout`, or what an account of old calls digit_timeout_ms, or the default; an hour at most."""
        if self.digit_timeout is not None:
            return min(self.digit_timeout, DIGIT_TIMEOUT_MAX_MS)
        old = (self.model_extra or {}).get("digit_timeout_ms")
        is_good = isinstance(old, int) and not isinstance(old, bool) and old >= 0
        return min(int(old or 0), DIGIT_TIMEOUT_MAX_MS) if is_good else DIGIT_TIMEOUT_MS

    @property
    def has_codes(self) -> bool:
        """Is there anything to collect for?"""
        return bool(self.numbers or self.patterns)


def schema_names() -> list[str]:
    """All names that `json_schema` knows."""
    return ["metaflow", "metaflows", *(f"metaflows.{name}" for name in MODULES)]


@cache
def json_schema(name: str) -> Mapping[str, Any]:
    """The JSON Schema of `metaflows`, of a node (`metaflow`) or of a module's data (`metaflows.<module>`).

    raises   KeyError for any other name. The result is shared: do not change it
    """
    models: dict[str, type[BaseModel]] = {"metaflows": Metaflows, "metaflow": Node}
    model = models.get(name) or MODULES[name.removeprefix("metaflows.")].model
    generated = model.model_json_schema()
    if "$ref" in generated:  # a model that contains itself
        generated = generated["$defs"][generated["$ref"].rpartition("/")[2]]
    properties = {key: _property(value) for key, value in generated.get("properties", {}).items()}
    schema: dict[str, Any] = {"$schema": DRAFT, "_id": name, "description": (model.__doc__ or "").strip(),
                              "properties": properties, "type": "object"}
    if required := generated.get("required"):
        schema["required"] = required
    return schema


def _property(generated: Mapping[str, Any]) -> dict[str, Any]:
    """From pydantic's dialect to draft 4: no titles, no null alternative, defaults of extensions out of the way."""
    result = {key: value for key, value in generated.items() if key not in ("title", "anyOf")}
    choices = [choice for choice in generated.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        result.update(_property(choices[0]))
    elif choices:
        result["oneOf"] = choices
    if "patternProperties" in result:
        result["patternProperties"] = {key: {"$ref": "metaflow"} for key in result["patternProperties"]}
    if result.get("default", ...) is None:
        del result["default"]
    if result.get("type") == "object" and result.get("additionalProperties") is True:
        del result["additionalProperties"]
    if result.get("x-extension") and "default" in result:
        result["x-default"] = result.pop("default")
    return result
