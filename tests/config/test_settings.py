# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration contract: what is refused, how that is told, and that the environment wins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.settings import ConfigError, Settings, load, without_password

PEERS = {"peers": {"trunk": {"uri": "sip:192.0.2.1"}, "pbx": {"uri": "sip:192.0.2.2:5070;transport=tcp"}}}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("B2BUA__")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "b2bua.yaml"


def lines_of(file: Path, text: str | bytes) -> list[str]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == "\n".join(caught.value.lines)
    assert all(line and "\n" not in line for line in caught.value.lines)
    return caught.value.lines


def nested(key: str, value: Any) -> str:
    document: Any = value
    for part in reversed(key.split(".")):
        document = {part: document}
    return yaml.safe_dump(document)


WRONG = [
    ("sip.lisen", ["udp:127.0.0.1:5060"], "Extra inputs"), ("sipp", {"x": 1}, "Extra inputs"),
    ("sip.ring_timeout_s", "60s", "valid number"), ("sip.ring_timeout_s", 0, "greater than 0"),
    ("sip.max_calls", 2.5, "integer"), ("sip.max_calls", 100000, "less than or equal"), ("sip.drain_s", -1, "0"),
    ("sip.listen", [], "at least one"), ("sip.listen", ["sctp:h:1"], "udp:, tcp: or tls:"),
    ("sip.listen", ["udp:127.0.0.1"], "no port"), ("sip.listen", ["udp:127.0.0.1:99999"], "not between"),
    ("sip.listen", ["udp:a:b:5060"], "not host:port"), ("sip", {"listen": ["tls:127.0.0.1:5061"]}, "tls_certificate"),
    ("sip.public_host", "h:0", "not between"), ("media.ports", "30000-20000", "port range"),
    ("media.ports", "80-90", "port range"), ("media.codecs", ["MP3"], "choose from"),
    ("media.codecs", [], "empty list"),    ("media.mix_rate_hz", 44100, "neither"), ("media.bank_s", 0.5, "greater"),
    ("media.timeout_s", "never", "number"),
    ("peers.a.uri", "192.0.2.1", "not sip:host"), ("peers.a.uri", "sip:1001@h", "not sip:host"),
    ("peers.a", {"uri": "sip:h", "match": ["300.1.1.1"]}, "300.1.1.1"), ("peers.a", {"match": []}, "required"),
    ("peers.a", {"uri": "sip:h", "account": "ABC"}, "not an account id"),
    ("peers.a", {"uri": "sip:h", "anonymous": "yes"}, "none"), ("peers.a", {"uri": "sip:h", "dtmf": "mf"}, "rfc4733"),
    ("routes", [{"from": "a", "to": "b"}], "no peer 'a'"), ("routes", [{"from": "a"}], "required"),
    ("routes", [{"from": "a", "to": "b", "numbers": "("}], "not a regular expression"),
    ("api.listen", "8000", "no port"), ("api.token_ttl_s", 0, "greater"), ("store", "mysql://h/d", "must begin"),
    ("digits.fuse_ms", -1, "greater"), ("log.format", "xml", "console"), ("log.level", "loud", "debug"),
    ("log.sip_level", 9, "less"), ("sip", 5, "dictionary"), ("recordings.dir", "x", "Extra inputs"),
]


@pytest.mark.parametrize(("key", "value", "why"), WRONG)
def test_every_mistake_is_one_line_with_file_key_value_and_reason(file: Path, key: str, value: Any, why: str) -> None:
    line, = lines_of(file, nested(key, value))
    assert line.startswith(f"{file}: ")
    assert why in line
    whole_file = key == "routes" and "no peer" in why
    assert (key if not whole_file else "routes.0.from") in line
    if not isinstance(value, (dict, list)):
        assert f"{key} = {value!r}: " in line


def test_several_mistakes_are_several_lines(file: Path) -> None:
    assert len(lines_of(file, "sip: {max_calls: x, foo: 1}\nlog: {level: loud}\n")) == 3


@pytest.mark.parametrize(("text", "why"), [
    ("sip: [", "is not YAML"), ("a: b: c", "is not YAML"), ("- one\n- two", "must be a mapping"),
    ("5", "must be a mapping"), (b"\xff\xfe\xfa", "cannot be read"), ("1: 2", "Extra inputs"), ("sip:\n", "sip")])
def test_what_is_no_configuration_at_all_is_one_line_too(file: Path, text: str | bytes, why: str) -> None:
    line, = lines_of(file, text)
    assert line.startswith(f"{file}: ")
    assert why in line


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load(tmp_path / "nowhere.yaml")


def test_an_empty_file_means_the_defaults(file: Path) -> None:
    file.write_text("# nothing\n")
    assert load(file) == load()


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(yaml.safe_dump({**PEERS, "sip": {"max_calls": 5, "user_agent": "file"}, "store": "sqlite:///file"}))
    for name, value in {
        "SIP__MAX_CALLS": "7", "SIP__RING_TIMEOUT_S": "2.5", "SIP__LISTEN": '["tcp:192.0.2.9:5080"]',
        "STORE": "sqlite:///environment", "LOG__DIGITS": "true", "PEERS__PBX__TRUST_HEADERS": "1",
        "PEERS__PBX__ACCOUNT": "1" * 32, "MEDIA__CODECS": '["PCMA"]', "PEERS__NEW__URI": "sip:192.0.2.3",
    }.items():
        monkeypatch.setenv(f"B2BUA__{name}", value)
    settings = load(file)
    assert (settings.sip.max_calls, settings.sip.ring_timeout_s, settings.sip.user_agent) == (7, 2.5, "file")
    assert [(one.transport, one.host, one.port) for one in settings.sip.listeners] == [("tcp", "192.0.2.9", 5080)]
    assert (settings.store, settings.log.digits, settings.media.codecs) == ("sqlite:///environment", True, ("PCMA",))
    assert settings.peers["pbx"].trust_headers
    assert settings.peers["pbx"].account == "1" * 32
    assert set(settings.peers) == {"trunk", "pbx", "new"}


@pytest.mark.parametrize(("name", "value", "expected"), [
    ("B2BUA__SIP__MAX_CALLS", "many", "environment B2BUA__SIP__MAX_CALLS: sip.max_calls = 'many': "),
    ("B2BUA__SIP__LISTEN", "udp:127.0.0.1:5060", "environment: B2BUA__SIP__LISTEN: a list or a mapping"),
    ("B2BUA__SIP__LISEN", "x", "environment B2BUA__SIP__LISEN: sip.lisen = 'x': Extra inputs"),
    ("B2BUA__MEDIA__CODECS", '["MP3"]', "environment B2BUA__MEDIA__CODECS: media.codecs: "),
    ("B2BUA__SIPP__LISTEN", "x", "environment: B2BUA__SIPP__LISTEN: there is no section 'sipp'"),
])
def test_a_mistake_in_the_environment_names_the_variable(file: Path, monkeypatch: pytest.MonkeyPatch, name: str,
                                                         value: str, expected: str) -> None:
    monkeypatch.setenv(name, value)
    line, = lines_of(file, "sip: {user_agent: x}")
    assert line.startswith(expected)


@pytest.mark.parametrize("text", [
    "store: postgres://user:hunter2@db/b2bua", "store: 'mysql://user:hun/ter2@x@db/b2bua'",
    "stoer: postgresql://user:hunter2@db/b2bua", "peers: {a: {uri: 'sip:user:hunter2@h'}}"])
def test_no_password_is_shown(file: Path, text: str) -> None:
    assert "ter2" not in " ".join(lines_of(file, text))


def test_the_settings_can_be_printed_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("B2BUA__STORE", "postgresql://user:hunter2@db/b2bua")
    assert load().store == "postgresql://user:hunter2@db/b2bua"
    assert "hunter2" not in repr(load())
    assert without_password(load().store) == "postgresql://user:***@db/b2bua"
    assert without_password("sqlite:///var/b2bua.db") == "sqlite:///var/b2bua.db"


def test_settings_do_not_change_under_anybodys_feet() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.store = "sqlite:///x"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.sip.max_calls = 1  # type: ignore[misc]


keys = st.sampled_from(["sip", "media", "peers", "routes", "store", "listen", "uri", "from", "to", "x"])
documents = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                         lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
                         max_leaves=8)


@given(document=documents)
def test_whatever_the_file_holds_it_is_settings_or_lines(tmp_path_factory: pytest.TempPathFactory,
                                                         document: Any) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(yaml.safe_dump(document))
    lines: list[str] = []
    try:
        load(file)
    except ConfigError as error:
        lines = error.lines
    assert all(line.startswith(str(file)) for line in lines)
