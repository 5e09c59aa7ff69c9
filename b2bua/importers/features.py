# SPDX-License-Identifier: GPL-3.0-or-later
"""Asterisk's features.conf: the codes of [featuremap] become numbers and patterns.

Asterisk's codes are whole strings (`#1`, `*2`), ours begin with one binding digit; so the first digit that most codes
share becomes it, and codes that begin otherwise cannot be taken. Asterisk asks for the number after the code of a
transfer; here the number is typed right behind the code. What has no equivalent is listed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from b2bua.importers.result import Imported, Json

_LINE = re.compile(r"^\s*([A-Za-z_][\w-]*)\s*=>?\s*(.*?)\s*$")
_SECTION = re.compile(r"^\s*\[([^\]]+)\]")
_CODE = re.compile(r"[0-9A-D*#]+")
_RECORD = {"module": "record_call", "data": {"action": "toggle"}}
# what Asterisk has, whether a number follows, and our node
ACTIONS: dict[str, tuple[bool, Json]] = {
    "blindxfer": (True, {"module": "transfer", "data": {"transfer_type": "blind"}}),
    "atxfer": (True, {"module": "transfer", "data": {"transfer_type": "attended"}}),
    "disconnect": (False, {"module": "hangup"}),
    "automon": (False, _RECORD),
    "automixmon": (False, _RECORD),
    "parkcall": (False, {"module": "park"}),
}
_NO_EQUIVALENT = "has no equivalent here"


def read(text: str) -> Imported:
    """One metaflows object, for an account that the caller names."""
    result = Imported("features.conf", metaflows={})
    codes: dict[str, str] = {}
    document: Json = {}
    for section, key, value in _lines(text):
        if section == "featuremap" and key in ACTIONS:
            if _CODE.fullmatch(value):
                codes[key] = value
            elif value:
                result.skipped.append(f"[featuremap] {key} = {value}: it is not made of digits")
            else:
                result.skipped.append(f"[featuremap] {key}: it is switched off")
        elif section == "general" and key == "featuredigittimeout" and re.fullmatch("[0-9]{1,9}", value):
            document["digit_timeout"] = int(value)
        elif section == "general" and key == "atxferabort" and _CODE.fullmatch(value):
            document["takeback"] = value
        else:
            result.skipped.append(f"[{section}] {key} = {value}: {_NO_EQUIVALENT}")
    result.metaflows = _document(codes, document, result)
    return result


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of every setting; comments left out. `;` begins one, `\\;` does not."""
    section, in_comment = "", False
    for line in text.splitlines():
        if in_comment or line.lstrip().startswith(";--"):
            in_comment = "--;" not in line
            continue
        line = re.split(r"(?<!\\);", line)[0]
        if found := _SECTION.match(line):
            section = found[1].strip().lower()
        elif found := _LINE.match(line):
            yield section, found[1].lower(), found[2].strip("\"'").replace("\\;", ";")


def _document(codes: dict[str, str], general: Json, result: Imported) -> Json:
    firsts = Counter(code[0] for code in codes.values() if code[0] not in "ABCD")
    binding = max(firsts, key=lambda digit: (firsts[digit], digit == "*")) if firsts else "*"
    numbers: Json = {}
    patterns: Json = {}
    for name, code in codes.items():
        takes_number, made = ACTIONS[name]
        if code[0] != binding:
            result.skipped.append(f"[featuremap] {name} = {code}: it does not begin with {binding} as the others do; "
                                  f"give it a code such as {binding}{code[1:] or '1'}")
            continue
        rest = code[1:]
        node: Json = {"module": made["module"], "data": dict(made.get("data", {}))}
        if name == "atxfer" and "takeback" in general:
            node["data"]["takeback_dtmf"] = general["takeback"]
        if takes_number:
            patterns[f"^{re.escape(rest)}(\\d+)$"] = node
            result.changed.append(f"{name}: type {code} and the number at once; Asterisk would ask for it")
        else:
            _put(numbers, patterns, rest, node, name, result)
    document: Json = {"binding_digit": binding}
    if "digit_timeout" in general:
        document["digit_timeout"] = general["digit_timeout"]
    document |= {"numbers": numbers} if numbers else {}
    document |= {"patterns": patterns} if patterns else {}
    if codes:
        result.changed.append("in Asterisk the options t T h H w W x X k K of Dial say who may type; here everybody in "
                              "the account may, until a user or device says otherwise")
    return document


def _put(numbers: Json, patterns: Json, rest: str, node: Json, name: str, result: Imported) -> None:
    """A code without a number behind it."""
    where, key = (numbers, rest) if rest.isdigit() else (patterns, f"^{re.escape(rest)}$")
    taken: Any = where.get(key)
    if taken is not None and taken != node:
        result.skipped.append(f"[featuremap] {name}: its code is also that of another action")
        return
    where[key] = node
    if not rest:
        result.changed.append(f"{name}: its code is the binding digit alone, so it runs after digit_timeout")
