# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens, bodies, and the order of checks: rows F10-F15."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import jwt
import pytest

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

A = "a" * 32
CHILD = "c" * 32
CHILD_KEY = "key-of-the-child"
KEY = "key-of-account-a"
OTHER = "0" * 32

ACCOUNT = f"/v2/accounts/{A}/metaflows"


async def test_api_auth_gives_a_token_for_an_hour(api: Running) -> None:
    answer = await api.http.put("/v2/api_auth", json={"data": {"api_key": KEY}})
    body = answer.json()
    assert answer.status_code == 201
    assert body["data"]["account_id"] == A
    assert body["data"]["account_name"] == "Alpha"
    assert set(body["data"]) >= {"owner_id", "apps", "is_reseller", "language", "reseller_id"}
    claims = jwt.decode(body["auth_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 3600
    assert KEY not in answer.text


async def test_api_auth_with_a_wrong_key_is_401(api: Running) -> None:
    answer = await api.http.put("/v2/api_auth", json={"data": {"api_key": "no"}})
    assert answer.status_code == 401
    assert (answer.json()["message"], answer.json()["data"]) == ("invalid credentials", {})


async def test_api_auth_without_a_key_is_400_required(api: Running) -> None:
    answer = await api.http.put("/v2/api_auth", json={"data": {}})
    assert answer.status_code == 400
    assert "required" in answer.json()["data"]["api_key"]


async def test_F10_missing_token_is_401_invalid_credentials(api: Running) -> None:
    answer = await api.http.get(ACCOUNT)
    assert answer.status_code == 401
    assert answer.json()["message"] == "invalid_credentials"
    assert answer.json()["data"] == {"message": "invalid credentials"}
    assert "version" not in answer.json()


async def test_F10_bad_token_is_401_invalid_credentials_without_underscore(api: Running) -> None:
    forged = jwt.encode({"account_id": A, "exp": 9999999999, "iss": "metaflow-b2bua"}, b"x" * 32, algorithm="HS256")
    unsigned = jwt.encode({"account_id": A, "exp": 9999999999, "iss": "metaflow-b2bua"}, None, algorithm="none")
    for token in ("nonsense", "a.b.c", forged, unsigned):
        answer = await api.http.get(ACCOUNT, headers={"X-Auth-Token": token})
        assert answer.status_code == 401
        assert (answer.json()["message"], answer.json()["data"]) == ("invalid credentials", {})


async def test_F10_a_token_expires_after_an_hour(api: Running) -> None:
    token = await api.token()
    api.clock.now_s += 3599
    assert (await api.http.get(ACCOUNT, headers={"X-Auth-Token": token})).status_code == 200
    api.clock.now_s += 1
    assert (await api.http.get(ACCOUNT, headers={"X-Auth-Token": token})).status_code == 401


@pytest.mark.parametrize("where", ["x-auth-token", "query", "bearer", "basic", "raw", "authorization query"])
async def test_F11_sources_of_the_token(api: Running, where: str) -> None:
    token = await api.token()
    headers = {"x-auth-token": {"X-Auth-Token": token}, "bearer": {"Authorization": f"Bearer {token}"},
               "basic": {"Authorization": f"Basic {token}"}, "raw": {"Authorization": token}}.get(where, {})
    query = {"query": {"auth_token": token}, "authorization query": {"authorization": token}}.get(where, {})
    answer = await api.http.get(ACCOUNT, headers=headers, params=query)
    assert answer.status_code == 200


@pytest.mark.parametrize("key", ["auth_token", "AUTH_TOKEN", "authorization"])
async def test_F11_token_in_the_body(api: Running, key: str) -> None:
    answer = await api.http.post(ACCOUNT, json={"data": {}, key: await api.token()})
    assert answer.status_code == 200


async def test_F12_a_foreign_account_is_403(api: Running) -> None:
    await api.login(CHILD_KEY)
    for account in (A, OTHER):
        answer = await api.http.get(f"/v2/accounts/{account}/metaflows")
        assert answer.status_code == 403
        assert (answer.json()["message"], answer.json()["data"]) == ("forbidden", {"message": "forbidden"})


async def test_F12_an_ancestor_is_let_in(api: Running) -> None:
    await api.login(KEY)
    assert (await api.http.get(f"/v2/accounts/{CHILD}/metaflows")).status_code == 200


@pytest.mark.parametrize("thing", ["users/nobody", "devices/none", "devices/u1", "users/d1", "devices/d9", "users/%00"])
async def test_F13_unknown_user_or_device_is_404_with_cause(inside: Running, thing: str) -> None:
    answer = await inside.http.get(f"/v2/accounts/{A}/{thing}/metaflows")
    assert answer.status_code == 404
    assert answer.json()["message"] == "bad_identifier"
    cause = thing.partition("/")[2].replace("%00", "\0")
    assert answer.json()["data"] == {"message": "bad identifier", "cause": cause}


async def test_F14_malformed_json_is_400_json_invalid(inside: Running) -> None:
    for text in (b"{", b"data=x&y=z", b"[1]", b"\xff\xfe"):
        answer = await inside.http.post(ACCOUNT, content=text)
        assert answer.status_code == 400
        assert answer.json()["message"] == "validation error"
        assert answer.json()["data"]["json"]["invalid"]["target"] == "body"


async def test_F15_a_body_without_data_is_400_data_required(inside: Running) -> None:
    for text in (b"{}", b"", b'{"data":null}'):
        answer = await inside.http.post(ACCOUNT, content=text)
        assert answer.status_code == 400
        assert answer.json()["data"]["data"]["required"]["message"] == "Field is required but missing"


async def test_curl_sends_json_as_a_form(inside: Running) -> None:
    answer = await inside.http.post(ACCOUNT, content=b'{"data":{"binding_digit":"#"}}',
                                    headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.json()["data"]["binding_digit"] == "#"


async def test_order_of_checks(api: Running) -> None:
    token = await api.token(CHILD_KEY)
    bad, good = {"X-Auth-Token": "bad"}, {"X-Auth-Token": token}
    unknown = f"/v2/accounts/{'f' * 32}/metaflows"
    no_user = "/users/nobody/metaflows"
    for verb, path, headers, body, status in [
        ("PUT", unknown, bad, b"{", 401),  # a bad token before everything
        ("PUT", unknown, {}, b"{", 405),  # then the verb, even without a token
        ("POST", unknown, {}, b"{", 404),  # then the account, even without a token
        ("POST", "/v2/accounts/short/metaflows", {}, b"{", 404),
        ("POST", ACCOUNT, {}, b"{", 401),  # then the missing token
        ("POST", f"/v2/accounts/{A}{no_user}", good, b"{", 403),  # then the right to it
        ("POST", f"/v2/accounts/{CHILD}{no_user}", good, b"{", 404),  # then user or device
        ("POST", f"/v2/accounts/{CHILD}/metaflows", good, b"{", 400),  # then the body
    ]:
        answer = await api.http.request(verb, path, headers=headers, content=body)
        assert answer.status_code == status, (verb, path, answer.text)


async def test_an_account_id_of_another_length_is_named(api: Running) -> None:
    answer = await api.http.get("/v2/accounts/short/metaflows")
    assert answer.json()["message"] == "bad identifier"
    assert answer.json()["data"] == {"message": "invalid account_id 'short'"}


async def test_unknown_account_is_404_without_a_token(api: Running) -> None:
    answer = await api.http.get(f"/v2/accounts/{'f' * 32}/metaflows")
    assert (answer.status_code, answer.json()["data"]["cause"]) == (404, "f" * 32)


@pytest.mark.parametrize("how", ["query", "envelope"])
async def test_verb_tunnelling(inside: Running, how: str) -> None:
    await inside.http.post(ACCOUNT, json={"data": {"binding_digit": "#"}})
    query, body = ({"verb": "delete"}, {"data": {}}) if how == "query" else ({}, {"verb": "DELETE", "data": {}})
    answer = await inside.http.post(ACCOUNT, params=query, json=body)
    assert answer.json()["data"] == {}
    assert (await inside.http.get(ACCOUNT)).json()["data"] == {}
    assert (await inside.http.post(ACCOUNT, params={"verb": "patch"}, json=body)).status_code == 405


@pytest.mark.parametrize("verb", ["frobnicate", "head", "options", "", 5, ["DELETE"], {"DELETE": 1}])
@pytest.mark.parametrize("how", ["query", "envelope"])
async def test_an_unknown_tunnelled_verb_is_405_and_changes_nothing(inside: Running, how: str, verb: object) -> None:
    await inside.http.post(ACCOUNT, json={"data": {"binding_digit": "#"}})
    query, body = ({"verb": str(verb)}, {}) if how == "query" else ({}, {"verb": verb})
    answer = await inside.http.post(ACCOUNT, params=query, json={"data": {"binding_digit": "1"}, **body})
    assert (answer.status_code, answer.json()["message"]) == (405, "invalid_method")
    assert (await inside.http.get(ACCOUNT)).json()["data"] == {"binding_digit": "#"}


async def test_an_odd_path_does_not_spoil_the_next(inside: Running) -> None:
    for odd in ("/v2/accounts//metaflows", f"/v2/accounts/{A}/users//metaflows", "/v2//accounts", "//v2/accounts/x",
                f"/v2/accounts/{A}/users/%2F/metaflows"):
        assert (await inside.http.get(f"http://api{odd}")).status_code == 404
    assert (await inside.http.get(ACCOUNT)).status_code == 200
    assert (await inside.http.get(f"/v2/accounts/{A}/users/u1/metaflows")).status_code == 200


async def test_browsers_on_other_origins(api: Running) -> None:
    headers = {"Origin": "https://ui.example", "Access-Control-Request-Method": "POST"}
    answer = await api.http.options(ACCOUNT, headers=headers)
    assert answer.status_code == 200
    assert "X-Auth-Token" in answer.headers["access-control-allow-headers"]
    answer = await api.http.get(ACCOUNT, headers={"Origin": "https://ui.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "*")
    assert "access-control-allow-origin" not in (await api.http.get(ACCOUNT)).headers


async def test_a_silent_sip_side_is_503(inside: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(account_id: str) -> None:
        raise TimeoutError
    monkeypatch.setattr(inside.live, "channels", silent)
    answer = await inside.http.get(f"/v2/accounts/{A}/channels")
    assert (answer.status_code, answer.json()["message"]) == (503, "datastore timeout")


async def test_pretty_print_and_jsonp(inside: Running) -> None:
    assert "\n    " in (await inside.http.get(ACCOUNT, params={"pretty_print": "true"})).text
    assert "\n    " in (await inside.http.get(ACCOUNT, headers={"X-Pretty-Print": "true"})).text
    assert (await inside.http.get(ACCOUNT, params={"jsonp": "f"})).text.startswith("f({")
    assert (await inside.http.get(ACCOUNT, params={"jsonp": "alert(1)//"})).text.startswith("{")


async def test_too_large_a_body_is_413(inside: Running) -> None:
    answer = await inside.http.post(ACCOUNT, content=b'{"data":{"x":"' + b"x" * 8_000_000 + b'"}}')
    assert answer.status_code == 413
    assert answer.json()["data"]["file"]["maxSize"]["target"] == 8_000_000


async def test_a_bug_is_a_500_envelope_and_one_traceback(
        inside: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(ref: object) -> None:
        raise ZeroDivisionError("secret detail")
    monkeypatch.setattr(inside.store, "metaflows", broken)
    with caplog.at_level(logging.ERROR):
        answer = await inside.http.get(ACCOUNT)
    assert answer.status_code == 500
    assert (answer.json()["error"], answer.json()["message"]) == ("500", "init failed")
    assert "secret detail" not in answer.text
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_a_dead_database_is_503_for_writes(inside: Running) -> None:
    await inside.store.close()
    answer = await inside.http.post(ACCOUNT, json={"data": {}})
    assert (answer.status_code, answer.json()["message"]) == (503, "datastore_unreachable")


async def test_neither_keys_nor_tokens_are_logged(api: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        token = await api.token()
        await api.http.post(ACCOUNT, json={"data": {}, "auth_token": token})
        await api.http.put("/v2/api_auth", json={"data": {"api_key": "wrong-key"}})
    assert not [text for text in (KEY, token, "wrong-key") if text in caplog.text]
