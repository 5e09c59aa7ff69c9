# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua import`, `check`, `check-metaflows`, `health`, `version`: files and the store."""

from __future__ import annotations

import asyncio
from typing import Any

import yaml

from b2bua import __version__
from b2bua.store import Store
from tests.b2bua.cli.conftest import CHILD, KEY, SEED, A, Shell

HANGUP = {"module": "hangup"}
FEATURES = "[featuremap]\nblindxfer => *2\ndisconnect => *0\nparkcall => #72\n"
EXPORT = [{"_id": A, "pvt_type": "account", "name": "Alpha", "metaflows": {"numbers": {"2": HANGUP, "23": HANGUP}}},
          {"_id": "d1", "pvt_type": "device", "name": "Desk", "pvt_account_id": A,
           "metaflows": {"numbers": {"5": HANGUP}}},
          {"_id": "m1", "pvt_type": "media"}]


def stored(shell: Shell, account_id: str = A) -> dict[str, Any]:
    async def look() -> dict[str, Any]:
        store = Store(shell.env["B2BUA__STORE"])
        await store.open()
        try:
            return store.account(account_id).as_seed()
        finally:
            await store.close()
    return asyncio.run(look())


def test_a_seed_is_imported(shell: Shell) -> None:
    ran = shell("import", shell.file("seed.json", SEED))
    assert (ran.code, ran.err) == (0, "")
    assert "seed, imported into sqlite:///" in ran.out
    assert stored(shell)["devices"][0]["name"] == "Desk [1]"


def test_a_kazoo_export_is_imported_and_says_what_it_skipped(shell: Shell) -> None:
    ran = shell("import", shell.file("export", yaml.safe_dump(EXPORT)))
    assert (ran.code, ran.err) == (0, "skipped: 1 media document: not used here\n")
    assert stored(shell)["metaflows"] == EXPORT[0]["metaflows"]


def test_features_conf_is_imported_for_an_account(shell: Shell) -> None:
    shell("import", shell.file("seed.json", SEED))
    features = shell.file("anything.txt", FEATURES)
    assert "2 accounts: add --account ID" in shell("import", features).err
    ran = shell("import", features, "--account", CHILD)
    assert ran.code == 0
    assert "skipped: [featuremap] parkcall = #72" in ran.err
    assert list(stored(shell, CHILD)["metaflows"]["patterns"]) == [r"^2(\d+)$"]
    assert shell("import", features, "--account", "e" * 32).code == 2


def test_features_conf_keeps_the_codes_that_are_there(shell: Shell) -> None:
    account = {"id": A, "metaflows": {"numbers": {"7": HANGUP}}}
    shell("import", shell.file("seed.json", {"accounts": [account]}))
    assert shell("import", shell.file("f", FEATURES)).code == 0
    assert list(stored(shell)["metaflows"]["numbers"]) == ["7", "0"]


def test_what_would_be_imported_can_be_read_first(shell: Shell) -> None:
    printed = yaml.safe_load(shell("import", shell.file("f", FEATURES), "--print", "--account", A).out)
    assert printed["accounts"][0]["id"] == A
    assert shell("import", shell.file("seed.yaml", yaml.safe_dump(printed))).code == 0


def test_files_that_cannot_be_imported(shell: Shell) -> None:
    assert "it is none of" in shell("import", shell.file("x", "hello")).err
    assert "No such file" in shell("import", str(shell.folder / "none")).err
    ran = shell("import", shell.file("x", {"accounts": [{"id": "short", "api_key": "k"}]}))
    assert (ran.code, "accounts.0.id" in ran.err) == (2, True)
    other = {"id": "d" * 32, "api_key": KEY}
    shell("import", shell.file("seed.json", SEED))
    assert "belongs to another account" in shell("import", shell.file("x", {"accounts": [other]})).err


def test_E3_a_file_is_checked_whatever_its_kind(shell: Shell) -> None:
    ran = shell("check-metaflows", shell.file("export.json", EXPORT))
    assert ran.code == 0
    assert ran.out.count("numbers.2 ") == 1  # said of the account, not again of its device
    assert f"account {A}" in ran.out
    assert "^2" in shell("check-metaflows", shell.file("features.conf", FEATURES)).out
    bad = shell("check-metaflows", shell.file("m.json", {"numbers": {"1": {"module": "x"}}}), "--json")
    assert (bad.code, {one["kind"] for one in bad.json}) == (1, {"invalid"})
    good = shell("check-metaflows", shell.file("m.json", {"numbers": {"1": HANGUP}}))
    assert (good.code, good.out) == (0, "nothing to complain about\n")


def test_E3_an_account_in_the_store_is_checked_with_the_codes_of_the_pbx(shell: Shell) -> None:
    shell("import", shell.file("export.json", EXPORT))
    config = shell.file("b2bua.yaml", 'metaflows: {pbx_codes: ["*5"]}\n')
    ran = shell("check-metaflows", A, "--config", config)
    assert (ran.code, "device d1" in ran.out, "pbx_codes.*5" in ran.out) == (1, True, True)
    assert "no such account" in shell("check-metaflows", "f" * 32).err


def test_the_configuration_is_checked(shell: Shell) -> None:
    seed = shell.file("seed.json", {"accounts": [{"id": A}]})
    config = shell.file("b2bua.yaml", f"seed: {seed}\n")
    assert shell("check", "--config", config).out.endswith("good\n")
    shell.file("seed.json", {"accounts": [{"id": "x"}]})
    assert shell("check", "--config", config).code == 2
    assert "metaflows.pbx_codes" in shell("check", "--config", shell.file("c.yaml", "metaflows: {pbx_codes: [x]}")).err


def test_version_and_health(shell: Shell) -> None:
    assert shell("version").out == f"{__version__}\n"
    assert shell("health", "--config", shell.file("c.yaml", 'api: {listen: "127.0.0.1:9"}')).code == 1
