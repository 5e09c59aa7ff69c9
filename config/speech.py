# SPDX-License-Identifier: GPL-3.0-or-later
"""The `speech` section: which engines turn text into sound."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from config.sections import Model


class Engine(Model):
    """One speech engine: a program, or an HTTP service. `{language}` and `{voice}` stand for what a code asks for."""

    command: tuple[str, ...] = ()  # program and arguments; reads text from stdin, writes {file}, or else stdout
    url: str | None = None  # with {text}: GET; without: POST of {"text", "language", "voice"} as JSON. Answers sound
    voices: dict[str, str] = Field(default_factory=dict)  # what the voices of codes (female, male) are called there
    languages: dict[str, str] = Field(default_factory=dict)  # and the languages

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/\s]+", value):
            raise ValueError(f"{value!r} is not http:// or https://")
        return value

    @model_validator(mode="after")
    def _one_of_them(self) -> Engine:
        if bool(self.command) == bool(self.url):
            raise ValueError("an engine has either a command or a url")
        return self


ESPEAK = Engine(command=("espeak-ng", "--stdin", "-v", "{language}+{voice}", "-w", "{file}"),
                voices={"female": "f3", "male": "m3"})


class Speech(Model):
    """What `tts` and `say` speak with."""

    engine: str = "espeak"  # where a code names none of `engines`
    language: str = Field(default="en-us", pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")
    engines: dict[str, Engine] = Field(default_factory=lambda: {"espeak": ESPEAK})
    parallel: int = Field(default=2, gt=0)  # texts that are spoken at the same time; others wait
    timeout_s: float = Field(default=10, gt=0)  # for one text, waiting included
    max_chars: int = Field(default=2000, gt=0)
    keep_s: float = Field(default=3600, ge=0)  # tts's sounds stay on disk so long after their last use, say's do not
    cache_mb: float = Field(default=100, gt=0)  # of it; the least recently used go

    @model_validator(mode="after")
    def _known(self) -> Speech:
        if self.engine not in self.engines:
            raise ValueError(f"engine: there is no engine {self.engine!r} in engines")
        return self
