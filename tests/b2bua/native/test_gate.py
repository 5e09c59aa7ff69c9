# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate, asked with raw UDP packets from two loopback addresses: one allowed, one not."""

from __future__ import annotations

import itertools
import socket
from typing import Any

import pytest

pytestmark = pytest.mark.sip

FRIEND = "127.0.0.1"
STRANGER = "127.0.0.2"
OURS = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY"
NOT_SERVED = ["REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "NOTIFY", "REFER", "INFO", "UPDATE", "PRACK"]


def test_strangers_are_refused_and_counted(play: Any) -> None:
    found = play("strangers")
    assert found["answers"] == dict.fromkeys(("INVITE", "OPTIONS", "CANCEL", "REGISTER", "FOO"), 403)
    assert found["ack"] is None, "an ACK is never answered"
    assert found["refused_unknown"] == 6
    assert found["last_refused"].startswith(f"403 ACK from {STRANGER}:")
    assert found["after_allow"] == 200
    assert found["after_forbid_all"] == 403
    assert found["in_dialog"] == 481, "a To tag of no dialog of ours"
    assert found["counted_in_dialog"] == 1, "and counted; the ACK of a refusal is not"


def test_networks(play: Any) -> None:
    found = play("networks")
    assert found["valid"] == {"192.0.2.0/24": True, "2001:db8::/32": True, "198.51.100.7": True, "::1": True}
    assert not any(found["invalid"].values()), found["invalid"]
    assert found["allowed"] == {
        "192.0.2.1": True,
        "192.0.3.1": False,
        "198.51.100.7": True,
        "198.51.100.6": False,
        "2001:db8:1::5": True,
        "2001:db9::": False,
        "::1": True,
        "::ffff:192.0.2.1": True,
        "nonsense": False,
    }


def test_options_is_the_keep_alive_answer(play: Any) -> None:
    found = play("options")
    assert found["code"] == 200
    assert found["allow"] == OURS
    assert found["accept"] == "application/sdp"
    assert {"100rel", "timer"} <= set(found["supported"])
    assert found["same_tag"], "a retransmission gets the same answer"
    assert found["count"] == 3
    assert found["refused"] == 0


def test_methods_outside_a_dialog(play: Any) -> None:
    found = play("methods")
    assert found["codes"] == {**dict.fromkeys(NOT_SERVED, 405), "BYE": 481, "CANCEL": 481, "FOO": 501}
    assert found["allow"] == {"REGISTER": OURS, "FOO": OURS}
    assert found["register_with_tag"] == 405
    assert found["refused_method"] == len(NOT_SERVED) + 3


def test_hops(play: Any) -> None:
    found = play("hops")
    assert found["zero"] == 483
    assert found["absent"] not in (None, 483)
    assert found["refused_hops"] == 1


def test_drain(play: Any) -> None:
    found = play("drain")
    assert found["invite"] == [503, "17"]
    assert found["options"] == [503, "17"]
    assert found["without_header"] == [503, ""]
    assert found["after"] == 200
    assert found["refused_draining"] == 2


def test_packets_that_are_not_sip(play: Any) -> None:
    found = play("garbage")
    assert found["answers"] == [None] * 4
    assert found["malformed"] == 3, "and the keep-alive line breaks are not counted"
    assert found["alive"] == 200


def test_one_gate_and_only_after_init(play: Any) -> None:
    assert play("second_gate") == ["RuntimeError"]


class Probe:
    """Sends requests to the endpoint and lets it answer."""

    def __init__(self, rig: Any, port: int) -> None:
        self._rig = rig
        self._port = port
        self._serial = itertools.count(1)

    def ask(self, method: str, source: str = FRIEND, hops: str = "70", tag: str = "", copies: int = 1) -> list[str]:
        """Send a request; return the answers, first line and fields."""
        with self._socket(source) as sock:
            here = f"{source}:{sock.getsockname()[1]}"
            serial = next(self._serial)
            lines = [
                f"{method} sip:desk@127.0.0.1:{self._port} SIP/2.0",
                f"Via: SIP/2.0/UDP {here};branch=z9hG4bKprobe{serial};rport",
                *([f"Max-Forwards: {hops}"] if hops else []),
                "From: <sip:probe@example.invalid>;tag=probe",
                f"To: <sip:desk@127.0.0.1>{tag}",
                f"Call-ID: probe-{serial}",
                f"CSeq: 1 {method}",
                f"Contact: <sip:probe@{here}>",
                "Content-Length: 0",
            ]
            packet = ("\r\n".join(lines) + "\r\n\r\n").encode()
            return [answer for _ in range(copies) for answer in self.exchange(sock, packet)]

    def code(self, *arguments: Any, **keywords: Any) -> int | None:
        """Status of the first answer, None when there was none."""
        return status(self.ask(*arguments, **keywords))

    def raw(self, packet: bytes) -> int | None:
        with self._socket(FRIEND) as sock:
            return status(self.exchange(sock, packet))

    def exchange(self, sock: socket.socket, packet: bytes) -> list[str]:
        sock.sendto(packet, ("127.0.0.1", self._port))
        self._rig.poll(0.05)
        answers = []
        while True:
            try:
                answers.append(sock.recv(65535).decode())
            except BlockingIOError:
                return answers

    @staticmethod
    def _socket(source: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.setblocking(False)
        return sock


def status(answers: list[str]) -> int | None:
    return int(answers[0].split()[1]) if answers else None


def field(answer: str, name: str) -> str:
    """Value of a header field, "" when absent."""
    prefix = f"{name}: ".lower()
    return next((line[len(prefix) :] for line in answer.split("\r\n") if line.lower().startswith(prefix)), "")


def strangers(probe: Probe, gate: Any) -> Any:
    answers = {method: probe.code(method, STRANGER) for method in ("INVITE", "OPTIONS", "CANCEL", "REGISTER", "FOO")}
    ack = probe.code("ACK", STRANGER)
    counted, last = gate.refused_unknown(), gate.last_refused()
    in_dialog = probe.code("BYE", STRANGER, tag=";tag=none")
    probe.code("ACK", STRANGER, tag=";tag=none")
    counted_in_dialog = gate.refused_unknown() - counted
    gate.allow(STRANGER)
    after_allow = probe.code("OPTIONS", STRANGER)
    gate.forbid_all()
    return {
        "answers": answers,
        "ack": ack,
        "refused_unknown": counted,
        "last_refused": last,
        "in_dialog": in_dialog,
        "counted_in_dialog": counted_in_dialog,
        "after_allow": after_allow,
        "after_forbid_all": probe.code("OPTIONS", STRANGER),
    }


def networks(probe: Probe, gate: Any) -> Any:
    gate.forbid_all()
    valid = ("192.0.2.0/24", "2001:db8::/32", "198.51.100.7", "::1")
    invalid = ("", "x", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/2x", "192.0.2", "::/129", "/8")
    asked = ("192.0.2.1", "192.0.3.1", "198.51.100.7", "198.51.100.6", "2001:db8:1::5", "2001:db9::", "::1")
    results = {"valid": {text: gate.allow(text) for text in valid}, "invalid": {t: gate.allow(t) for t in invalid}}
    addresses = (*asked, "::ffff:192.0.2.1", "nonsense")
    return {**results, "allowed": {text: gate.is_allowed(text) for text in addresses}}


def options(probe: Probe, gate: Any) -> Any:
    answer = probe.ask("OPTIONS")[0]
    first, second = probe.ask("OPTIONS", copies=2)
    return {
        "code": status([answer]),
        "allow": field(answer, "Allow"),
        "accept": field(answer, "Accept"),
        "supported": field(answer, "Supported").split(", "),
        "same_tag": field(first, "To") == field(second, "To") != "",
        "count": gate.options(),
        "refused": gate.refused_unknown() + gate.refused_method(),
    }


def methods(probe: Probe, gate: Any) -> Any:
    answers = {method: probe.ask(method) for method in [*NOT_SERVED, "BYE", "CANCEL", "FOO"]}
    return {
        "codes": {method: status(answer) for method, answer in answers.items()},
        "allow": {method: field(answers[method][0], "Allow") for method in ("REGISTER", "FOO")},
        "register_with_tag": probe.code("REGISTER", tag=";tag=old"),
        "refused_method": gate.refused_method(),
    }


def hops(probe: Probe, gate: Any) -> Any:
    zero, absent = probe.code("INVITE", hops="0"), probe.code("INVITE", hops="")
    return {"zero": zero, "absent": absent, "refused_hops": gate.refused_hops()}


def drain(probe: Probe, gate: Any) -> Any:
    def pair(method: str) -> Any:
        answers = probe.ask(method)
        return [status(answers), field(answers[0], "Retry-After")]

    gate.drain(True, 17)
    found = {"invite": pair("INVITE"), "options": pair("OPTIONS")}
    gate.drain(True, 0)
    found["without_header"] = pair("INVITE")
    gate.drain(False, 0)
    return {**found, "after": probe.code("OPTIONS"), "refused_draining": gate.refused_draining()}


def garbage(probe: Probe, gate: Any) -> Any:
    packets = [
        b"\r\n\r\n",
        b"\xff" * 400,
        b"INVITE sip:desk@127.0.0.1 SIP/2.0\r\nVia: nonsense\r\n\r\n",
        b"OPTIONS sip:desk@127.0.0.1 SIP/2.0\r\nFrom: <sip:a@b>\r\n\r\n",
    ]
    answers = [probe.raw(packet) for packet in packets]
    return {"answers": answers, "malformed": gate.malformed(), "alive": probe.code("OPTIONS")}


if __name__ == "__main__":
    import endpoint
    import pjsua2 as pj

    def with_gate(scenario: Any) -> Any:
        def run(rig: Any) -> Any:
            gate = pj.Gate()
            gate.allow(FRIEND)
            probe = Probe(rig, rig.listen())
            rig.start()
            config = pj.AccountConfig()
            config.idUri = "sip:desk@127.0.0.1"
            account = pj.Account()
            account.create(config, True)
            found = scenario(probe, gate)
            rig.poll(0.1)
            account.shutdown()
            return found

        return run

    def second_gate(rig: Any) -> Any:
        gate = pj.Gate()
        errors = []
        try:
            pj.Gate()
        except Exception as error:
            errors.append(type(error).__name__)
        del gate
        return errors

    names = (strangers, networks, options, methods, hops, drain, garbage)
    endpoint.main({**{scenario.__name__: with_gate(scenario) for scenario in names}, "second_gate": second_gate})
