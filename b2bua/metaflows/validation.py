# SPDX-License-Identifier: GPL-3.0-or-later
"""Checking a document on write, with KAZOO's errors to the byte (§6.4). Pure; any thread.

The rules are the JSON Schemas that the models give; this file walks document and schema side by side. It understands
just the keywords that those schemas use. What was sent is kept (with "800" made 800 where an integer is wanted, §1.5);
the filled copy, with all defaults, is what the API returns.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from b2bua.metaflows.match import PatternError, compiled
from b2bua.metaflows.modules import MODULES
from b2bua.metaflows.schema import json_schema

Errors = dict[str, dict[str, dict[str, Any]]]
Schema = Mapping[str, Any]
Path = tuple[str, ...]

MAX_NODES = 1000  # in one document; they are worked out on the SIP thread when somebody who has them calls
MAX_DEPTH = 64  # nodes below each other; a deeper document is a mistake or an attack
NOT_A_CLIENT = frozenset(("localhost", "127.0.0.1", "0.0.0.0", "::1", "::"))  # hosts that KAZOO refuses, and their IPv6
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "object": dict, "array": list, "boolean": bool, "integer": int, "number": (int, float)}


class InvalidDocument(Exception):  # noqa: N818 - the noun that callers read
    """The document is refused. `errors` is KAZOO's map of path to code to details."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(f"validation error at {', '.join(errors)}")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Validated:
    """A document that is good.

    sent    what the client sent, types made right: to be stored
    filled  the same with all defaults: to be returned
    """

    sent: dict[str, Any]
    filled: dict[str, Any]


def validate(document: Any, name: str = "metaflows") -> Validated:
    """Check a `metaflows` object, a node (`metaflow`), or a module's data (`metaflows.<module>`).

    raises   InvalidDocument; KeyError for a schema name that does not exist
    """
    walk = _Walk()
    sent, filled = walk.value(json_schema(name), document, ())
    if walk.errors:
        raise InvalidDocument(walk.errors)
    return Validated(sent, filled)


def with_defaults(stored: Any, name: str = "metaflows") -> Any:
    """A stored document with its defaults, as the API returns it; never raises (what is wrong stays as it is)."""
    return _Walk().value(json_schema(name), stored, ())[1]


def check(accounts: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line per mistake in the metaflows of a seed (`accounts: [{id, users, devices}]`), each naming its key."""
    return [line for index, account in enumerate(accounts) for line in _lines(f"accounts.{index}", account)]


def _lines(prefix: str, thing: Mapping[str, Any]) -> Iterator[str]:
    if thing.get("metaflows") is not None:
        try:
            validate(thing["metaflows"])
        except InvalidDocument as error:
            for path, codes in error.errors.items():
                for details in codes.values():
                    yield f"{prefix}.metaflows.{path}: {_sentence(details)}"
    for kind in ("users", "devices"):
        for index, child in enumerate(thing.get(kind) or ()):
            yield from _lines(f"{prefix}.{kind}.{index}", child)


def _sentence(details: Mapping[str, Any]) -> str:
    value, target = details.get("value"), details.get("target")
    shown = "" if value is None or isinstance(value, (dict, list)) else f" (it is {value!r})"
    allowed = f": {', '.join(map(str, target))}" if isinstance(target, list) else ""
    return f"{details['message']}{allowed}{shown}"


@dataclass(slots=True)
class _Walk:
    errors: Errors = field(default_factory=dict)
    nodes: int = 0

    def value(self, schema: Schema, value: Any, path: Path) -> tuple[Any, Any]:
        """Check one value; returns it as to be stored and as to be returned."""
        if schema.get("$ref") == "metaflow":
            schema = json_schema("metaflow")
            self.nodes += 1
            if self.nodes > MAX_NODES:
                if self.nodes == MAX_NODES + 1:
                    self._no(path[:1], "maxProperties", f"there must not be more than {MAX_NODES} codes and children",
                             target=MAX_NODES)
                return value, value
            if len(path) > MAX_DEPTH:
                self._no(path, "error", "too many children below each other", value=len(path))
                return value, value
        if "oneOf" in schema:
            if not any(_is(value, choice["type"]) for choice in schema["oneOf"]):
                self._no(path, "not_one_schema_valid", "failed to validate", value=value)
            return value, value
        wanted = schema.get("type")
        if wanted is not None and not _is(value, wanted):
            value = _coerced(value, wanted)
            if not _is(value, wanted):
                self._no(path, "type", f"Value did not match type(s): {wanted}", target=wanted, value=value)
                return value, value
        if wanted == "object":
            return self._object(schema, value, path)
        if wanted == "array":
            return self._array(schema, value, path)
        self._limits(schema, value, path)
        return value, value

    def _object(self, schema: Schema, value: dict[str, Any], path: Path) -> tuple[Any, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        sent: dict[str, Any] = {}
        filled: dict[str, Any] = {}
        for key, item in value.items():
            inner = self._schema_of(schema, key, value, path)
            if inner is None or (item is None and key not in required):  # null: not inherited (A.3)
                sent[key] = filled[key] = item
            else:
                sent[key], filled[key] = self.value(inner, item, (*path, key))
        for key in required:
            if key not in value:
                self._no((*path, key), "required", "Field is required but missing", value=key)
        for key, inner in properties.items():
            if "default" in inner and key not in value:
                filled[key] = _copy(inner["default"])
        if schema.get("_id") == "metaflow":
            self._node(sent, filled, path)
        if schema.get("_id") == "metaflows":
            self._patterns(sent, path)
        return sent, filled

    def _schema_of(self, schema: Schema, key: str, value: Any, path: Path) -> Schema | None:
        found: Schema | None = schema.get("properties", {}).get(key)
        if found is not None:
            return found
        for pattern, inner in schema.get("patternProperties", {}).items():
            if re.search(pattern.replace("$", r"\Z"), key, re.DOTALL):
                return dict(inner)
        if schema.get("additionalProperties") is False:
            self._no((*path, key), "additionalProperties",
                     "Strict checking of data is enabled; only include schema-defined properties", value=value)
        return None

    def _array(self, schema: Schema, value: list[Any], path: Path) -> tuple[Any, Any]:
        pairs = [self.value(schema.get("items", {}), item, (*path, str(index))) for index, item in enumerate(value)]
        return [sent for sent, _ in pairs], [filled for _, filled in pairs]

    def _limits(self, schema: Schema, value: Any, path: Path) -> None:
        """The first rule that is broken counts: one code per path survives in KAZOO as well."""
        for code, message, target, more in _broken(schema, value):
            self._no(path, code, message, target=target, **more, value=value)
            return
        if schema.get("x-check") == "client-url" and not is_client_url(value):
            self._no(path, "error", "invalid client URL", value=value)

    def _node(self, sent: dict[str, Any], filled: dict[str, Any], path: Path) -> None:
        name = sent.get("module")
        if not isinstance(name, str) or ".".join((*map(_escaped, path), "module")) in self.errors:
            return
        if name not in MODULES:
            self._no((*path, "module"), "error",
                     f"unable to find metaflow schema for module {name}", value=name)
            self._no(("schema",), "schema", "schema not found", schema=f"metaflows.{name}")
        elif isinstance(filled.get("data"), dict):
            data, filled["data"] = self.value(json_schema(f"metaflows.{name}"), filled["data"], (*path, "data"))
            if "data" in sent:
                sent["data"] = data

    def _patterns(self, sent: dict[str, Any], path: Path) -> None:
        patterns = sent.get("patterns")
        for key in patterns if isinstance(patterns, dict) else ():
            try:
                compiled(key)
            except PatternError as error:
                self._no((*path, "patterns", key), "pattern", f"Pattern does not compile: {error}",
                         target="regular expression", value=key)

    def _no(self, path: Path, code: str, message: str, **details: Any) -> None:
        self.errors[".".join(map(_escaped, path)) or "data"] = {code: {"message": message, **details}}


def _escaped(key: str) -> str:
    return key.replace(".", "%2E")


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _TYPES[wanted])


def _coerced(value: Any, wanted: str) -> Any:
    """What KAZOO makes of a value of the wrong type (§1.5); the value itself where it can make nothing of it."""
    if wanted == "boolean" and value in ("true", "false"):
        return value == "true"
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and wanted == "integer" and re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, str) and wanted == "number" and re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", value):
        return float(value) if "." in value else int(value)
    return value


def _broken(schema: Schema, value: Any) -> Iterator[tuple[str, str, Any, dict[str, Any]]]:
    if "enum" in schema and value not in schema["enum"]:
        yield "enum", "Value not found in enumerated list of values", list(schema["enum"]), {}
    if (low := schema.get("minimum")) is not None and value < low:
        yield "minimum", f"Value must be at least {low}", low, {}
    if (high := schema.get("maximum")) is not None and value > high:
        yield "maximum", f"Value must be at most {high}", high, {}
    if (low := schema.get("minLength")) is not None and len(value) < low:
        yield "minLength", f"String must be at least {low} characters", low, {"cause": value}
    if (high := schema.get("maxLength")) is not None and len(value) > high:
        yield "maxLength", f"String must not be more than {high} characters", high, {"cause": value}
    if (pattern := schema.get("pattern")) is not None and not re.search(pattern, value):
        yield "pattern", f"Failed to match pattern '{pattern}'", pattern, {}


def is_client_url(value: str, *, private: bool = False) -> bool:
    """May it be asked for an account? `private`: this machine too."""
    try:
        value.encode()  # JSON may hold halves of surrogate pairs
        url = urlsplit(value)
        return (url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
                and (private or url.hostname not in NOT_A_CLIENT))
    except ValueError:  # its port is none, for one
        return False


def _copy(default: Any) -> Any:
    if isinstance(default, dict):
        return {key: _copy(value) for key, value in default.items()}
    return list(default) if isinstance(default, list) else default
