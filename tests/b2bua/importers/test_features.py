# SPDX-License-Identifier: GPL-3.0-or-later
"""Asterisk's features.conf becomes metaflows; what has no equivalent is listed."""

from __future__ import annotations

from typing import Any

from b2bua.importers import read
from b2bua.metaflows.checker import check_metaflows
from b2bua.metaflows.match import Matcher
from b2bua.metaflows.validation import validate

SAMPLE = """\
; Sample
[general]
featuredigittimeout = 1500   ; ms
transferdigittimeout => 3
atxferabort = *1
;--
[featuremap]
blindxfer => 99
--;
[featuremap]
blindxfer => *2    ; Blind transfer
atxfer => *7
disconnect => *0
automon => *1
automixmon => *3
parkcall => #72

[applicationmap]
nway-start => *5,callee,Macro,nway
"""


def made(text: str) -> dict[str, Any]:
    metaflows = read(text).metaflows
    assert metaflows is not None
    return validate(metaflows).sent


def test_the_feature_map_becomes_codes() -> None:
    toggle = {"module": "record_call", "data": {"action": "toggle"}}
    assert made(SAMPLE) == {
        "binding_digit": "*", "digit_timeout": 1500,
        "numbers": {"0": {"module": "hangup", "data": {}}, "1": toggle, "3": toggle},
        "patterns": {r"^2(\d+)$": {"module": "transfer", "data": {"transfer_type": "blind"}},
                     r"^7(\d+)$": {"module": "transfer", "data": {"transfer_type": "attended", "takeback_dtmf": "*1"}}}}


def test_what_has_no_equivalent_is_listed() -> None:
    skipped = read(SAMPLE).skipped
    for part in ("transferdigittimeout", "[applicationmap] nway-start = *5,callee,Macro,nway", "parkcall = #72"):
        assert any(part in line for line in skipped), part
    assert len(skipped) == 3


def test_the_binding_digit_is_the_one_that_most_codes_begin_with() -> None:
    text = "[featuremap]\nblindxfer = ##\nparkcall = #72\ndisconnect = *0\n"
    document = made(text)
    assert document["binding_digit"] == "#"
    assert Matcher(document["numbers"], document["patterns"]).match("#100") is not None
    assert document["numbers"] == {"72": {"module": "park", "data": {}}}
    assert "disconnect = *0" in read(text).skipped[0]


def test_codes_of_one_digit_or_of_other_signs() -> None:
    document = made("[featuremap]\nblindxfer=#\ndisconnect=#*\nautomon=\natxfer=none\n")
    assert document["binding_digit"] == "#"
    matcher = Matcher(document.get("numbers", ()), document["patterns"])
    for typed, key in (("100", r"^(\d+)$"), ("*", r"^\*$")):
        match = matcher.match(typed)
        assert match is not None
        assert match.key == key
    assert not [one for one in check_metaflows(document) if one.level == "error"]


def test_two_actions_with_one_code() -> None:
    imported = read("[featuremap]\ndisconnect = *0\nparkcall = *0\n")
    assert imported.metaflows is not None
    assert list(imported.metaflows["numbers"]) == ["0"]
    assert any("parkcall" in line for line in imported.skipped)


def test_an_empty_map_gives_no_codes() -> None:
    assert made("[featuremap]\n") == {"binding_digit": "*"}


def test_a_digit_timeout_that_is_no_number_is_listed() -> None:
    imported = read("[general]\nfeaturedigittimeout = \u00b2\n[featuremap]\ndisconnect = *0\n")
    assert imported.metaflows is not None
    assert "digit_timeout" not in imported.metaflows
    assert any("featuredigittimeout" in line for line in imported.skipped)
