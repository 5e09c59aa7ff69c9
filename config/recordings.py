# SPDX-License-Identifier: GPL-3.0-or-later
"""The `recordings` section: where they lie, how long, how much, and where they are sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from config.sections import Model, checked_account_id

AudioFormat = Literal["mp3", "wav", "flac", "ogg"]


class S3(Model):
    """A bucket that takes the recordings which have no url of their own; needs the extra `metaflow-b2bua[s3]`."""

    endpoint: str  # https://s3.example.org; the bucket is a folder of it
    bucket: str
    region: str = "us-east-1"
    access_key: str
    secret_key: SecretStr
    prefix: str = ""

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/@\s?#]+", value.rstrip("/")):
            raise ValueError(f"{value!r} is not https://host[:port]")
        return value.rstrip("/")


class Upload(Model):
    """How recordings are sent away."""

    private_addresses: bool = False  # may a url lead to this host, this network or another private address
    retries: int = Field(default=5, ge=0, le=100)
    retry_s: tuple[float, float] = (60.0, 600.0)  # each retry waits a random time between these
    timeout_s: float = Field(default=60.0, gt=0)  # a server that takes or says nothing for so long has failed
    keep: bool = True  # does the recording stay here when it has been sent
    s3: S3 | None = None

    @field_validator("retry_s")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= value[1]:
            raise ValueError(f"{list(value)} is not a shortest and a longest time")
        return value


class Keeping(Model):
    """How much and how long; 0 is without limit."""

    quota_mb: float = Field(default=0, ge=0)  # of one account: with more nothing new is recorded
    retention_days: float = Field(default=0, ge=0)  # older recordings are deleted


class Recordings(Keeping):
    """Where recordings lie, and what is done with them."""

    directory: Path = Path("var/recordings")
    work: Path | None = None  # while they are made; default: `work` in the directory
    format: AudioFormat = "mp3"  # where record_call names none
    min_free_mb: float = Field(default=100, ge=0)  # with less free space recordings pause
    beep_s: float = Field(default=0, ge=0)  # both parties hear a beep so often while they are recorded; 0: never
    notice: str | None = None  # both parties hear this sound (as of `play`) when a recording begins
    public_key: Path | None = None  # X25519, PEM: recordings are encrypted for its owner, we cannot read them back
    upload: Upload = Upload()
    accounts: dict[str, Keeping] = Field(default_factory=dict)  # what is different for single accounts

    @field_validator("accounts")
    @classmethod
    def _are_ids(cls, value: dict[str, Keeping]) -> dict[str, Keeping]:
        return {checked_account_id(account_id): keeping for account_id, keeping in value.items()}

    @model_validator(mode="after")
    def _key_exists(self) -> Recordings:
        if self.public_key is not None and not self.public_key.is_file():
            raise ValueError(f"public_key: there is no file {str(self.public_key)!r}")
        return self

    def keeping(self, account_id: str | None) -> Keeping:
        """What holds for one account."""
        return self.accounts.get(account_id or "", self)

    @property
    def work_directory(self) -> Path:
        """Where recordings lie while they are made."""
        return self.work or self.directory / "work"
