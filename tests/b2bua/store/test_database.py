# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening: urls, errors for people, and what a kill -9 leaves behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from b2bua.store import Ref, Store, StoreError

A = "a" * 32
WRITER = """
import asyncio, sys
from b2bua.store import Ref, Store
A = "a" * 32
async def main():
    store = Store(sys.argv[1])
    await store.open()
    await store.import_seed({"accounts": [{"id": A, "name": "x"}]})
    for number in range(100000):
        await store.replace_metaflows(Ref(A, "account", A), {"digit_timeout": number})
        print(number, flush=True)
asyncio.run(main())
"""


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


def killed_writer(url: str) -> int:
    """Let a process write, kill it, and return the last number that it had been answered."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        for _ in range(25):
            answered = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
    return int(rest[-1]) if rest else answered


async def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    answered = await asyncio.to_thread(killed_writer, url)
    store = Store(url)
    await store.open()
    stored = store.metaflows(Ref(A, "account", A))
    await store.close()
    assert stored is not None
    assert stored["digit_timeout"] >= answered
