# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `b2bua`: the service on this host, its files, and a running service over REST."""

from __future__ import annotations

import sys

import typer

from b2bua.cli.checking import check_metaflows
from b2bua.cli.importing import import_
from b2bua.cli.recordings import recordings
from b2bua.cli.rest_calls import calls
from b2bua.cli.rest_documents import accounts, devices, users
from b2bua.cli.rest_metaflows import metaflows
from b2bua.cli.service import check, health, run, version

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="KAZOO metaflows in front of any PBX.")
for command in (run, check, health, version):
    app.command()(command)
app.command("import")(import_)
app.command("check-metaflows")(check_metaflows)
app.add_typer(recordings, name="recordings")
for name, group in (("accounts", accounts), ("users", users), ("devices", devices), ("metaflows", metaflows),
                    ("calls", calls)):
    app.add_typer(group, name=name, rich_help_panel="A running service, over REST")


def main() -> None:
    """Entry point."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
