# SPDX-License-Identifier: GPL-3.0-or-later
"""The store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import copy
import time
from typing import Any

import pytest

from b2bua.store import Conflict, HasDescendants, Ref, Store, StoreError, UnknownDocument

A, B = "a" * 32, "b" * 32
RECORD = {"numbers": {"9": {"module": "record_call"}}}
SEED: dict[str, Any] = {"accounts": [
    {"id": A, "name": "Alpha", "api_key": "key-of-account-a", "metaflows": RECORD,
     "users": [{"id": "u1", "name": "Ada"}],
     "devices": [{"id": "zz", "owner_id": "u1", "numbers": ["1001"]}, {"id": "aa", "numbers": ["1002"]}]},
    {"id": B, "name": "Beta", "api_key": "key-of-account-b", "parent": A},
]}
ACCOUNT = Ref(A, "account", A)


async def test_empty_then_seeded(store: Store) -> None:
    assert await store.is_empty()
    await store.import_seed(SEED)
    assert not await store.is_empty()
    endpoint = (await store.directory()).by_number(A, "1001")
    assert endpoint is not None
    assert (endpoint.id, endpoint.owner_id, endpoint.metaflows) == ("zz", "u1", (RECORD,))
    assert store.accounts() == [A, B]
    assert list(store.account(A).devices) == ["zz", "aa"]


async def test_a_second_life_sees_what_the_first_wrote(url: str) -> None:
    first = Store(url)
    await first.open()
    await first.import_seed(SEED)
    revision = await first.replace_metaflows(Ref(A, "device", "zz"), {"binding_digit": "#"})
    secret = await first.secret()
    await first.close()
    second = Store(url)
    await second.open()
    assert second.metaflows(Ref(A, "device", "zz")) == {"binding_digit": "#"}
    assert second.record(Ref(A, "device", "zz")).revision == revision
    assert await second.secret() == secret
    assert list(second.account(A).devices) == ["zz", "aa"]
    await second.close()


async def test_key_order_survives(store: Store) -> None:
    await store.import_seed(SEED)
    patterns = {key: {"module": "hangup"} for key in ("^9", "^1", "^5", "a")}
    await store.replace_metaflows(ACCOUNT, {"patterns": patterns})
    stored = store.metaflows(ACCOUNT)
    assert stored is not None
    assert list(stored["patterns"]) == list(patterns)
    await store.replace_metaflows(ACCOUNT, {"patterns": dict(reversed(patterns.items()))})
    again = store.metaflows(ACCOUNT)
    assert again is not None
    assert list(again["patterns"]) == list(reversed(patterns))


async def test_revisions_count_saves(store: Store) -> None:
    await store.import_seed(SEED)
    first = store.record(ACCOUNT).revision
    second = await store.replace_metaflows(ACCOUNT, {})
    assert (first.split("-")[0], second.split("-")[0]) == ("1", "2")
    third = await store.delete_metaflows(ACCOUNT)
    assert third.split("-")[0] == "3"
    assert await store.delete_metaflows(ACCOUNT) == third
    with pytest.raises(Conflict):
        await store.edit(ACCOUNT, lambda document: document, revision=first)


async def test_an_empty_object_is_not_no_object(store: Store) -> None:
    await store.import_seed(SEED)
    assert store.metaflows(Ref(A, "user", "u1")) is None
    await store.replace_metaflows(Ref(A, "user", "u1"), {})
    assert store.metaflows(Ref(A, "user", "u1")) == {}


async def test_unknown_things_are_unknown(store: Store) -> None:
    await store.import_seed(SEED)
    for ref in (Ref("f" * 32, "account", "f" * 32), Ref(A, "user", "zz"), Ref(A, "device", "u1"),
                Ref(B, "device", "zz"), Ref(A, "account", B), Ref(A, "user", "\0")):
        with pytest.raises(UnknownDocument):
            store.metaflows(ref)
        with pytest.raises(UnknownDocument):
            await store.replace_metaflows(ref, {})


async def test_api_keys(store: Store) -> None:
    await store.import_seed(SEED)
    assert store.account_by_api_key("key-of-account-b") == B
    for wrong in ("", "key", "KEY-OF-ACCOUNT-B", "\ud800"):
        assert store.account_by_api_key(wrong) is None
    assert "key-of" not in str((await store.directory()).accounts)
    thief = copy.deepcopy(SEED["accounts"][1]) | {"id": "c" * 32}
    with pytest.raises(Conflict):
        await store.import_seed({"accounts": [thief]})
    assert store.accounts() == [A, B]


async def test_lineage(store: Store) -> None:
    await store.import_seed(SEED)
    assert store.lineage(B) == [B, A]
    assert store.lineage(A) == [A]
    assert store.lineage("f" * 32) == []


async def test_a_second_import_replaces_what_it_names_and_leaves_the_rest(store: Store) -> None:
    await store.import_seed(SEED)
    await store.import_seed({"accounts": [{"id": A, "name": "New", "devices": [{"id": "zz", "numbers": ["7"]}]}]})
    assert store.record(ACCOUNT).document["name"] == "New"
    assert store.record(Ref(A, "device", "zz")).revision.startswith("2-")
    assert set(store.account(A).devices) == {"zz", "aa"}
    assert store.account_by_api_key("key-of-account-b") == B


async def test_everyone_is_told_after_commit(url: str) -> None:
    store, told = Store(url), []
    store.on_change.append(told.append)
    await store.open()
    assert len(told) == 1
    await store.import_seed(SEED)
    await store.replace_metaflows(ACCOUNT, {})
    assert [len(directory.accounts) for directory in told] == [0, 2, 2]
    await store.close()


async def test_another_sidecars_write_is_seen_within_a_second(url: str) -> None:
    here, there = Store(url), Store(url)
    await asyncio.gather(here.open(), there.open())
    told: list[Any] = []
    there.on_change.append(told.append)
    await here.import_seed(SEED)
    began_s = time.monotonic()
    while not told:
        assert time.monotonic() - began_s < 1.0
        await asyncio.sleep(0.02)
    assert list(told[0].accounts) == [A, B]
    await here.replace_metaflows(Ref(A, "user", "u1"), RECORD)
    await there.replace_metaflows(Ref(A, "user", "u1"), {"binding_digit": "#"})
    assert there.record(Ref(A, "user", "u1")).revision.startswith("3-")
    await asyncio.gather(here.close(), there.close())


async def test_writers_on_two_sidecars_lose_nothing(url: str) -> None:
    here, there = Store(url), Store(url)
    await asyncio.gather(here.open(), there.open())
    await here.import_seed(SEED)

    async def add(store: Store, key: str) -> None:
        await store.edit(ACCOUNT, lambda document: {**document, key: 1})
    await asyncio.gather(*(add(store, f"{name}{index}") for index in range(15)
                           for name, store in (("h", here), ("t", there))))
    await here.ping()
    await here.edit(ACCOUNT, lambda document: {**document, "last": 1})
    document = here.record(ACCOUNT).document
    assert len([key for key in document if key[0] in "ht" and key[1:].isdigit()]) == 30
    assert here.record(ACCOUNT).revision.startswith("32-")
    await asyncio.gather(here.close(), there.close())


async def test_a_cancelled_writer_leaves_memory_equal_to_disk(store: Store) -> None:
    await store.import_seed(SEED)
    task = asyncio.create_task(store.replace_metaflows(ACCOUNT, {"binding_digit": "#"}))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for _ in range(100):
        if store.record(ACCOUNT).revision.startswith("2-"):
            break
        await asyncio.sleep(0.02)
    assert store.metaflows(ACCOUNT) == {"binding_digit": "#"}


async def test_a_closed_store_says_so(url: str) -> None:
    store = Store(url)
    with pytest.raises(StoreError, match="is not open"):
        await store.ping()


async def test_create_and_delete(store: Store) -> None:
    await store.import_seed(SEED)
    ref = Ref(B, "device", "d" * 32)
    record = await store.create(ref, {"id": ref.id, "numbers": ["77"], "owner_id": None})
    assert record.revision.startswith("1-")
    assert (await store.directory()).by_number(B, "77") is not None
    with pytest.raises(Conflict):
        await store.create(ref, {"id": ref.id})
    with pytest.raises(UnknownDocument):
        await store.create(Ref("f" * 32, "device", "x"), {"id": "x"})
    assert (await store.delete(ref)).revision.startswith("2-")
    assert (await store.directory()).by_number(B, "77") is None
    with pytest.raises(UnknownDocument):
        await store.delete(ref)


async def test_an_account_goes_with_everything_in_it(store: Store) -> None:
    await store.import_seed(SEED)
    with pytest.raises(HasDescendants):
        await store.delete(ACCOUNT)
    await store.delete(Ref(B, "account", B))
    await store.delete(ACCOUNT)
    assert store.accounts() == []
    assert store.account_by_api_key("key-of-account-a") is None
    with pytest.raises(UnknownDocument):
        await store.replace_metaflows(Ref(A, "device", "zz"), {})
    await store.import_seed(SEED)
    assert set(store.accounts()) == {A, B}


async def test_a_new_api_key_ends_the_old_one(store: Store) -> None:
    await store.import_seed(SEED)
    key = await store.renew_api_key(A)
    assert store.account_by_api_key(key) == A
    assert store.account_by_api_key("key-of-account-a") is None


async def test_odd_text_survives(store: Store) -> None:
    await store.import_seed(SEED)
    odd = {"x": "\ud800", "\0": "\0", "y": "ü€😀", "z": 2 ** 80, "w": [1.5, None, True, {}]}
    await store.replace_metaflows(ACCOUNT, odd)
    again = Store(store.url)
    await again.open()
    assert again.metaflows(ACCOUNT) == odd
    await again.close()


async def test_of_a_large_account_only_what_changed_is_read_again(store: Store) -> None:
    await store.import_seed(SEED)
    user, device = store.account(A).users["u1"], store.account(A).devices["aa"]
    await store.edit(Ref(A, "device", "zz"), lambda document: {**document, "numbers": ["1003"]})
    assert store.account(A).users["u1"] is user
    assert store.account(A).devices["aa"] is device
    assert list(store.account(A).devices) == ["zz", "aa"]
    directory = await store.directory()
    assert (directory.by_number(A, "1001"), directory.numbers_of(A, "zz")) == (None, ["1003"])


async def test_a_deleted_account_that_is_imported_again_starts_empty(url: str) -> None:
    here, there = Store(url), Store(url)
    await asyncio.gather(here.open(), there.open())
    await here.import_seed(SEED)
    await here.edit(ACCOUNT, lambda account: {**account, "webhooks": {"w": {}}, "media_files": {"m": {}}})
    await here.delete(Ref(B, "account", B))
    await here.delete(ACCOUNT)
    again = {"id": A, "name": "Again", "devices": [{"id": "new", "numbers": ["1001"]}]}
    await here.import_seed({"accounts": [again]})
    await there.edit(ACCOUNT, dict)  # and so sees what the other wrote
    later = Store(url)
    await later.open()
    for store in (here, there, later):
        assert store.record(ACCOUNT).document == {"id": A, "name": "Again"}
        assert (list(store.account(A).users), list(store.account(A).devices)) == ([], ["new"])
        endpoint = (await store.directory()).by_number(A, "1001")
        assert endpoint is not None
        assert (endpoint.id, endpoint.metaflows) == ("new", ())
    await asyncio.gather(here.close(), there.close(), later.close())


async def test_an_import_over_a_living_account_leaves_its_webhooks_and_media(store: Store) -> None:
    await store.import_seed(SEED)
    await store.edit(ACCOUNT, lambda account: {**account, "webhooks": {"w": {}}, "media_files": {"m": {}}})
    await store.import_seed(SEED)
    document = store.record(ACCOUNT).document
    assert (document["webhooks"], document["media_files"]) == ({"w": {}}, {"m": {}})
