# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua recordings`: keys for sealed recordings, and opening them. For the holder of the private key, on any host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from b2bua.cli.shared import fail

recordings = typer.Typer(no_args_is_help=True, help="Sealed recordings: make keys, open files.")
KeyFile = Annotated[Path, typer.Option("--key", "-k", help="PEM file with the private key")]
Target = Annotated[Path | None, typer.Option("--output", "-o", help="folder; default: beside the sealed file")]


@recordings.command()
def keygen(private: Annotated[Path, typer.Argument(help="PEM file to be made; keep it away from the service")],
           public: Annotated[Path, typer.Argument(help="PEM file to be made; recordings.public_key")]) -> None:
    """Make a pair of keys (X25519)."""
    from b2bua.media.sealing import new_pair

    for path, text, mode in zip((private, public), new_pair(), (0o600, 0o644), strict=True):
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(text)
        except OSError as error:
            fail([f"{path}: {error.strerror}"])
    typer.echo(f"{private}: keep it secret and elsewhere. {public}: recordings.public_key")


@recordings.command()
def decrypt(files: Annotated[list[Path], typer.Argument(help="sealed recordings (*.sealed)")], key: KeyFile,
            output: Target = None) -> None:
    """Open sealed recordings. A key with a password asks for it (or B2BUA_KEY_PASSWORD)."""
    from b2bua.media.sealing import SUFFIX, SealError, private_key, unseal

    try:
        pem = key.read_bytes() if key.is_file() else b""
        password = None
        if b"ENCRYPTED" in pem:
            password = os.environ.get("B2BUA_KEY_PASSWORD") or typer.prompt("Password", hide_input=True)
        opener = private_key(key, password)
    except SealError as error:
        fail([str(error)])
    wrong = []
    for file in files:
        target = (output or file.parent) / file.name.removesuffix(SUFFIX)
        try:
            unseal(file, target, opener)
            typer.echo(str(target))
        except SealError as error:
            wrong.append(str(error))
        except OSError as error:
            wrong.append(f"{error.filename or file}: {error.strerror}")
    if wrong:
        fail(wrong, 1)
