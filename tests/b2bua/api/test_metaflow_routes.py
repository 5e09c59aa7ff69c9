# SPDX-License-Identifier: GPL-3.0-or-later
"""GET, POST, DELETE of metaflows: rows F1-F9 and F16-F27, F30, F31 as the API shows them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

A = "a" * 32

ACCOUNT = f"/v2/accounts/{A}/metaflows"
THINGS = [ACCOUNT, f"/v2/accounts/{A}/users/u1/metaflows", f"/v2/accounts/{A}/devices/d1/metaflows"]
TRANSFER = {"numbers": {"2": {"module": "transfer", "data": {"takeback_dtmf": "*1"}}}}
RECORD = {"numbers": {"9": {"module": "record_call", "data": {"action": "toggle"}}}}


async def refused(inside: Running, document: Any) -> dict[str, Any]:
    answer = await inside.http.post(ACCOUNT, json={"data": document})
    assert answer.status_code == 400
    body = answer.json()
    assert (body["error"], body["message"], body["status"]) == ("400", "validation error", "error")
    data: dict[str, Any] = body["data"]
    return data


@pytest.mark.parametrize("path", THINGS)
async def test_F1_nothing_stored_reads_as_an_empty_object(inside: Running, path: str) -> None:
    answer = await inside.http.get(path)
    assert (answer.status_code, answer.json()["data"]) == (200, {})
    assert "revision" not in answer.json()


async def test_F2_get_shows_no_inheritance(inside: Running) -> None:
    await inside.http.post(ACCOUNT, json={"data": RECORD})
    for path in THINGS[1:]:
        assert (await inside.http.get(path)).json()["data"] == {}


@pytest.mark.parametrize("path", THINGS)
async def test_F3_post_replaces_the_whole_and_returns_it_with_defaults(inside: Running, path: str) -> None:
    await inside.http.post(path, json={"data": {"listen_on": "both", **RECORD}})
    answer = await inside.http.post(path, json={"data": {"numbers": {"1": {"module": "hangup"}}}})
    assert answer.status_code == 200
    want = {"binding_digit": "*", "numbers": {"1": {"module": "hangup", "data": {}}}}
    assert answer.json()["data"] == want
    assert (await inside.http.get(path)).json()["data"] == want


async def test_F4_the_transfer_example_comes_back_with_captures_and_type(inside: Running) -> None:
    answer = await inside.http.post(ACCOUNT, json={"data": TRANSFER})
    assert answer.json()["data"]["numbers"]["2"]["data"] == {
        "takeback_dtmf": "*1", "captures": ["no_match"], "transfer_type": "blind"}


@pytest.mark.parametrize("path", THINGS)
async def test_F5_delete_is_idempotent(inside: Running, path: str) -> None:
    await inside.http.post(path, json={"data": RECORD})
    for _ in range(2):
        answer = await inside.http.delete(path)
        assert (answer.status_code, answer.json()["data"]) == (200, {})
        assert answer.json()["revision"]
    assert (await inside.http.get(path)).json()["data"] == {}


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
@pytest.mark.parametrize("path", THINGS)
async def test_F6_put_and_patch_are_405_invalid_method(inside: Running, verb: str, path: str) -> None:
    answer = await inside.http.request(verb, path, json={"data": {}})
    assert answer.status_code == 405
    assert (answer.json()["message"], answer.json()["error"]) == ("invalid_method", "405")
    assert answer.json()["data"] == {"message": "method not allowed"}


@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize("path", THINGS)
async def test_F7_an_extra_path_token_is_404_not_found(inside: Running, verb: str, path: str) -> None:
    answer = await inside.http.request(verb, path + "/x", json={"data": {}})
    assert answer.status_code == 404
    assert (answer.json()["message"], answer.json()["data"]) == ("not_found", {"message": "not found"})


async def test_F8_the_envelope_of_success(inside: Running) -> None:
    answer = await inside.http.post(ACCOUNT, json={"data": RECORD}, headers={"X-Request-ID": "my-id"})
    body = answer.json()
    assert body["status"] == "success"
    assert body["request_id"] == answer.headers["x-request-id"] == "my-id"
    assert body["timestamp"] == "2023-11-14T22:13:20Z"
    assert body["auth_token"] == inside.http.headers["X-Auth-Token"]
    assert body["node"]
    assert body["version"]
    number, _, digest = body["revision"].partition("-")
    assert number == "2"
    assert len(digest) == 32


async def test_F9_the_envelope_of_an_error(inside: Running) -> None:
    answer = await inside.http.get(f"/v2/accounts/{A}/users/nobody/metaflows")
    body = answer.json()
    assert answer.status_code == 404
    assert (body["status"], body["error"], body["message"]) == ("error", "404", "bad_identifier")
    assert set(body) >= {"data", "request_id", "node", "timestamp", "auth_token", "version"}


async def test_F16_a_binding_digit_outside_the_twelve_is_an_enum_error(inside: Running) -> None:
    error = (await refused(inside, {"binding_digit": "x"}))["binding_digit"]["enum"]
    assert error["message"] == "Value not found in enumerated list of values"
    assert error["target"] == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "*", "#"]
    assert error["value"] == "x"


async def test_F17_listen_on_has_three_values(inside: Running) -> None:
    assert (await refused(inside, {"listen_on": "a"}))["listen_on"]["enum"]["target"] == ["both", "self", "peer"]


async def test_F18_a_negative_timeout_is_a_minimum_error(inside: Running) -> None:
    error = (await refused(inside, {"digit_timeout": -1}))["digit_timeout"]["minimum"]
    assert error == {"message": "Value must be at least 0", "target": 0, "value": -1}


async def test_F19_a_timeout_in_quotes_becomes_a_number(inside: Running) -> None:
    answer = await inside.http.post(ACCOUNT, json={"data": {"digit_timeout": "800"}})
    assert answer.json()["data"]["digit_timeout"] == 800
    assert (await inside.http.get(ACCOUNT)).json()["data"]["digit_timeout"] == 800


async def test_F20_a_number_that_is_no_number_is_an_additional_property(inside: Running) -> None:
    errors = await refused(inside, {"numbers": {"*1": {"module": "hangup"}}})
    assert list(errors) == ["numbers.*1"]
    assert "additionalProperties" in errors["numbers.*1"]


async def test_F21_dots_in_a_pattern_are_escaped_in_the_path(inside: Running) -> None:
    errors = await refused(inside, {"patterns": {"^2(.+)$": {"module": "play", "data": {"leg": "x"}}}})
    assert any(path.startswith("patterns.^2(%2E+)$") for path in errors)


async def test_F22_a_node_without_module_is_400_required(inside: Running) -> None:
    assert "required" in (await refused(inside, {"numbers": {"1": {"data": {}}}}))["numbers.1.module"]


async def test_F23_an_unknown_module_is_named(inside: Running) -> None:
    assert "foo" in str(await refused(inside, {"numbers": {"1": {"module": "foo"}}}))


async def test_F24_module_data_is_checked_at_every_depth(inside: Running) -> None:
    node = {"module": "hangup", "children": {"_": {"module": "record_call", "data": {"action": "dance"}}}}
    assert "enum" in (await refused(inside, {"numbers": {"1": node}}))["numbers.1.children._.data.action"]


async def test_F25_a_recording_url_must_be_a_clients(inside: Running) -> None:
    for url in ("ftp://example.com/", "http://127.0.0.1/"):
        errors = await refused(inside, {"numbers": {"1": {"module": "record_call", "data": {"url": url}}}})
        assert "invalid client URL" in str(errors)


async def test_F26_a_pattern_that_does_not_compile_is_refused(inside: Running) -> None:
    assert "pattern" in next(iter((await refused(inside, {"patterns": {"^2(": {"module": "hangup"}}})).values()))


async def test_F27_unknown_keys_are_kept(inside: Running) -> None:
    await inside.http.post(ACCOUNT, json={"data": {"binding_key": "9", "mine": {"x": [1, None]}}})
    data = (await inside.http.get(ACCOUNT)).json()["data"]
    assert (data["binding_key"], data["mine"]) == ("9", {"x": [1, None]})


async def test_F3_what_is_stored_is_what_was_sent_without_defaults(inside: Running) -> None:
    await inside.http.post(f"/v2/accounts/{A}/users/u1/metaflows", json={"data": RECORD})
    endpoint = (await inside.store.directory()).by_id(A, "u1")
    assert endpoint is not None
    assert [dict(document) for document in endpoint.metaflows] == [RECORD]


async def test_F32_the_new_snapshot_is_out_before_the_answer(inside: Running) -> None:
    told: list[Any] = []
    inside.store.on_change.append(told.append)
    await inside.http.post(THINGS[2], json={"data": RECORD})
    assert told[-1].by_id(A, "d1").metaflows == (RECORD,)


async def test_concurrent_writers_lose_nothing(inside: Running) -> None:
    async def save(number: int) -> int:
        document = {"numbers": {str(number): {"module": "hangup"}}}
        answer = await inside.http.post(THINGS[number % 3], json={"data": document})
        return answer.status_code
    assert set(await asyncio.gather(*(save(number) for number in range(30)))) == {200}
    assert all([(await inside.http.get(path)).json()["data"]["numbers"] for path in THINGS])


async def test_json_nobody_expects_is_never_a_500(inside: Running) -> None:
    for text in ('{"data":{"x":NaN}}', '{"data":1}', "[]", '{"data":' + "[" * 5000 + "]" * 5000 + "}", '{"data":[]}',
                 '{"data":{"x":"\\ud800"}}', "\xff", '{"data":{"\\u0000":"\\u0000"}}', '{"data":{"x":1e999}}'):
        answer = await inside.http.post(ACCOUNT, content=text.encode("latin-1"))
        assert answer.status_code in (200, 400), text[:40]
        assert (await inside.http.get(ACCOUNT)).status_code == 200


@pytest.mark.parametrize("depth", [150, 250, 700, 900, 980, 5000])
async def test_deep_nesting_is_kept_or_refused_but_never_a_500(inside: Running, depth: int) -> None:
    text = '{"data":{"mine":' + '[{"x":' * depth + "1" + "}]" * depth + "}}"
    answer = await inside.http.post(ACCOUNT, content=text.encode())
    assert answer.status_code == 400
    assert (await inside.http.get(ACCOUNT)).json()["data"] == {}


async def test_numbers_that_json_cannot_say_are_refused(inside: Running) -> None:
    for number in ("1e999", "-1e999", "NaN", "Infinity", "9" * 5000):
        answer = await inside.http.post(ACCOUNT, content=f'{{"data":{{"x":{number}}}}}'.encode())
        assert answer.status_code == 400
        assert "json" in answer.json()["data"]
