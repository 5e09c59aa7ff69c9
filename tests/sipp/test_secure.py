# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS and SRTP with real phones: who is heard is known by tone, so the keys went the right way."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.phone import Phone
from tests.peers.ports import free_port
from tests.peers.sidecar import Sidecar, between, seed_document
from tests.sipp.test_sound import assert_hears_only

A, B = "127.0.0.2", "127.0.0.3"
A_HZ, B_HZ = 500, 900


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own making, and its key, in one file."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    key = file.with_name("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=b2bua.test", "-keyout", str(key), "-out", str(file)],
                   check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


class Line:
    """The product between a phone at A and a phone at B, each by `tls` (with SRTP) or `udp` (without)."""

    def __init__(self, directory: Path, pem: Path, kinds: tuple[str, str]) -> None:
        self._kinds, self._pem = kinds, str(pem)
        self._ports = (free_port(A), free_port(B))
        self.sip = {"udp": free_port("127.0.0.1")}
        self.sip["tls"] = self.sip["udp"] + 4000  # free_port looks below that
        config = between((A, self._ports[0]), (B, self._ports[1]))
        for name, kind in zip(("trunk", "pbx"), kinds, strict=True):
            if kind == "tls":
                config["peers"][name] |= {"uri": config["peers"][name]["uri"] + ";transport=tls", "srtp": "required"}
        config["sip"] = {"listen": [f"{kind}:127.0.0.1:{port}" for kind, port in self.sip.items()],
                         "tls_certificate": str(pem), "tls_key": str(pem)}
        self.b2bua = Sidecar(directory, config, seed_document())

    @contextmanager
    def phones(self) -> Iterator[tuple[Phone, Phone]]:
        """Both switched on, with the product."""
        with (self.b2bua.running(), Phone.open(A, self._ports[0], self._kinds[0], self._pem) as a,
              Phone.open(B, self._ports[1], self._kinds[1], self._pem) as b):
            a.tone(A_HZ)
            b.tone(B_HZ)
            yield a, b

    def uri(self, number: str, kind: str) -> str:
        """A number at the product, by this transport."""
        return f"sip:{number}@127.0.0.1:{self.sip[kind]};transport={kind}"


@pytest.mark.parametrize("kinds", [("tls", "tls"), ("tls", "udp"), ("udp", "tls")], ids="-".join)
def test_tls_and_srtp_legs_hear_each_other(tmp_path: Path, pem: Path, kinds: tuple[str, str]) -> None:
    line = Line(tmp_path / "b2bua", pem, kinds)
    with line.phones() as (a, b):
        a.call(line.uri("1001", kinds[0]))
        b.wait("incoming")
        b.answer()
        for phone in (a, b):
            phone.wait("state", state="confirmed")
        line.b2bua.wait_metric("b2bua_relayed_calls", 1)
        assert_hears_only(a, tmp_path / "a.wav", B_HZ, A_HZ)
        assert_hears_only(b, tmp_path / "b.wav", A_HZ, B_HZ)
        b.digits("*8")  # a code is heard through SRTP too
        a.wait("state", state="disconnected")
        line.b2bua.wait_quiet()


def test_a_peer_that_must_use_srtp_is_refused_without(tmp_path: Path, pem: Path) -> None:
    line = Line(tmp_path / "b2bua", pem, ("tls", "tls"))
    with line.b2bua.running(), Phone.open(A) as plain:
        plain.call(line.uri("1001", "udp"))
        assert plain.wait("state", state="disconnected")["code"] == 488
