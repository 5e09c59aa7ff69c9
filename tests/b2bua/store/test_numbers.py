# SPDX-License-Identifier: GPL-3.0-or-later
"""A number leads to one device: whoever writes first has it, on whichever sidecar."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from b2bua.store import NumberTaken, Ref, SeedError, Store, database, tables

A, B = "a" * 32, "b" * 32
SEED: dict[str, Any] = {"accounts": [
    {"id": A, "users": [{"id": "u1", "numbers": ["1001"]}],
     "devices": [{"id": "d1", "numbers": ["1001"]}, {"id": "d2", "sip": {"username": "ada"}}]},
    {"id": B, "devices": [{"id": "d1", "numbers": ["1001"]}]}]}


def with_numbers(*numbers: str) -> Any:
    """An edit."""
    return lambda document: {**document, "numbers": list(numbers)}


def without(result: list[Any], kind: type[BaseException]) -> list[Any]:
    """Those that succeeded."""
    return [one for one in result if not isinstance(one, kind)]


async def test_two_sidecars_cannot_both_take_a_number(url: str) -> None:
    here, there = Store(url), Store(url)
    await asyncio.gather(here.open(), there.open())
    await here.import_seed({"accounts": [{"id": A, "devices": [{"id": "d1"}, {"id": "d2"}]}]})
    for number in ("2001", "2002", "2003", "2004", "2005"):
        result = await asyncio.gather(here.edit(Ref(A, "device", "d1"), with_numbers(number)),
                                      there.edit(Ref(A, "device", "d2"), with_numbers(number)), return_exceptions=True)
        assert len(without(result, NumberTaken)) == 1, result
    await asyncio.gather(here.close(), there.close())


async def test_quick_writes_on_one_sidecar_cannot_either(store: Store) -> None:
    await store.import_seed(SEED)
    result = await asyncio.gather(*(
        store.create(Ref(A, "device", f"n{index}"), {"id": f"n{index}", "numbers": ["3000", "3001"]})
        for index in range(8)), return_exceptions=True)
    assert len(without(result, NumberTaken)) == 1
    assert len(store.account(A).devices) == 3


async def test_whose_it_is_and_which_key_took_it(store: Store) -> None:
    await store.import_seed(SEED)
    with pytest.raises(NumberTaken) as caught:
        await store.edit(Ref(A, "device", "d2"), with_numbers("1002", "1001"))
    assert (caught.value.key, caught.value.number, caught.value.holder_id) == ("numbers", "1001", "d1")
    with pytest.raises(NumberTaken) as caught:
        await store.edit(Ref(A, "device", "d1"), lambda document: {**document, "sip": {"username": "ada"}})
    assert (caught.value.key, caught.value.number, caught.value.holder_id) == ("sip.username", "ada", "d2")
    assert "1002" not in str(store.record(Ref(A, "device", "d2")).document)  # nothing of it was kept


async def test_a_number_is_free_again_when_its_holder_lets_go(store: Store) -> None:
    await store.import_seed(SEED)
    await store.edit(Ref(A, "device", "d1"), with_numbers("1005"))
    await store.edit(Ref(A, "device", "d2"), with_numbers("1001"))
    await store.delete(Ref(A, "device", "d2"))
    await store.edit(Ref(A, "device", "d1"), with_numbers("1001", "ada"))
    await store.delete(Ref(A, "account", A))
    await store.import_seed(SEED)
    endpoint = (await store.directory()).by_number(A, "ada")
    assert endpoint is not None
    assert endpoint.id == "d2"


async def test_a_device_may_give_a_number_to_another_in_one_import(store: Store) -> None:
    await store.import_seed(SEED)
    moved = {"id": A, "devices": [{"id": "d1", "numbers": ["ada"]}, {"id": "d2", "numbers": ["1001"]}]}
    await store.import_seed({"accounts": [moved]})
    assert (await store.directory()).numbers_of(A, "d2") == ["1001"]
    with pytest.raises(SeedError, match="device d3: the number 'ada' belongs to device d1"):
        await store.import_seed({"accounts": [{"id": A, "devices": [{"id": "d3", "numbers": ["ada"]}]}]})
    assert list(store.account(A).devices) == ["d1", "d2"]


async def test_more_numbers_than_fit_into_one_statement(store: Store) -> None:
    await store.import_seed(SEED)
    many = [str(number) for number in range(5000, 5000 + 1100)]
    await store.edit(Ref(A, "device", "d1"), with_numbers(*many))
    with pytest.raises(NumberTaken):
        await store.edit(Ref(A, "device", "d2"), with_numbers(*map(str, range(6000, 7200))))


async def test_a_store_of_before_is_brought_up_to_date(url: str) -> None:
    engine = database.make_engine(url)
    config = Config()
    config.set_main_option("script_location", "b2bua/store/migrations")

    def before(connection: sa.Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        row = {"position": 1, "changed": 1, "revision": "1-x", "deleted": False}
        connection.execute(sa.insert(tables.accounts), [
            {**row, "id": A, "document": {"id": A}}, {**row, "id": B, "document": {"id": B}, "deleted": True}])
        connection.execute(sa.insert(tables.devices), [
            {**row, "account_id": A, "id": "d1", "document": {"id": "d1", "numbers": ["1", "x" * 200, 5]}},
            {**row, "account_id": A, "id": "d2", "document": {"id": "d2", "numbers": ["1", "2"]}, "position": 2},
            {**row, "account_id": B, "id": "d3", "document": {"id": "d3", "numbers": ["1"]}}])
    async with engine.begin() as connection:
        await connection.run_sync(before)
    await engine.dispose()
    store = Store(url)
    await store.open()
    await store.edit(Ref(A, "device", "d2"), lambda document: {**document, "name": "its number is not asked about"})
    with pytest.raises(NumberTaken):
        await store.edit(Ref(A, "device", "d2"), with_numbers("1"))
    await store.import_seed({"accounts": [{"id": B, "devices": [{"id": "d4", "numbers": ["1"]}]}]})
    assert list(store.account(B).devices) == ["d4"]
    await store.close()
