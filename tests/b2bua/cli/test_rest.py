# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, users, devices, metaflows and calls of a running service, from the command line."""

from __future__ import annotations

import pytest

from b2bua.api import ActResult
from b2bua.cli.rest import sentences
from tests.b2bua.cli.conftest import CHILD, A, Shell

HANGUP = {"module": "hangup"}


def test_accounts_are_listed_with_those_below(served: Shell) -> None:
    ran = served("accounts", "list")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.index("Alpha") < ran.out.index("Child")
    assert [one["id"] for one in served("accounts", "list", "--json").json] == [A, CHILD]


def test_an_account_is_made_changed_and_removed(served: Shell) -> None:
    made = served("accounts", "create", served.file("new.yaml", "name: New\nrealm: new.example\n"), "--json").json
    assert len(made["api_key"]) == 64
    newer = served.file("x.json", {"name": "Newer"})
    assert served("accounts", "set", made["id"], newer, "--json").json["name"] == "Newer"
    assert served("accounts", "show", made["id"], "--json").json["name"] == "Newer"
    assert served("accounts", "delete", made["id"], "--yes").out == f"account {made['id']} is gone\n"
    assert served("accounts", "show", made["id"]).code == 1


@pytest.mark.parametrize("kind", ["users", "devices"])
def test_users_and_devices(served: Shell, kind: str) -> None:
    made = served(kind, "create", "-", "--json", stdin="name: Porch\nnumbers: ['1009']\n").json
    assert served(kind, "set", made["id"], served.file("x.yaml", "name: Gate\n"), "--json").json["name"] == "Gate"
    assert "Gate" in served(kind, "list").out
    assert "Gate" in served(kind, "show", made["id"]).out
    assert served(kind, "list", "--account", CHILD, "--json").json == []
    assert served(kind, "delete", made["id"], stdin="n\n").code == 1
    assert served(kind, "delete", made["id"], stdin="y\n").code == 0
    assert served(kind, "show", made["id"]).err == f"there is no '{made['id']}'\n"


def test_what_stands_in_brackets_is_shown_as_it_is(served: Shell) -> None:
    assert "Desk [1]" in served("devices", "list").out


def test_metaflows_are_set_shown_and_removed(served: Shell) -> None:
    document = {"numbers": {"8": {**HANGUP, "mode": "shadow"}}, "patterns": {r"^2(\d{3})$": {
        "module": "transfer", "children": {"failed": HANGUP}}}}
    for where in ([], ["--user", "u1"], ["--device", "d1"]):
        assert served("metaflows", "set", served.file("m.json", document), *where).code == 0
        shown = served("metaflows", "show", *where).out
        for part in ("binding_digit: *", "shadow", r"^2(\d{3})$", "then, failed:", "no_match"):
            assert part in shown
        assert served("metaflows", "show", *where, "--json").json["numbers"]["8"]["mode"] == "shadow"
        assert served("metaflows", "delete", *where, "--yes").code == 0
        assert served("metaflows", "show", *where, "--json").json == {}


def test_E3_metaflows_may_be_checked_only(served: Shell) -> None:
    good = served.file("good.json", {"numbers": {"8": HANGUP}})
    bad = served.file("bad.json", {"numbers": {"9": HANGUP}})
    assert served("metaflows", "set", good, "--dry-run").out == "nothing to complain about; nothing was changed\n"
    ran = served("metaflows", "set", bad, "--dry-run")
    assert (ran.code, "pbx_codes.*98" in ran.out) == (1, True)
    assert served("metaflows", "show", "--json").json == {}


def test_calls(served: Shell) -> None:
    ran = served("calls", "list")
    assert "leg-1" in ran.out
    assert "calls: 1, legs: 1" in ran.out
    assert served("calls", "hangup", "leg-1").out == "hangup initiated\n"
    assert served("calls", "transfer", "leg-1", "1002").out == "transfer initiated\n"
    assert served("calls", "run", "leg-1", served.file("n.yaml", "module: hangup\n")).out == "metaflow sent\n"
    assert served.told == [("leg-1", "hangup", {}), ("leg-1", "transfer", {"target": "1002", "transfer_type": "blind"}),
                           ("leg-1", "metaflow", {"module": "hangup"})]


def test_ids_are_whole_however_narrow_it_is(served: Shell) -> None:
    long = "x" * 128
    made = served("devices", "create", "-", stdin=f"{{name: {'y' * 120}, numbers: ['{long}'], sip: {{realm: r}}}}")
    assert made.code == 0, made.err
    (line,) = [line for line in served("devices", "list").out.splitlines() if "yyy" in line]
    assert all(word in line for word in ("y" * 120, long))
    assert '{"realm": "r"}' in made.out


def test_a_number_that_is_taken_is_told_with_its_holder(served: Shell) -> None:
    ran = served("devices", "create", "-", stdin="{name: x, numbers: ['1001']}")
    assert ran.err == "numbers = '1001': Already in use in this account by d1\n"
    assert served("accounts", "delete", A, "--yes").err == "the service answered 409: account has descendants\n"


def test_a_file_that_is_not_there_or_empty_is_named(served: Shell) -> None:
    assert served("devices", "create", "nowhere.yaml").err == "nowhere.yaml: No such file or directory\n"
    assert served("devices", "create", "-", stdin="").err == "-: is empty\n"


def test_parked_parties_are_listed(served: Shell) -> None:
    assert all(word in served("calls", "parked").out for word in ("701", "Ann", "1001", "leg-1"))
    assert served("calls", "parked", "--json").json[0]["slot"] == "701"


def test_B26_what_a_call_refuses_is_a_sentence(served: Shell) -> None:
    served.answer = ActResult("refused", "the call is ending")
    ran = served("calls", "hangup", "leg-1")
    assert (ran.code, ran.err) == (1, "refused: the call is ending\n")
    assert served("calls", "hangup", "leg-9").err == "there is no 'leg-9'\n"


@pytest.mark.parametrize(("words", "sentence"), [
    (["--api-key", "wrong-wrong"], "the api key is not accepted"),
    (["--account", "f" * 32], f"there is no '{'f' * 32}'"),
    (["--url", "http://127.0.0.1:9"], "nobody answers there"),
    (["--url", "nonsense"], "nobody answers there"),
])
def test_errors_are_sentences(served: Shell, words: list[str], sentence: str) -> None:
    ran = served("users", "list", *words)
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1


def test_mistakes_in_a_document_are_named(served: Shell) -> None:
    ran = served("metaflows", "set", served.file("m.json", {"binding_digit": "x", "patterns": {"^1.$": {}}}))
    assert ran.code == 1
    assert "binding_digit = 'x': Value not found in enumerated list of values (1, 2," in ran.err
    assert "patterns.^1.$.module: Field is required but missing" in ran.err
    assert "either --user or" in served("metaflows", "show", "--user", "u1", "--device", "d1").err


def test_without_a_key_it_says_so(shell: Shell) -> None:
    assert "B2BUA_API_KEY" in shell("calls", "list").err


@pytest.mark.parametrize(("status", "body", "part"), [
    (403, {}, "neither"), (429, {}, "too many"), (404, {}, "no such thing"), (503, {"message": "gone"}, "503: gone"),
    (400, {"message": "m", "data": {}}, "400: m"), (500, {}, "no reason given")])
def test_every_answer_has_a_sentence(status: int, body: dict[str, object], part: str) -> None:
    assert part in "\n".join(sentences(status, body))
