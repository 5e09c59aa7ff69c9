# SPDX-License-Identifier: GPL-3.0-or-later
"""What all commands share: how they read files, and how they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import yaml
from rich.console import Console

from config.settings import ConfigError, Settings, load

errors = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file; without it the defaults")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of tables")]


def fail(lines: list[str], code: int = 2) -> NoReturn:
    """One sentence per line on stderr, and the exit code."""
    for line in lines:
        errors.print(line, markup=False)
    raise typer.Exit(code)


def settings_of(config: Path | None) -> Settings:
    """The configuration, or an end with what is wrong with it."""
    try:
        return load(config)
    except ConfigError as error:
        fail(error.lines)


def text_of(path: Path) -> str:
    """A file's text; `-` is stdin."""
    try:
        return typer.get_text_stream("stdin").read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        fail([f"{path}: {error.strerror}"])
    except UnicodeDecodeError as error:
        fail([f"{path}: {error}"])


def document_of(path: Path) -> Any:
    """A YAML or JSON file."""
    try:
        document = yaml.safe_load(text_of(path))
    except yaml.YAMLError as error:
        fail([f"{path}: {error}"])
    if document is None:
        fail([f"{path}: is empty"])
    return document
