# SPDX-License-Identifier: GPL-3.0-or-later
"""The merged codes of an endpoint are worked out once, and again when its documents change."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.directory import Directory, Endpoint
from b2bua.metaflows.codebook import MAX_KEPT, Codebook
from b2bua.metaflows.match import Slow

HANGUP = {"numbers": {"1": {"module": "hangup"}}}


def endpoint(account: dict[str, Any], *documents: Any, number: str = "1001") -> Endpoint:
    devices = [{"id": f"d{index}", "numbers": [str(1001 + index)], "metaflows": document}
               for index, document in enumerate(documents)]
    found = Directory.build([{**account, "devices": devices}]).by_number(account["id"], number)
    assert found is not None
    return found


def test_a_second_look_gives_the_same_codes() -> None:
    book, account = Codebook(Slow()), {"id": "a", "metaflows": HANGUP}
    assert book.of(endpoint(account, None))[0] is book.of(endpoint(account, None))[0]


def test_devices_without_codes_of_their_own_share_those_of_the_account() -> None:
    book, account = Codebook(Slow()), {"id": "a", "metaflows": HANGUP}
    one, other = endpoint(account, None, None), endpoint(account, None, None, number="1002")
    assert book.of(one)[0] is book.of(other)[0]


def test_F32_a_new_snapshot_brings_what_was_changed() -> None:
    book = Codebook(Slow())
    assert list(book.of(endpoint({"id": "a", "metaflows": HANGUP}, None))[0].nodes["numbers"]) == ["1"]
    changed = {"numbers": {"2": {"module": "hangup"}}}
    assert list(book.of(endpoint({"id": "a", "metaflows": changed}, None))[0].nodes["numbers"]) == ["2"]


@pytest.mark.parametrize("document", [None, {}, {"binding_digit": "#"}])
def test_F33_no_codes_no_collector(document: Any) -> None:
    assert Codebook(Slow()).of(endpoint({"id": "a"}, document)) == ()


def test_unusable_metaflows_are_no_codes_and_are_complained_about_once(caplog: pytest.LogCaptureFixture) -> None:
    book, broken = Codebook(Slow()), {"numbers": {"1": "hangup"}}
    one = endpoint({"id": "a"}, broken)
    assert (book.of(one), book.of(one)) == ((), ())
    assert caplog.text.count("cannot be used") == 1


def test_what_is_remembered_is_bounded() -> None:
    book = Codebook(Slow())
    first = Endpoint("a", "device", "d", "", None, ({"numbers": {"1": {"module": "hangup"}}},))
    kept = book.of(first)
    for _ in range(MAX_KEPT):
        book.of(Endpoint("a", "device", "d", "", None, ({},)))
    assert book.of(first)[0] is not kept[0]
