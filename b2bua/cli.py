# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `b2bua`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import yaml
from rich.console import Console

from b2bua import __version__
from config.settings import ConfigError, Settings, load

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="KAZOO metaflows in front of any PBX.")
errors = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file; without it the defaults")]


def _fail(lines: list[str], code: int = 2) -> NoReturn:
    for line in lines:
        errors.print(line, markup=False)
    raise typer.Exit(code)


def _settings(config: Path | None) -> Settings:
    try:
        return load(config)
    except ConfigError as error:
        _fail(error.lines)


def _document(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        _fail([f"{path}: {error}"])


@app.command()
def run(config: ConfigFile = None) -> None:
    """Run the service in the foreground. SIGTERM drains; a second signal ends at once."""
    settings = _settings(config)
    from b2bua.api.server import ApiError
    from b2bua.app import App
    from b2bua.logs import configure
    from b2bua.sip.endpoint import SipError
    from b2bua.store.errors import SeedError, StoreError

    log_lines = configure(settings.log)
    try:
        App(settings).run()
    except (ConfigError, SeedError) as error:
        _fail(error.lines)
    except (SipError, ApiError, StoreError) as error:
        _fail([str(error)], 1)
    finally:
        log_lines.stop()


@app.command()
def check(config: ConfigFile = None) -> None:
    """Check the configuration and its seed without starting anything: exit 2 and one line per error."""
    settings = _settings(config)
    if settings.seed is not None:
        from b2bua.store.errors import SeedError
        from b2bua.store.seed import check as check_seed

        try:
            check_seed(_document(settings.seed))
        except SeedError as error:
            _fail([f"{settings.seed}: {line}" for line in error.lines])
    typer.echo(f"{config or '(defaults)'}: good")


@app.command("import")
def import_(file: Path, config: ConfigFile = None) -> None:
    """Load accounts, users, devices and metaflows from a seed file into the store."""
    settings = _settings(config)
    from b2bua.store import Store
    from b2bua.store.errors import Conflict, SeedError, StoreError

    async def work() -> None:
        store = Store(settings.store)
        await store.open()
        try:
            await store.import_seed(_document(file))
        finally:
            await store.close()

    try:
        asyncio.run(work())
    except SeedError as error:
        _fail([f"{file}: {line}" for line in error.lines])
    except Conflict as error:
        _fail([f"{file}: an api key or id belongs to another account already: {error}"])
    except StoreError as error:
        _fail([str(error)])
    typer.echo(f"{file}: imported into {settings.store}")


@app.command()
def health(config: ConfigFile = None) -> None:
    """Ask a running service whether it is well: exit 0 if so, 1 if not."""
    import httpx

    host, port = _settings(config).api.address
    try:
        answer = httpx.get(f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}/healthz", timeout=2)
    except httpx.HTTPError as error:
        _fail([f"{host}:{port}: {error}"], 1)
    typer.echo(answer.text)
    if answer.status_code != 200:
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
