# SPDX-License-Identifier: GPL-3.0-or-later
"""Every store test runs on SQLite, and on PostgreSQL where Debian's is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from b2bua.store import Store

START_S = 60


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return found[-1].parent if found else None


def _as_postgres(command: list[str]) -> list[str]:
    return ["runuser", "-u", "postgres", "--", *command] if os.getuid() == 0 else command


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The url of a throw-away PostgreSQL on a loopback port."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    home = Path(tempfile.mkdtemp(prefix="b2bua-pg-"))
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    data = str(home / "data")
    run = {"check": True, "cwd": "/", "stdout": subprocess.DEVNULL, "timeout": START_S}
    subprocess.run(_as_postgres([str(binaries / "initdb"), "-D", data, "-A", "trust", "-U", "test", "-N"]), **run)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    subprocess.run(_as_postgres([str(binaries / "pg_ctl"), "-D", data, "-w", "-l", str(home / "log"), "-o", options,
                                 "start"]), **run)
    yield f"postgresql://test@127.0.0.1:{port}/postgres"
    subprocess.run(_as_postgres([str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "stop"]), **run)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/b2bua.db"
    url: str = request.getfixturevalue("postgres")
    name = f"t{abs(hash(tmp_path)):x}"
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return url.removesuffix("/postgres") + f"/{name}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """Open and empty."""
    store = Store(url)
    await store.open()
    yield store
    await store.close()
