# SPDX-License-Identifier: GPL-3.0-or-later
"""How long 1,000 accounts with 10 devices each take: to start, and to look up what a leg may type.

`python -m tests.bench.directory`. Exit 1 when a limit is missed.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from b2bua.calls.directory import Directory, Endpoint
from b2bua.metaflows.codebook import Codebook
from b2bua.metaflows.match import Slow
from b2bua.store import Ref, Store

ACCOUNTS, DEVICES = 1000, 10
START_LIMIT_S = 5.0
LOOKUP_LIMIT_S = 50e-6
WRITE_LIMIT_S = 0.2
WRITES = 10


def accounts() -> list[dict[str, Any]]:
    """Every account has six codes, every device one of its own and an owner with another."""
    return [{"id": f"{index:032x}", "name": f"Account {index}", "metaflows": {
        "numbers": {str(code): {"module": "record_call", "data": {"action": "toggle"}} for code in range(5)},
        "patterns": {r"^2(\d{3,})$": {"module": "transfer"}}},
        "users": [{"id": f"u{user}", "metaflows": {"numbers": {"9": {"module": "hangup"}}}} for user in range(DEVICES)],
        "devices": [{"id": f"d{device}", "owner_id": f"u{device}", "numbers": [str(1000 + device)],
                     "metaflows": {"numbers": {str(70 + device): {"module": "hangup"}}}} for device in range(DEVICES)]}
        for index in range(ACCOUNTS)]


async def started(path: Path) -> tuple[float, Directory]:
    """Seconds until a store that was filled before is ready to be read, and its directory."""
    store = Store(f"sqlite:///{path}")
    await store.open()
    await store.import_seed({"accounts": accounts()})
    await store.close()
    gc.collect()
    began_s = time.perf_counter()
    store = Store(f"sqlite:///{path}")
    await store.open()
    directory = await store.directory()
    spent_s = time.perf_counter() - began_s
    await store.close()
    return spent_s, directory


async def one_write(path: Path) -> float:
    """Seconds until a change of one device of an account with 10,000 is on disk, in memory, and in the directory."""
    store = Store(f"sqlite:///{path}")
    await store.open()
    few = accounts()[0]
    await store.import_seed({"accounts": [{**few, "devices": [
        {**few["devices"][0], "id": f"d{index}", "numbers": [str(index)]} for index in range(ACCOUNTS * DEVICES)]}]})
    spent: list[float] = []
    for count in range(WRITES):
        began_s = time.perf_counter()
        await store.edit(Ref(few["id"], "device", "d5"), lambda document, count=count: {**document, "count": count})
        spent.append(time.perf_counter() - began_s)
    await store.close()
    return statistics.median(spent)


def lookups(directory: Directory, book: Codebook) -> list[float]:
    """Seconds for each of all legs: from the account and the user part to what is collected."""
    spent: list[float] = []
    for account in range(ACCOUNTS):
        for device in range(DEVICES):
            account_id, number = f"{account:032x}", str(1000 + device)
            began_s = time.perf_counter()
            endpoint: Endpoint | None = directory.by_number(account_id, number)
            codes = book.of(endpoint) if endpoint is not None else ()
            spent.append(time.perf_counter() - began_s)
            assert len(codes) == 1
    return spent


def line(name: str, spent: list[float]) -> str:
    """Median, 99th percentile and worst, in microseconds."""
    ordered = sorted(spent)
    figures = (statistics.median(ordered), ordered[len(ordered) * 99 // 100], ordered[-1])
    return f"{name:<28}" + "".join(f"{figure * 1e6:10.1f} us" for figure in figures)


def main() -> int:
    """Measure and say."""
    with tempfile.TemporaryDirectory() as folder:
        start_s, directory = asyncio.run(started(Path(folder) / "bench.db"))
        write_s = asyncio.run(one_write(Path(folder) / "one.db"))
    book = Codebook(Slow())
    first, again = lookups(directory, book), lookups(directory, book)
    print(f"{ACCOUNTS} accounts with {DEVICES} devices each")
    print(f"{'start (store to directory)':<28}{start_s:10.2f} s    limit {START_LIMIT_S:g} s")
    print(f"{'one device of 10,000':<28}{write_s * 1000:10.1f} ms   limit {WRITE_LIMIT_S * 1000:g} ms, one account")
    print(f"{'':<28}{'median':>13}{'99 %':>13}{'worst':>13}")
    print(line("first call of an endpoint", first))
    print(line("every further call", again))
    good = start_s < START_LIMIT_S and statistics.median(again) < LOOKUP_LIMIT_S and write_s < WRITE_LIMIT_S
    print("good" if good else "too slow")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
