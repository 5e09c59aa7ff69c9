# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua check-metaflows`: what the checker says of a file's codes, or of an account's in the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from b2bua.calls.directory import Directory, Endpoint
from b2bua.cli.importing import in_store, read_file
from b2bua.cli.shared import AsJson, ConfigFile, fail, settings_of
from b2bua.cli.tables import show
from b2bua.metaflows.checker import Finding
from b2bua.metaflows.checker import check_metaflows as checked
from b2bua.metaflows.merge import merged

What = Annotated[str, typer.Argument(help="seed, KAZOO export, features.conf or metaflows object; or an account id")]
Json = dict[str, Any]
_STYLE = {"error": "red", "warning": "yellow", "note": "dim"}


def check_metaflows(what: What, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Report codes that clash, wait, or never run, with advice. Exit 1 if one of them is an error.

    Checked is what applies to each device, user and account, with what it inherits. `proved` holds for every code that
    can be typed, `sampled` for those that were tried.
    """
    settings = settings_of(config)
    path = Path(what)
    accounts = _of_file(path) if path.exists() else _of_store(settings.store, what)
    found = list(_findings(accounts, settings.metaflows.pbx_codes))
    if as_json:
        typer.echo(json.dumps([{"whose": whose, **finding.as_json()} for whose, finding in found], indent=2))
    elif found:
        show(["whose", "level", "key", "finding", "advice", "basis"], [
            [escape(whose), f"[{_STYLE[one.level]}]{one.level}[/]",
             *map(escape, (one.key, one.text, one.advice, one.basis))] for whose, one in found])
    else:
        typer.echo("nothing to complain about")
    if any(finding.level == "error" for _, finding in found):
        raise typer.Exit(1)


def _of_file(path: Path) -> list[Json]:
    imported = read_file(path)
    if imported.metaflows is not None:
        return [{"id": str(path), "metaflows": imported.metaflows}]
    return imported.accounts


def _of_store(url: str, account_id: str) -> list[Json]:
    async def work(store: Any) -> list[Json]:
        if account_id not in store.accounts():
            fail([f"{account_id}: there is no such file, and no such account in {url}"])
        return [store.account(account_id).as_seed()]
    found: list[Json] = in_store(url, account_id, work)
    return found


def _findings(accounts: list[Json], pbx_codes: tuple[str, ...]) -> Iterator[tuple[str, Finding]]:
    """For every account, user and device; what was said of the account is not said again below it."""
    for account in accounts:
        said: set[Finding] = set()
        for endpoint in _endpoints(account):
            for finding in _said_of(endpoint, pbx_codes):
                if finding not in said:
                    said.add(finding)
                    yield f"{endpoint.kind} {endpoint.id}", finding


def _endpoints(account: Json) -> list[Endpoint]:
    """The account itself, its users, its devices."""
    try:
        directory = Directory.build([account])
        things = [account, *(account.get("users") or ()), *(account.get("devices") or ())]
        found = [directory.by_id(account["id"], thing["id"]) for thing in things]
    except (KeyError, TypeError, AttributeError):
        fail(["it is not shaped like a seed: every account, user and device needs an id; see `b2bua import`"])
    return [endpoint for endpoint in found if endpoint is not None]


def _said_of(endpoint: Endpoint, pbx_codes: tuple[str, ...]) -> list[Finding]:
    if not all(isinstance(document, dict) for document in endpoint.metaflows):
        return [Finding("error", "invalid", "metaflows", "it is no object", "correct it; it is refused")]
    return checked(merged(endpoint.metaflows), pbx_codes)
