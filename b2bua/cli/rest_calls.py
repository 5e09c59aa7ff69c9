# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua calls`: list, parked, hangup, transfer, run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from b2bua.cli.rest import URL, Account, Api, ApiKey, Url, print_json
from b2bua.cli.shared import AsJson, document_of
from b2bua.cli.tables import show

calls = typer.Typer(no_args_is_help=True, help="Live calls of a running service, leg by leg.")

Leg = Annotated[str, typer.Argument(metavar="LEG", help="as `b2bua calls list` shows it")]
COLUMNS = (("leg", "uuid"), ("call", "interaction_id"), ("direction", "direction"), ("state", "channel_state"),
           ("from", "from"), ("to", "to"), ("whose", "authorizing_id"), ("codec", "codec"))


@calls.command("list")
def list_calls(account: Account = None, url: Url = URL, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Every leg of the account's calls."""
    api = Api(url, api_key)
    legs: list[dict[str, Any]] = api.ask("GET", api.path(account, "channels"))
    if as_json:
        print_json(legs)
        return
    rows = [[*(escape(str(leg.get(key) or "")) for _, key in COLUMNS), _age(leg.get("timestamp"))] for leg in legs]
    if rows:
        show([*(heading for heading, _ in COLUMNS), "for"], rows)
    typer.echo(f"calls: {len({leg.get('interaction_id') for leg in legs})}, legs: {len(legs)}")


def _age(timestamp: Any) -> str:
    if not isinstance(timestamp, (int, float)):
        return ""
    seconds = max(0, round(time.time() - timestamp))
    return f"{seconds // 60}:{seconds % 60:02d}"


@calls.command()
def parked(account: Account = None, url: Url = URL, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Who waits at which place."""
    api = Api(url, api_key)
    stays: list[dict[str, Any]] = api.ask("GET", api.path(account, "parked"))
    if as_json:
        print_json(stays)
        return
    if not stays:
        typer.echo("nobody is parked")
        return
    keys = ("slot", "number", "name", "parked_by", "call_id")
    show([*keys, "for"], [[*(escape(str(stay.get(key) or "")) for key in keys), _age(stay.get("timestamp"))]
                          for stay in stays])


@calls.command()
def hangup(leg: Leg, account: Account = None, url: Url = URL, api_key: ApiKey = None) -> None:
    """Hang up a leg, and with it the call."""
    api = Api(url, api_key)
    typer.echo(api.ask("POST", api.path(account, "channels", leg), {"action": "hangup"}))


@calls.command()
def transfer(leg: Leg, target: Annotated[str, typer.Argument(metavar="NUMBER")],
             kind: Annotated[Literal["blind", "attended"], typer.Option("--type")] = "blind", account: Account = None,
             url: Url = URL, api_key: ApiKey = None) -> None:
    """Send the party that this leg talks to to another number; the leg itself is let go."""
    api = Api(url, api_key)
    data = {"action": "transfer", "target": target, "transfer_type": kind}
    typer.echo(api.ask("POST", api.path(account, "channels", leg), data))


@calls.command()
def run(leg: Leg, file: Annotated[Path, typer.Argument(metavar="FILE", help="one node: module, data, children")],
        account: Account = None, url: Url = URL, api_key: ApiKey = None) -> None:
    """Run a metaflow on a leg, as if it had been typed there."""
    document, api = document_of(file), Api(url, api_key)
    typer.echo(api.ask("PUT", api.path(account, "channels", leg), document, action="metaflow"))
