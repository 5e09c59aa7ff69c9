# SPDX-License-Identifier: GPL-3.0-or-later
"""Header fields: what is read of a message, and what may cross to the other leg."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.headers import MAX_VALUE, Headers, Party, across, escape_user, user_of

MESSAGE = "\r\n".join((
    "INVITE sip:1001@h SIP/2.0", "f: \"Ann\" <sip:2000@h>;tag=1", "To : <sip:1001@h>", "i: abc", "c:application/sdp",
    "Subject: one", "\ttwo", "  three", "X-Account-ID: " + "a" * 32, "x-colour: red", "P-Asserted-Identity: <sip:7@h>",
    "Privacy: id", "Diversion: <sip:1@h>", "Contact: <sip:x@y>", "Route: <sip:r>", "no colon here", "",
    "v=0", "X-Body: no header", ""))


def names(message: str = MESSAGE, *, trust_headers: bool = False, trust_identity: bool = False) -> list[str]:
    pairs = across(Headers.parse(message), trust_headers=trust_headers, trust_identity=trust_identity)
    return [name.lower() for name, _ in pairs]


def invite(*lines: str) -> str:
    return "\r\n".join(("INVITE sip:1@h SIP/2.0", *lines, "", ""))


@pytest.mark.parametrize(("name", "value"), [
    ("from", '"Ann" <sip:2000@h>;tag=1'), ("To", "<sip:1001@h>"), ("CALL-ID", "abc"),
    ("Content-Type", "application/sdp"), ("subject", "one two three"), ("x-body", ""), ("route", "<sip:r>"),
])
def test_compact_forms_folding_case_and_no_body(name: str, value: str) -> None:
    assert Headers.parse(MESSAGE).get(name) == value


def test_a_message_with_bare_line_feeds_reads_the_same() -> None:
    assert Headers.parse(MESSAGE.replace("\r\n", "\n")) == Headers.parse(MESSAGE)


def test_call_information_crosses_and_what_belongs_to_one_dialog_stays() -> None:
    assert names() == ["subject", "x-colour", "diversion"]


def test_compact_subject_crosses_too() -> None:
    assert names(invite("s: hello")) == ["s"]


def test_endpoint_headers_cross_only_from_a_trusted_peer() -> None:
    assert "x-account-id" in names(trust_headers=True)
    assert "x-account-id" not in names(trust_identity=True)


def test_RFC3325_identity_crosses_only_inside_the_trust_domain() -> None:
    assert {"p-asserted-identity", "privacy"} <= set(names(trust_identity=True))
    assert not {"p-asserted-identity", "privacy"} & set(names(trust_headers=True))


@pytest.mark.parametrize("smuggled", ["X-Account-ID: " + "b" * 32, "P-Asserted-Identity: <sip:boss@h>"])
def test_a_lone_CR_smuggles_no_field_past_the_trust_rules(smuggled: str) -> None:
    pairs = across(Headers.parse(invite(f"X-Note: hi\r{smuggled}")), trust_headers=False, trust_identity=False)
    assert pairs == [("X-Note", "hi")]


@pytest.mark.parametrize(("size", "crosses"), [(MAX_VALUE, True), (MAX_VALUE + 1, False)])
def test_a_field_that_is_too_long_stays(size: int, crosses: bool) -> None:
    assert (names(invite("X-Big: " + "x" * size)) == ["x-big"]) is crosses


def test_bytes_that_are_no_utf8_become_question_marks() -> None:
    """SWIG hands them out as surrogates and would refuse to take them back."""
    headers = Headers.parse(invite('From: "Ren\udce9" <sip:1@h>', "X-A: \udcff"))
    assert Party.parse(headers.get("from")).display == "Ren?"
    assert headers.get("x-a") == "?"


@pytest.mark.parametrize(("value", "hops"), [("70", 70), ("0", 0), ("", 70), ("-1", 70), ("x", 70), ("²", 70),
                                             ("9" * 5000, 70), ("12", 12)])
def test_max_forwards_is_a_number_or_the_default(value: str, hops: int) -> None:
    assert Headers.parse(invite(f"Max-Forwards: {value}")).max_forwards() == hops


@pytest.mark.parametrize(("value", "display", "user"), [
    ('"Ann \\"A\\" B" <sip:2000@h>;tag=1', 'Ann "A" B', "2000"), ("Ann B  <sip:2000@h>", "Ann B", "2000"),
    ("<sip:2000;phone-context=x@h;user=phone>", "", "2000"), ("sip:2000@h;tag=1", "", "2000"),
    ("sips:2000:secret@h", "", "2000"), ("<tel:+49;ext=1>", "", "+49"), ("<sip:h>", "", ""), ("", "", ""),
    ('"unclosed <sip:1@h>', "", ""), ("<sip:%2A9%23@h>", "", "*9#"), ('"a<b>" <sip:1@h>', "a<b>", "1"),
])
def test_name_addr_forms(value: str, display: str, user: str) -> None:
    party = Party.parse(value)
    assert (party.display, party.user) == (display, user)


@given(st.text(max_size=100))
def test_parties_of_garbage_never_raise(value: str) -> None:
    Party.parse(value)
    Headers.parse(value).max_forwards()


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_a_user_part_survives_escaping(user: str) -> None:
    escaped = escape_user(user)
    assert user_of(f"sip:{escaped}@host;transport=udp") == user
    assert escaped.isascii()
    assert not set(escaped) & set("#<>@ ;\r\n")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30), st.sampled_from(["1001", "*9#", ""]))
def test_a_display_name_survives_quoting(display: str, user: str) -> None:
    party = Party.parse(Party(display, user, "").name_addr("host:5060"))
    assert (party.display, party.user) == (display, user)


@pytest.mark.parametrize("value", [" " * 15000 + "x", "a" + " " * 15000 + "b", '"' + "\\" * 15000, "<" * 15000])
def test_a_hostile_value_is_read_in_no_time(value: str) -> None:
    began_s = time.perf_counter()
    Party.parse(value)
    Headers.parse(invite(f"X-A: {value}"))
    assert time.perf_counter() - began_s < 0.1
