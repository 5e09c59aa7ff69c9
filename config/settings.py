# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator may set: the YAML contract, validated whole before anything starts.

`load()` is the only place that reads the file and the environment (`B2BUA__SIP__PUBLIC_HOST=...` wins over the file).
Errors come as `ConfigError` with one line per problem, each naming file, key and value.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from config.park import Park
from config.peers import Peer, Route
from config.recordings import Recordings
from config.sections import Api, Digits, Log, Media, Metaflows, Pivot, Sip, Sounds
from config.speech import Speech
from config.transfers import Transfers

__all__ = ["Api", "ConfigError", "Digits", "Log", "Media", "Metaflows", "Park", "Peer", "Pivot", "Recordings", "Route",
           "Settings", "Sip", "Sounds", "Speech", "load"]


PREFIX = "B2BUA__"  # of the environment variables


class ConfigError(Exception):
    """The configuration cannot be used. `lines` has one sentence per problem."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    sip: Sip = Sip()
    media: Media = Media()
    peers: dict[str, Peer] = {}
    routes: tuple[Route, ...] = ()
    api: Api = Api()
    store: str = Field(default="sqlite:///var/b2bua.db", repr=False)  # may hold a password
    store_wait_s: float = Field(default=60.0, ge=0, le=86400)  # at the start, for a PostgreSQL that does not answer
    seed: Path | None = None
    recordings: Recordings = Recordings()
    transfers: Transfers = Transfers()
    sounds: Sounds = Sounds()
    park: Park = Park()
    pivot: Pivot = Pivot()
    speech: Speech = Speech()
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
    names = [PREFIX + key.replace(".", "__").upper().rsplit("__", cut)[0] for cut in range(len(error["loc"]))]
    variable = next((name for name in names if name in _environment()), None)
    where = f"environment {variable}" if variable else source
    return without_password(f"{where}: {key}{shown}: {error['msg'].removeprefix('Value error, ')}")


def without_password(text: str) -> str:
    """A URL (or a text with one in it) that may be shown."""
    return re.sub(r"((?:://|sips?:)[^:/@\s]*):\S*@", r"\1:***@", text)


def _environment() -> dict[str, str]:
    return {name.upper(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX)}


def _unknown_variables() -> list[str]:
    """Whole sections that are misspelt; pydantic looks only at those it knows."""
    return [f"environment: {name}: there is no section {name.split('__')[1].lower()!r}" for name in _environment()
            if name.split("__")[1].lower() not in Settings.model_fields]


def _not_json(error: SettingsError) -> str:
    value = getattr(error.__cause__, "doc", None)
    name = next((name for name, given in _environment().items() if given == value), PREFIX)
    return f"""environment: {name}: a list or a mapping is written as JSON, as in '["one", "two"]'"""


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
            raise ConfigError([f"{source}: is not YAML: {' '.join(str(error).split())}"]) from None
        if not isinstance(document, dict):
            raise ConfigError([f"{source}: must be a mapping of keys, not {type(document).__name__}"])
    if unknown := _unknown_variables():
        raise ConfigError(unknown)
    try:
        return Settings(**{str(key): value for key, value in document.items()})
    except SettingsError as error:
        raise ConfigError([_not_json(error)]) from None
    except ValidationError as error:
        raise ConfigError([_line(source, item) for item in error.errors()]) from None
