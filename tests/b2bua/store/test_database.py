# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening: urls, and errors for people."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest

from b2bua.store import Store, StoreError


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite+pysqlite:///x"])
async def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///"):
        await Store(url).open()


async def test_a_password_is_never_shown() -> None:
    with pytest.raises(StoreError) as caught:
        await Store("postgresql://me:geheim@127.0.0.1:1/x").open()
    assert "geheim" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)
    assert "check that PostgreSQL runs" in str(caught.value)


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=re.escape(f"{tmp_path}/file/var")):
        await Store(f"sqlite:///{tmp_path}/file/var/b2bua.db").open()


async def test_relative_paths_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("sqlite:///var/b2bua.db")
    await store.open()
    await store.close()
    assert (tmp_path / "var/b2bua.db").exists()


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("hello" * 1000)
    with pytest.raises(StoreError, match=r"x\.db.*not a database.*check"):
        await Store(f"sqlite:///{tmp_path}/x.db").open()


async def test_sqlite_is_in_wal_mode(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/x.db")
    await store.open()
    await store.close()
    connection = sqlite3.connect(tmp_path / "x.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


async def test_several_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    for index in range(4):
        stores = [Store(f"sqlite:///{tmp_path}/{index}.db") for _ in range(6)]
        await asyncio.gather(*(store.open() for store in stores))
        await asyncio.gather(*(store.close() for store in stores))
