# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator may set: the YAML contract, validated whole before anything starts.

`load()` is the only place that reads the file and the environment (`B2BUA__SIP__PUBLIC_HOST=...` wins over the file).
Errors come as `ConfigError` with one line per problem, each naming file, key and value.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.sections import Api, Digits, Log, Media, Metaflows, Peer, Recordings, Route, Sip

__all__ = ["Api", "ConfigError", "Digits", "Log", "Media", "Metaflows", "Peer", "Recordings", "Route", "Settings",
           "Sip", "load"]


class ConfigError(Exception):
    """The configuration cannot be used. `lines` has one sentence per problem."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(env_prefix="B2BUA__", env_nested_delimiter="__", frozen=True, extra="forbid")

    sip: Sip = Sip()
    media: Media = Media()
    peers: dict[str, Peer] = {}
    routes: tuple[Route, ...] = ()
    api: Api = Api()
    store: str = "sqlite:///var/b2bua.db"
    seed: Path | None = None
    recordings: Recordings = Recordings()
    digits: Digits = Digits()
    metaflows: Metaflows = Metaflows()
    log: Log = Log()

    @field_validator("store")
    @classmethod
    def _known_store(cls, value: str) -> str:
        if not re.match(r"^(sqlite:///|postgresql://).+", value):
            raise ValueError(f"{value!r} must begin with sqlite:/// or postgresql://")
        return value

    @model_validator(mode="after")
    def _routes_name_peers(self) -> Settings:
        for index, route in enumerate(self.routes):
            for key, name in (("from", route.from_), ("to", route.to)):
                if name not in self.peers:
                    raise ValueError(f"routes.{index}.{key}: there is no peer {name!r}")
        return self

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings


def _line(source: str, error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "(whole file)"
    value = error.get("input")
    shown = "" if isinstance(value, (dict, list, Settings)) or value is None else f" = {value!r}"
    return f"{source}: {key}{shown}: {error['msg'].removeprefix('Value error, ')}"


def load(path: Path | None = None) -> Settings:
    """Read the file (or the defaults) and the environment.

    raises   ConfigError with one line per problem, each with file, key and value
    """
    source = str(path) if path else "(defaults)"
    document: Any = {}
    if path is not None:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{source}: cannot be read: {error}"]) from None
        except yaml.YAMLError as error:
            raise ConfigError([f"{source}: is not YAML: {error}"]) from None
        if not isinstance(document, dict):
            raise ConfigError([f"{source}: must be a mapping of keys, not {type(document).__name__}"])
    try:
        return Settings(**document)
    except ValidationError as error:
        raise ConfigError([_line(source, item) for item in error.errors()]) from None
