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


class Postgres:
    """A throw-away PostgreSQL on a loopback port."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self.home = Path(tempfile.mkdtemp(prefix="b2bua-pg-"))
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.home, user.pw_uid, user.pw_gid)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"postgresql://test@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "-A", "trust", "-U", "test", "-N")

    def _run(self, program: str, *arguments: str) -> None:
        command = _as_postgres([str(self._binaries / program), "-D", str(self.home / "data"), *arguments])
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=START_S)

    def start(self) -> None:
        options = (f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.home} -c fsync=off")
        self._run("pg_ctl", "-w", "-l", str(self.home / "log"), "-o", options, "start")

    def stop(self) -> None:
        """At once, as a crash would."""
        self._run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """It runs."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    server = Postgres(binaries)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(postgres_server: Postgres) -> str:
    """Its url."""
    return postgres_server.url


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take its time to fork a server process."""
    monkeypatch.setattr("b2bua.store.database.CONNECT_S", 30.0)


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
