# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua accounts`, `users`, `devices`: list, show, create, set, delete."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from b2bua.cli.rest import URL, Account, Api, ApiKey, Url, print_json
from b2bua.cli.shared import AsJson, document_of
from b2bua.cli.tables import show

Json = dict[str, Any]
Id = Annotated[str, typer.Argument(metavar="ID")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; - is stdin")]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
COLUMNS = {"account": ("id", "name", "realm"), "user": ("id", "name", "first_name", "last_name", "numbers"),
           "device": ("id", "name", "owner_id", "username", "numbers")}
MAX_ACCOUNTS = 10_000


def _group(kind: str) -> typer.Typer:
    return typer.Typer(no_args_is_help=True, help=f"{kind.capitalize()}s of a running service.")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value)):
        return escape(json.dumps(value, ensure_ascii=False))
    return escape(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _listed(kind: str, documents: Sequence[Json], as_json: bool) -> None:
    if as_json:
        print_json(documents)
        return
    columns = [key for key in COLUMNS[kind] if key in ("id", "name") or any(one.get(key) for one in documents)]
    show(columns, [[_cell(one.get(key)) for key in columns] for one in documents])


def _shown(document: Any, as_json: bool) -> None:
    if as_json or not isinstance(document, dict):
        print_json(document)
        return
    rows = []
    for key, value in document.items():
        if key == "metaflows" and isinstance(value, dict):
            count = sum(len(value.get(kind) or ()) for kind in ("numbers", "patterns"))
            value = f"{count} code{'s' * (count != 1)}, see `b2bua metaflows show`"
        rows.append([escape(key), _cell(value)])
    show(["key", "value"], rows)


accounts = _group("account")


@accounts.command("list")
def list_accounts(url: Url = URL, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """The account of the api key and all below it."""
    api = Api(url, api_key)
    _listed("account", list(_family(api)), as_json)


def _family(api: Api) -> Iterator[Json]:
    own = api.ask("GET", api.path(None))
    todo, seen = [{key: own.get(key) for key in COLUMNS["account"]}], {api.account_id}
    while todo and len(seen) < MAX_ACCOUNTS:
        one = todo.pop(0)
        yield one
        for child in api.ask("GET", api.path(one["id"], "children")):
            if child["id"] not in seen:
                seen.add(child["id"])
                todo.append(child)


@accounts.command("show")
def show_account(account_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None, url: Url = URL,
                 api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """One account; without an id that of the api key."""
    api = Api(url, api_key)
    _shown(api.ask("GET", api.path(account_id)), as_json)


@accounts.command("create")
def create_account(file: File, below: Annotated[str | None, typer.Option(help="its parent")] = None, url: Url = URL,
                   api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """A new account below this one. Its api key is shown now and never again."""
    document, api = document_of(file), Api(url, api_key)
    _shown(api.ask("PUT", api.path(below), document), as_json)


@accounts.command("set")
def set_account(account_id: Id, file: File, url: Url = URL, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Replace an account's document; users and devices stay."""
    document, api = document_of(file), Api(url, api_key)
    _shown(api.ask("POST", api.path(account_id), document), as_json)


@accounts.command("delete")
def delete_account(account_id: Id, yes: Sure = False, url: Url = URL, api_key: ApiKey = None) -> None:
    """Remove an account with everything in it."""
    api = Api(url, api_key)
    if not yes:
        typer.confirm(f"Remove account {account_id} with all its users and devices?", abort=True)
    api.ask("DELETE", api.path(account_id))
    typer.echo(f"account {account_id} is gone")


def _below(kind: str) -> typer.Typer:
    """The same five commands for users and for devices."""
    group = _group(kind)
    _reading(group, kind)
    _writing(group, kind)
    return group


def _reading(group: typer.Typer, kind: str) -> None:
    @group.command("list", help=f"All {kind}s of an account.")
    def index(account: Account = None, url: Url = URL, api_key: ApiKey = None, as_json: AsJson = False) -> None:
        api = Api(url, api_key)
        _listed(kind, api.ask("GET", api.path(account, f"{kind}s")), as_json)

    @group.command("show", help=f"One {kind}.")
    def read(document_id: Id, account: Account = None, url: Url = URL, api_key: ApiKey = None,
             as_json: AsJson = False) -> None:
        api = Api(url, api_key)
        _shown(api.ask("GET", api.path(account, f"{kind}s", document_id)), as_json)


def _writing(group: typer.Typer, kind: str) -> None:
    @group.command("create", help=f"A new {kind}; its id is made by the service.")
    def create(file: File, account: Account = None, url: Url = URL, api_key: ApiKey = None,
               as_json: AsJson = False) -> None:
        document, api = document_of(file), Api(url, api_key)
        _shown(api.ask("PUT", api.path(account, f"{kind}s"), document), as_json)

    @group.command("set", help=f"Replace a {kind}'s document.")
    def replace(document_id: Id, file: File, account: Account = None, url: Url = URL, api_key: ApiKey = None,
                as_json: AsJson = False) -> None:
        document, api = document_of(file), Api(url, api_key)
        _shown(api.ask("POST", api.path(account, f"{kind}s", document_id), document), as_json)

    @group.command("delete", help=f"Remove a {kind}.")
    def delete(document_id: Id, account: Account = None, yes: Sure = False, url: Url = URL,
               api_key: ApiKey = None) -> None:
        api = Api(url, api_key)
        if not yes:
            typer.confirm(f"Remove {kind} {document_id}?", abort=True)
        api.ask("DELETE", api.path(account, f"{kind}s", document_id))
        typer.echo(f"{kind} {document_id} is gone")


users = _below("user")
devices = _below("device")
