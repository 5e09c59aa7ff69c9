# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of the configuration, each a frozen model that refuses unknown keys."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

CODECS = ("PCMU", "PCMA", "G722", "opus", "G729")
WILDCARDS = ("0.0.0.0", "::")
ACCOUNT_ID = re.compile(r"^[0-9a-f]{32}$")


def checked_account_id(value: str) -> str:
    """raises ValueError where it is none"""
    if not ACCOUNT_ID.match(value):
        raise ValueError(f"{value!r} is not an account id (32 lower-case hex digits)")
    return value


def compiled(value: str) -> re.Pattern[str]:
    """A regular expression. raises ValueError where it is none"""
    try:
        return re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None


def host_port(value: str, default_port: int | None = None) -> tuple[str, int]:
    """Split `host:port`, `[v6]:port` or, with a default, a bare host."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:]+))(?::(\d{1,5}))?", value)
    if not match:
        raise ValueError(f"{value!r} is not host:port")
    host, port = match[1] or match[2], match[3]
    if port is None and default_port is None:
        raise ValueError(f"{value!r} has no port")
    number = int(port) if port is not None else int(default_port or 0)
    if not 0 < number < 65536:
        raise ValueError(f"{value!r}: port {number} is not between 1 and 65535")
    return host, number


def _checked_address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address") from None
    return value


def _checked_host_port(value: str) -> str:
    host_port(value)
    return value


HostPort = Annotated[str, AfterValidator(_checked_host_port)]


class Model(BaseModel):
    """Frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Listen(Model):
    """One SIP listener, from `udp:host:port`."""

    transport: Literal["udp", "tcp", "tls"]
    host: str
    port: int

    @classmethod
    def parse(cls, value: str) -> Listen:
        """Read `udp:127.0.0.1:5060`; raises ValueError naming the value."""
        transport, _, rest = value.partition(":")
        if transport not in ("udp", "tcp", "tls"):
            raise ValueError(f"{value!r} must begin with udp:, tcp: or tls:")
        host, port = host_port(rest)
        _checked_address(host)
        return cls.model_validate({"transport": transport, "host": host, "port": port})


class Sip(Model):
    """SIP listeners, timers and limits."""

    listen: tuple[str, ...] = ("udp:127.0.0.1:5060",)
    public_host: str | None = None  # host[:port] for Via and Contact; default: the listen address
    user_agent: str = "metaflow-b2bua"
    ring_timeout_s: float = Field(default=60.0, gt=0)  # no final answer from the other side within this: 408
    silent_timeout_s: float = Field(default=32.0, gt=0)  # not even a 100 from the other side within this: 408
    drain_s: float = Field(default=30.0, ge=0)  # how long live calls may go on after SIGTERM
    max_calls: int = Field(default=1000, gt=0, le=2000)  # two legs each; more get 503
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None

    @field_validator("listen")
    @classmethod
    def _listeners(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("needs at least one listener")
        for item in value:
            Listen.parse(item)
        return value

    @field_validator("public_host")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        if value is not None:
            host_port(value, 5060)
        return value

    @model_validator(mode="after")
    def _tls_needs_a_certificate(self) -> Sip:
        if any(item.startswith("tls:") for item in self.listen) and not (self.tls_certificate and self.tls_key):
            raise ValueError("a tls: listener needs tls_certificate and tls_key")
        for path in (self.tls_certificate, self.tls_key, self.tls_ca):
            if path is not None and not path.is_file():
                raise ValueError(f"there is no file {str(path)!r}")
        return self

    @model_validator(mode="after")
    def _wildcard_needs_a_name(self) -> Sip:
        if self.public_host is None and any(listener.host in WILDCARDS for listener in self.listeners):
            raise ValueError("public_host is needed where a listener is 0.0.0.0 or [::]: it stands in Via and Contact")
        return self

    def public(self, listener: Listen) -> tuple[str, int]:
        """Host and port that far ends know a listener by."""
        return host_port(self.public_host, listener.port) if self.public_host else (listener.host, listener.port)

    @property
    def listeners(self) -> list[Listen]:
        """The listeners, parsed."""
        return [Listen.parse(item) for item in self.listen]


class Media(Model):
    """RTP addresses, ports, codecs, and the sample bank."""

    host: str = "127.0.0.1"  # bound for RTP and written into SDP
    public_host: str | None = None
    ports: str = "20000-29999"
    codecs: tuple[str, ...] = CODECS
    mix_rate_hz: int = 16000  # clock of the conference bridge
    relay: bool = True  # legs that agree on a codec hear each other without decoding; false: always through the bridge
    bank_slots: int = Field(default=1024, gt=0, le=8192)  # legs that may be tapped (recorded, listened to) at once
    bank_s: float = Field(default=4.0, ge=1.0, le=30.0)  # how far a reader may fall behind before it loses audio
    timeout_s: float = Field(default=60.0, ge=0)  # a leg that sends no RTP this long ends the call; 0: never

    @field_validator("host", "public_host")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        return value if value is None else _checked_address(value)

    @field_validator("ports")
    @classmethod
    def _range(cls, value: str) -> str:
        match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", value)
        if not match or not 1024 <= int(match[1]) < int(match[2]) <= 65535:
            raise ValueError(f"{value!r} is not a port range such as 20000-29999 (1024 to 65535)")
        return value

    @field_validator("codecs")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [codec for codec in value if codec not in CODECS]
        if wrong or not value:
            raise ValueError(f"{wrong or 'an empty list'}: choose from {', '.join(CODECS)}")
        return value

    @field_validator("mix_rate_hz")
    @classmethod
    def _known_rate(cls, value: int) -> int:
        if value not in (8000, 16000):
            raise ValueError(f"{value} is neither 8000 nor 16000")
        return value

    @model_validator(mode="after")
    def _wildcard_needs_a_name(self) -> Media:
        if self.host in WILDCARDS and self.public_host is None:
            raise ValueError(f"public_host is needed with host {self.host}: an address must stand in SDP")
        return self

    @property
    def port_range(self) -> tuple[int, int]:
        """First and last RTP port."""
        low, _, high = self.ports.partition("-")
        return int(low), int(high)


class Rate(Model):
    """How often one address may ask about one account: so many at once, and so many a second afterwards."""

    burst: int = Field(default=2000, ge=20)
    per_s: float = Field(default=1000.0, ge=0)  # 0: no limit


class Webhooks(Model):
    """Events sent to the web servers of accounts."""

    private_addresses: bool = False  # may they be on this host, this network or another private address


class Api(Model):
    """REST, health and metrics."""

    listen: HostPort = "127.0.0.1:8000"
    token_ttl_s: int = Field(default=3600, gt=0)
    rate: Rate = Rate()
    event_streams: int = Field(default=50, ge=0)  # open at once, of one account
    webhooks: Webhooks = Webhooks()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return host_port(self.listen)


class Sounds(Model):
    """What is played to people."""

    directory: Path = Path("var/sounds")  # files of the operator, by name; media that accounts upload
    cache: Path = Path("var/cache/sounds")  # made ready to be played; may be emptied while nothing runs
    cache_mb: float = Field(default=1000, gt=0)  # of it; the least recently used go
    max_mb: float = Field(default=20, gt=0)  # one file that is uploaded, or fetched from the web
    max_s: float = Field(default=1800, gt=0)  # one sound
    quota_mb: float = Field(default=200, ge=0)  # what one account may upload
    timeout_s: float = Field(default=10, gt=0)  # fetching one file
    private_addresses: bool = False  # may a URL lead to this host, this network or another private address
    hold_music: str | None = None  # a file in directory or a URL; None: the built-in tune


class Pivot(Model):
    """Web servers that codes ask for a flow."""

    timeout_s: float = Field(default=5.0, gt=0)  # one request, redirects included
    max_kb: float = Field(default=256, gt=0)  # of one answer
    private_addresses: bool = False  # may they be on this host, this network or another private address


class Digits(Model):
    """How presses are understood, whatever carries them."""

    fuse_ms: int = Field(default=150, ge=0)  # one press heard by two transports within this counts once


class Metaflows(Model):
    """What the checker of metaflows should know."""

    pbx_codes: tuple[str, ...] = ()  # codes that the PBX itself hears in a call; quoted in YAML

    @field_validator("pbx_codes")
    @classmethod
    def _of_digits(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [code for code in value if not re.fullmatch(r"[0-9A-D*#]+", code)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not made of the digits 0-9 A-D * #")
        return value


class Log(Model):
    """What is logged, and how."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"
    digits: bool = False  # may digits and codes stand in logs and events
    sip_level: int = Field(default=1, ge=0, le=5)  # PJSIP's own messages on stderr
