# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua metaflows`: show, set (or only check), delete, for an account, a user or a device."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from b2bua.cli.rest import URL, Account, Api, ApiKey, Url, print_json
from b2bua.cli.shared import AsJson, document_of, fail
from b2bua.cli.tables import show

metaflows = typer.Typer(no_args_is_help=True, help="Codes that may be typed during a call, of a running service.")

OfUser = Annotated[str | None, typer.Option("--user", metavar="ID")]
OfDevice = Annotated[str | None, typer.Option("--device", metavar="ID")]
Json = dict[str, Any]


def _path(api: Api, account: str | None, user: str | None, device: str | None) -> str:
    if user is not None and device is not None:
        fail(["either --user or --device, not both"])
    below = ["users", user] if user is not None else ["devices", device] if device is not None else []
    return api.path(account, *filter(None, below), "metaflows")


@metaflows.command("show")
def show_metaflows(account: Account = None, user: OfUser = None, device: OfDevice = None, url: Url = URL,
                   api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """The codes of an account, a user or a device itself, without what is inherited."""
    api = Api(url, api_key)
    _shown(api.ask("GET", _path(api, account, user, device)), as_json)


@metaflows.command("set")
def set_metaflows(file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; - is stdin")],
                  account: Account = None, user: OfUser = None, device: OfDevice = None,
                  dry_run: Annotated[bool, typer.Option("--dry-run", help="only check")] = False, url: Url = URL,
                  api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Replace them. Calls that start afterwards have them."""
    document, api = document_of(file), Api(url, api_key)
    path = _path(api, account, user, device)
    if not dry_run:
        _shown(api.ask("POST", path, document), as_json)
        return
    report = api.ask("POST", path, document, query={"dry_run": "true"})
    if as_json:
        print_json(report)
    elif report["findings"]:
        show(["level", "key", "finding", "advice", "basis"], [
            [escape(one[key]) for key in ("level", "key", "text", "advice", "basis")] for one in report["findings"]])
    else:
        typer.echo("nothing to complain about; nothing was changed")
    if any(one["level"] == "error" for one in report["findings"]):
        raise typer.Exit(1)


@metaflows.command("delete")
def delete_metaflows(account: Account = None, user: OfUser = None, device: OfDevice = None,
                     yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False, url: Url = URL,
                     api_key: ApiKey = None) -> None:
    """Remove them; what is inherited stays."""
    api = Api(url, api_key)
    path = _path(api, account, user, device)
    if not yes:
        typer.confirm("Remove these metaflows?", abort=True)
    api.ask("DELETE", path)
    typer.echo("the metaflows are gone")


def _shown(document: Json, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    rest = {key: value for key, value in document.items() if key not in ("numbers", "patterns")}
    if rest:
        typer.echo("  ".join(f"{key}: {value}" for key, value in rest.items()))
    rows = [row for kind in ("numbers", "patterns") for key, node in (document.get(kind) or {}).items()
            for row in _rows(kind, key, node)]
    if rows:
        show(["kind", "code", "module", "mode", "data"], rows)
    else:
        typer.echo("no codes")


def _rows(kind: str, code: str, node: Json) -> Iterator[list[str]]:
    data = json.dumps(node.get("data") or {}, ensure_ascii=False)
    yield [kind, escape(code), escape(str(node.get("module"))), escape(str(node.get("mode") or "")), escape(data)]
    for outcome, child in (node.get("children") or {}).items():
        yield from _rows("", f"  then, {outcome}:" if outcome != "_" else "  then:", child)
