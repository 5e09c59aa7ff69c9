# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua run`, `check`, `health`, `version`: the service on this host."""

from __future__ import annotations

import typer

from b2bua import __version__
from b2bua.cli.shared import ConfigFile, document_of, fail, settings_of
from config.settings import ConfigError


def run(config: ConfigFile = None) -> None:
    """Run the service in the foreground. SIGTERM drains; a second signal ends at once."""
    settings = settings_of(config)
    from b2bua.api.server import ApiError
    from b2bua.app import App
    from b2bua.logs import configure
    from b2bua.sip.endpoint import SipError
    from b2bua.store.errors import SeedError, StoreError

    log_lines = configure(settings.log)
    try:
        App(settings).run()
    except (ConfigError, SeedError) as error:
        fail(error.lines)
    except (SipError, ApiError, StoreError) as error:
        fail([str(error)], 1)
    finally:
        log_lines.stop()


def check(config: ConfigFile = None) -> None:
    """Check the configuration and its seed without starting anything: exit 2 and one line per error."""
    settings = settings_of(config)
    if settings.seed is not None:
        from b2bua.store.errors import SeedError
        from b2bua.store.seed import check as check_seed

        try:
            check_seed(document_of(settings.seed))
        except SeedError as error:
            fail([f"{settings.seed}: {line}" for line in error.lines])
    typer.echo(f"{config or '(defaults)'}: good")


def health(config: ConfigFile = None) -> None:
    """Ask a running service whether it is well: exit 0 if so, 1 if not."""
    import httpx

    host, port = settings_of(config).api.address
    try:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        answer = httpx.get(f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz", timeout=2)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail([f"{host}:{port}: {error}"], 1)
    typer.echo(answer.text)
    if answer.status_code != 200:
        raise typer.Exit(1)


def version() -> None:
    """Print the version."""
    typer.echo(__version__)
