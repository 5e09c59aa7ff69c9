# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua import`: a seed, a KAZOO account export, or Asterisk's features.conf into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from b2bua.cli.shared import ConfigFile, errors, fail, settings_of, text_of
from b2bua.importers import Imported, ImportRefused, read
from config.settings import without_password

if TYPE_CHECKING:
    from b2bua.store import Store

ForAccount = Annotated[str | None, typer.Option("--account", help="whose codes they are, where the file does not say")]
Only = Annotated[bool, typer.Option("--print", help="print what would be imported, as a seed; change nothing")]


def import_(file: Path, config: ConfigFile = None, account: ForAccount = None, only_print: Only = False) -> None:
    """Load a seed, a KAZOO account export (JSON or YAML) or an Asterisk features.conf into the store.

    What kind of file it is is told by its content. What cannot be used is listed on stderr.
    """
    settings = settings_of(config)
    imported = read_file(file)
    for line in imported.skipped:
        errors.print(f"skipped: {line}", markup=False)
    for line in imported.changed:
        errors.print(f"note: {line}", markup=False)
    if only_print:
        accounts = imported.accounts if imported.metaflows is None else [
            {"id": account or "(account)", "metaflows": imported.metaflows}]
        typer.echo(yaml.safe_dump({"accounts": accounts}, sort_keys=False, allow_unicode=True), nl=False)
        return
    in_store(settings.store, file, lambda store: _write(store, imported, account))
    typer.echo(f"{file}: {imported.kind}, imported into {without_password(settings.store)}")


def read_file(file: Path) -> Imported:
    """What the file holds, or an end with the reason."""
    try:
        return read(text_of(file))
    except ImportRefused as error:
        fail([f"{file}: {error}"])


def in_store(url: str, source: Path | str, work: Callable[[Store], Awaitable[Any]]) -> Any:
    """Do something with the store, and say in a sentence why not."""
    from b2bua.store import Store
    from b2bua.store.errors import Conflict, SeedError, StoreError, UnknownDocument

    async def session() -> Any:
        store = Store(url)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(session())
    except SeedError as error:
        fail([f"{source}: {line}" for line in error.lines])
    except Conflict as error:
        fail([f"{source}: an api key or id belongs to another account already: {error}"])
    except UnknownDocument as error:
        fail([f"{source}: there is no account {error} in {url}"])
    except StoreError as error:
        fail([str(error)])


async def _write(store: Store, imported: Imported, account: str | None) -> None:
    if imported.metaflows is None:
        await store.import_seed({"accounts": imported.accounts})
        return
    from b2bua.metaflows.merge import merged
    from b2bua.metaflows.validation import InvalidDocument, validate
    from b2bua.store import Ref

    known = store.accounts()
    if account is None and len(known) != 1:
        fail([f"the file does not say whose codes these are, and there are {len(known)} accounts: add --account ID"])
    ref = Ref(account or known[0], "account", account or known[0])
    try:
        document = validate(merged([store.metaflows(ref) or {}, imported.metaflows])).sent
    except InvalidDocument as error:
        fail([f"{path}: {details['message']}" for path, codes in error.errors.items() for details in codes.values()])
    await store.replace_metaflows(ref, document)
