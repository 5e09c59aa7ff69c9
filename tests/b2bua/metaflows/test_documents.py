# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents are checked on write with KAZOO's errors, and returned with KAZOO's defaults."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.metaflows.collector import Rules
from b2bua.metaflows.documents import InvalidDocument, Metaflows, check, json_schema, validate, with_defaults

TWELVE = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "*", "#"]
EXTRA = "Strict checking of data is enabled; only include schema-defined properties"


def errors(document: Any, name: str = "metaflows") -> dict[str, Any]:
    with pytest.raises(InvalidDocument) as refused:
        validate(document, name)
    return refused.value.errors


def data(module: str, **keys: Any) -> dict[str, Any]:
    return {"numbers": {"1": {"module": module, "data": keys}}}


def test_F3_F4_defaults_are_returned_and_what_was_sent_is_stored() -> None:
    sent = {"patterns": {r"2(\d+)": {"module": "transfer", "data": {"takeback_dtmf": "*1"}}}}
    good = validate(sent)
    assert good.sent == sent
    assert good.filled == {"binding_digit": "*", "patterns": {r"2(\d+)": {"module": "transfer", "data": {
        "takeback_dtmf": "*1", "captures": ["no_match"], "transfer_type": "blind"}}}}


def test_an_empty_document_gets_the_binding_digit_and_nothing_else() -> None:
    assert validate({}).filled == {"binding_digit": "*"}
    assert validate({}).sent == {}


@pytest.mark.parametrize(("module", "filled"), [
    ("hold", {"unhold_key": "1"}), ("hold_control", {"action": "toggle"}), ("play", {"leg": "both"}),
    ("intercept", {"auto_answer": False, "can_call_self": True, "unbridged_only": True}),
    ("move", {"auto_answer": False, "can_call_self": True, "dial_strategy": "simultaneous"}),
    ("record_call", {"action": "toggle", "record_on_answer": False, "record_on_bridge": False}),
    ("sound_touch", {"adjust_in_octaves": 0, "adjust_in_semitones": 0, "hook_dtmf": False, "pitch": 1.0, "rate": 1.0,
                     "sending_leg": False, "tempo": 1.0}),
    ("tts", {"engine": "flite", "leg": "self", "voice": "female",
             "terminators": ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"]}),
    ("hangup", {}), ("say", {}), ("callflow", {}), ("audio_level", {}), ("break", {}), ("resume", {}),
])
def test_defaults_of_modules_at_every_depth(module: str, filled: dict[str, Any]) -> None:
    node = {"module": module, "children": {"_": {"module": module}}}
    expected = {"module": module, "data": filled, "children": {"_": {"module": module, "data": filled}}}
    assert validate({"numbers": {"1": node}}).filled["numbers"]["1"] == expected


@pytest.mark.parametrize("digit", ["A", "", "**", "x"])
def test_F16_binding_digit_outside_the_twelve(digit: str) -> None:
    assert errors({"binding_digit": digit}) == {"binding_digit": {"enum": {
        "message": "Value not found in enumerated list of values", "target": TWELVE, "value": digit}}}


def test_F17_listen_on_outside_its_three() -> None:
    assert errors({"listen_on": "a"})["listen_on"]["enum"]["target"] == ["both", "self", "peer"]


def test_F18_digit_timeout_below_zero() -> None:
    assert errors({"digit_timeout": -1}) == {"digit_timeout": {"minimum": {
        "message": "Value must be at least 0", "target": 0, "value": -1}}}


@pytest.mark.parametrize(("sent", "stored"), [("800", 800), (800, 800), (800.0, 800), ("0", 0)])
def test_F19_numbers_in_strings_are_stored_as_numbers(sent: Any, stored: int) -> None:
    good = validate({"digit_timeout": sent})
    assert (good.sent["digit_timeout"], type(good.sent["digit_timeout"])) == (stored, int)
    assert good.filled["digit_timeout"] == stored


@pytest.mark.parametrize("value", ["8s", "", 8.5, True, [], {}, float("nan")])
def test_what_is_no_integer_is_refused(value: Any) -> None:
    assert errors({"digit_timeout": value})["digit_timeout"]["type"]["target"] == "integer"
    assert errors({"digit_timeout": "8s"}) == {"digit_timeout": {"type": {
        "message": "Value did not match type(s): integer", "target": "integer", "value": "8s"}}}


def test_booleans_and_numbers_in_strings_too_but_never_strings_from_numbers() -> None:
    assert validate(data("sound_touch", tempo="1.5", hook_dtmf="true")).sent == data("sound_touch", tempo=1.5,
                                                                                    hook_dtmf=True)
    assert "type" in errors({"binding_digit": 1})["binding_digit"]


def test_F20_number_keys_are_digits_only() -> None:
    numbers = {"*1": {"module": "hangup"}, "1\n": {"module": "hangup"}, "": {"module": "hangup"}}
    refused = {"additionalProperties": {"message": EXTRA, "value": numbers}}
    assert errors({"numbers": numbers}) == {"numbers.*1": refused, "numbers.1\n": refused, "numbers.": refused}


def test_F21_dots_in_a_pattern_stand_as_2E() -> None:
    assert list(errors({"patterns": {"^1.+$": {"module": "play", "data": {"leg": "x"}}}})) == [
        "patterns.^1%2E+$.data.leg"]


def test_F22_B24_a_node_without_module() -> None:
    assert errors({"numbers": {"1": {"data": {}}}}) == {"numbers.1.module": {"required": {
        "message": "Field is required but missing", "value": "module"}}}


@pytest.mark.parametrize(("module", "code"), [("", "minLength"), ("x" * 65, "maxLength"), (None, "type"), (5, "type")])
def test_a_module_name_has_1_to_64_characters(module: Any, code: str) -> None:
    refused = errors({"numbers": {"1": {"module": module}}})["numbers.1.module"]
    assert list(refused) == [code]
    if module == "":
        assert refused[code] == {"message": "String must be at least 1 characters", "target": 1, "cause": "",
                                 "value": ""}


def test_F23_an_unknown_module_is_named() -> None:
    assert errors({"numbers": {"1": {"module": "foo"}}}) == {
        "numbers.1.module": {"error": {"message": "unable to find metaflow schema for module foo", "value": "foo"}},
        "schema": {"schema": {"message": "schema not found", "schema": "metaflows.foo"}}}


def test_F24_data_is_checked_at_every_depth() -> None:
    node = {"module": "hangup", "children": {"_": {"module": "hangup", "children": {
        "x": {"module": "audio_level", "data": {"level": 5}}}}}}
    assert errors({"patterns": {"^1$": node}}) == {"patterns.^1$.children._.children.x.data.level": {"maximum": {
        "message": "Value must be at most 4", "target": 4, "value": 5}}}


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://localhost/x", "https://127.0.0.1:8080/", "http://0.0.0.0",
                                 "nonsense", "http://", "http://[::1]/", "http://[bad/"])
def test_F25_record_call_urls_that_are_no_client(url: str) -> None:
    assert errors(data("record_call", url=url)) == {"numbers.1.data.url": {"error": {
        "message": "invalid client URL", "value": url}}}
    assert validate(data("record_call", url="https://files.example/x")).sent


def test_F26_a_pattern_that_does_not_compile_is_refused() -> None:
    refused = errors({"patterns": {"2(": {"module": "hangup"}, "^1$": {"module": "hangup"}}})
    assert list(refused) == ["patterns.2("]
    assert "does not compile" in refused["patterns.2("]["pattern"]["message"]


def test_F27_unknown_keys_are_kept_at_every_level() -> None:
    sent = {"binding_key": "*", "numbers": {"1": {"module": "hangup", "note": 1, "data": {"x": {"y": None}}}}}
    assert validate(sent).sent == sent
    assert validate(sent).filled == {**sent, "binding_digit": "*"}


def test_null_stands_for_not_inherited() -> None:
    sent = {"binding_digit": None, "digit_timeout": None, "numbers": {"1": None}, "patterns": None}
    assert validate(sent).sent == sent
    assert validate(sent).filled == sent


def test_extensions_are_checked_but_not_filled_in() -> None:
    assert validate({"fire_early": False, "max_digits": "8"}).filled == {
        "fire_early": False, "max_digits": 8, "binding_digit": "*"}
    assert list(errors({"terminator": "x", "hide_codes": 1, "feedback": "beep", "max_digits": 0})) == [
        "terminator", "hide_codes", "feedback", "max_digits"]


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_a_document_is_an_object(document: Any) -> None:
    assert errors(document)["data"]["type"]["target"] == "object"


def test_required_and_patterns_of_module_data() -> None:
    assert errors(data("pivot")) == {"numbers.1.data.voice_url": {"required": {
        "message": "Field is required but missing", "value": "voice_url"}}}
    assert errors(data("pivot", voice_url="gopher://x")) == {"numbers.1.data.voice_url": {"pattern": {
        "message": "Failed to match pattern '^https?://'", "target": "^https?://", "value": "gopher://x"}}}
    assert list(errors(data("relate", participant_id=[], other_participant=1, conference_id="c"))) == [
        "numbers.1.data.participant_id"]
    assert list(errors(data("tts", terminators=["1", "x"]))) == ["numbers.1.data.terminators.1"]


def test_a_document_too_deep_is_refused_and_kills_nothing() -> None:
    node: dict[str, Any] = {"module": "hangup"}
    for _ in range(200):
        node = {"module": "hangup", "children": {"_": node}}
    assert [code for codes in errors({"numbers": {"1": node}}).values() for code in codes] == ["error"]


def test_one_node_can_be_checked_alone() -> None:
    assert validate({"module": "hold"}, "metaflow").filled == {"module": "hold", "data": {"unhold_key": "1"}}
    assert list(errors({"module": "hold", "data": {"unhold_key": 1}}, "metaflow")) == ["data.unhold_key"]


def test_what_is_stored_wrong_is_still_returned() -> None:
    assert with_defaults({"digit_timeout": "soon", "numbers": {"1": {"module": "foo"}}}) == {
        "digit_timeout": "soon", "numbers": {"1": {"module": "foo", "data": {}}}, "binding_digit": "*"}


def test_the_check_of_a_seed_names_every_key() -> None:
    seed = [{"id": "a", "metaflows": {"binding_digit": "x"},
             "users": [{"id": "u", "metaflows": {"digit_timeout": -1}}, {"id": "v"}],
             "devices": [{"id": "d", "metaflows": {"numbers": {"1": {"module": "foo"}}}}]}]
    assert check(seed) == [
        "accounts.0.metaflows.binding_digit: Value not found in enumerated list of values: "
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 0, *, # (it is 'x')",
        "accounts.0.users.0.metaflows.digit_timeout: Value must be at least 0 (it is -1)",
        "accounts.0.devices.0.metaflows.numbers.1.module: unable to find metaflow schema for module foo (it is 'foo')",
        "accounts.0.devices.0.metaflows.schema: schema not found"]
    assert check([{"id": "a"}]) == []


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["numbers", "patterns", "1", "module", "data", "children", "url", "leg", "("]),
                        inner, max_size=4), max_leaves=12)


@given(JSON)
def test_whatever_is_sent_is_accepted_or_refused_never_a_crash(document: Any) -> None:
    try:
        good = validate(document)
    except InvalidDocument:
        return
    assert validate(good.sent).filled == good.filled
    assert validate(good.filled).filled == good.filled


def test_digit_timeout_default_and_the_accounts_old_key() -> None:
    assert Metaflows.model_validate({}).timeout_ms == 800
    assert Metaflows.model_validate({"digit_timeout_ms": 500}).timeout_ms == 500
    assert Metaflows.model_validate({"digit_timeout": 0, "digit_timeout_ms": 500}).timeout_ms == 0


def test_schemas_are_draft_4() -> None:
    assert json_schema("metaflows")["_id"] == "metaflows"
    assert json_schema("metaflows")["$schema"] == "http://json-schema.org/draft-04/schema#"
    assert json_schema("metaflows")["properties"]["numbers"] == {
        "additionalProperties": False, "description": "codes of digits only, matched exactly", "type": "object",
        "patternProperties": {"^[0-9]+$": {"$ref": "metaflow"}}}
    with pytest.raises(KeyError):
        json_schema("metaflows.foo")


def test_a_document_has_a_thousand_nodes_at_most() -> None:
    """They are worked out on the SIP thread."""
    few = {str(code): {"module": "hangup", "children": {"_": {"module": "hangup"}}} for code in range(500)}
    validate({"numbers": few})
    with pytest.raises(InvalidDocument) as caught:
        validate({"numbers": few, "patterns": {"x": {"module": "hangup"}, "y": {"module": "hangup"}}})
    assert caught.value.errors == {"patterns": {"maxProperties": {
        "message": "there must not be more than 1000 codes and children", "target": 1000}}}


def test_an_endless_timeout_is_an_hour() -> None:
    sent = validate({"digit_timeout": 10 ** 400, "numbers": {"1": {"module": "hangup"}}}).sent
    assert Rules.of(Metaflows.model_validate(sent)).timeout_s == 3600
    assert Rules.of(Metaflows.model_validate({"digit_timeout_ms": 10 ** 400})).timeout_s == 3600
