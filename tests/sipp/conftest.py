# SPDX-License-Identifier: GPL-3.0-or-later
"""One `b2bua run` for the whole of tests/sipp, between a trunk (127.0.0.2) and a PBX (127.0.0.3) with a second desk.

Numbers: 1xxx goes to the PBX, 3xxx to the desk, 61xx to a PBX whose REFER is relayed, 7xxx to a PBX by TCP, 8xxx to one
that never answers (an address of its own: INVITEs to it are repeated for 32 s, RFC 3261 timer B), 9xxx has no route;
from the PBX 5NNxxx goes to the trunk 127.0.0.NN and everything else to the trunk. After every test no call and no bank
slot may be in use, and the log must hold no traceback.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.peers.messages import SipMessage
from tests.peers.ports import free_port
from tests.peers.rtp import Track
from tests.peers.rtp_end import RtpEnd
from tests.peers.sidecar import ACCOUNT_ID, Sidecar, seed_document
from tests.peers.sipp import Scenario, Sipp
from tests.sipp import sounds

TRUNK, PBX, DESK, TCP, SILENT, STRANGER, RELAYING = (f"127.0.0.{host}" for host in (2, 3, 4, 6, 7, 9, 10))
FRESH = tuple(f"127.0.0.{host}" for host in range(20, 44))  # trunks about which the product knows nothing yet
HOSTS = (TRUNK, PBX, DESK, TCP, SILENT, RELAYING, *FRESH)
RTP_PORTS = "24000-27999"  # away from the default range, below the ephemeral ports


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs SIPp and the product."""
    here = Path(__file__).parent
    missing = shutil.which("sipp") is None
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.sipp)
            if missing:
                item.add_marker(pytest.mark.skip(reason="SIPp is not installed (apt install sip-tester)"))


def config(ports: dict[str, int]) -> dict[str, Any]:
    """Short timeouts; the peers on the given ports."""
    def peer(host: str, extra: str = "", **more: Any) -> dict[str, Any]:
        return {"uri": f"sip:{host}:{ports[host]}{extra}", "match": [host], "refer_timeout_s": 3,
                "connected_identity": "never", **more}

    fresh = [host.rpartition(".")[2] for host in FRESH]
    return {
        "sip": {"ring_timeout_s": 3, "silent_timeout_s": 2, "drain_s": 5},
        "media": {"ports": RTP_PORTS, "timeout_s": 8},
        "recordings": {"min_free_mb": 0},
        "park": {"timeout_s": 6, "ring_s": 4, "rounds": 1, "pickup": r"\*7(\d+)"}, "pivot": {"private_addresses": True},
        "peers": {"trunk": peer(TRUNK), "pbx": peer(PBX, account=ACCOUNT_ID, diversion=True),
                  "desk": peer(DESK, account=ACCOUNT_ID, hold_music="ours"),
                  "tcp": peer(TCP, ";transport=tcp", account=ACCOUNT_ID), "silent": peer(SILENT),
                  "relaying": peer(RELAYING, referred="relay", refer="never", connected_identity="reinvite"),
                  **{f"fresh{host}": peer(f"127.0.0.{host}", username="b2bua", password="secret",
                                          connected_identity="update") for host in fresh}},
        "transfers": {"deny": ["1900"]},
        "routes": [
            *({"from": "pbx", "to": f"fresh{host}", "numbers": rf"5{host}\d+"} for host in fresh),
            *({"from": source, "to": target, "numbers": numbers}
              for source in ("trunk", "pbx", "desk", "tcp", "relaying", *(f"fresh{host}" for host in fresh))
              for target, numbers in (("pbx", r"1\d{3}"), ("desk", r"3\d{3}"), ("tcp", r"7\d{3}"),
                                      ("silent", r"8\d{3}"), ("relaying", r"61\d{2}"))),
            {"from": "pbx", "to": "trunk", "numbers": r"[2456]\d+"},
        ],
    }


@dataclass(frozen=True)
class Device:
    """A far end whose sound is ours to make."""

    sipp: Sipp
    rtp: RtpEnd

    def plays(self, hz: float, part: Callable[[Track], Track], *, call: int = 1) -> None:
        """From the answer on it plays `part` of a track with this tone into its first (second, ...) call."""
        sdp = self.sipp.peer_sdp(call=call, timeout_s=10)
        self.rtp.play(part(Track(hz, event=sdp.event_type or 0)), to=sdp.media)

    def finish(self) -> list[SipMessage]:
        """As of `Sipp`."""
        return self.sipp.finish()


class Stage:
    """The product and the far ends around it."""

    def __init__(self, sidecar: Sidecar, ports: dict[str, int], workdir: Path, stack: ExitStack) -> None:
        self.sidecar, self.ports, self.workdir, self._stack = sidecar, ports, workdir, stack

    def answering(self, name: str, host: str = PBX, **options: Any) -> Sipp:
        """A far end that waits for our calls, at its peer's address."""
        sipp = Sipp(Scenario(name, **options), self.workdir, host, self.ports[host], self.sidecar.sip)
        return self._stack.enter_context(sipp).wait_bound()

    def calling(self, name: str, host: str = TRUNK, **options: Any) -> Sipp:
        """A far end that calls us."""
        sipp = Sipp(Scenario(name, **options), self.workdir, host, free_port(host), self.sidecar.sip)
        return self._stack.enter_context(sipp)

    def call(self, caller: str, pbx: str, *, talk_ms: int = 300) -> tuple[list[SipMessage], list[SipMessage]]:
        """One call from the trunk to the PBX that must go as both scenarios say; what each of them saw."""
        called = self.answering(pbx, talk_ms=talk_ms)
        calling = self.calling(caller, talk_ms=talk_ms)
        return calling.finish(), called.finish()

    def rtp(self, host: str) -> RtpEnd:
        """An audio port for a second call of a far end."""
        return self._stack.enter_context(RtpEnd.open(host))

    def device(self, name: str = "pbx-answers-expect-bye", host: str = PBX, **options: Any) -> Device:
        """A far end that waits for our calls and has sound."""
        rtp = self._stack.enter_context(RtpEnd.open(host))
        return Device(self.answering(name, host, rtp_port=rtp.port, **options), rtp)

    def caller(self, name: str, host: str = TRUNK, **options: Any) -> Device:
        """A far end that calls us and has sound."""
        rtp = self._stack.enter_context(RtpEnd.open(host))
        return Device(self.calling(name, host, rtp_port=rtp.port, **options), rtp)

    def new_recordings(self, before: set[Path]) -> list[Path]:
        """The recordings that were not there before; all that were begun must have ended."""
        self.sidecar.wait_recorded()
        return sorted(self.recordings() - before)

    def recordings(self) -> set[Path]:
        """The WAV files of finished recordings."""
        return set(self.sidecar.recordings.glob("*/*/*.wav"))


@pytest.fixture(scope="session")
def ports() -> dict[str, int]:
    """The SIP port of each peer."""
    return {host: free_port(host) for host in HOSTS}


@pytest.fixture(scope="session")
def sidecar(ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """The product, running; it must end well on SIGTERM."""
    seed = seed_document()
    seed["accounts"][0]["devices"].append(sounds.device())
    product = Sidecar(tmp_path_factory.mktemp("b2bua"), config(ports), seed)
    sounds.write_files(product.directory / "sounds")
    with product.running():
        yield product
        assert product.stop() == 0, product.log_tail()
    assert "Traceback" not in product.log.read_text(errors="replace")


@pytest.fixture(scope="session")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sidecar, dict[str, int]]]:
    """A second product, which gives up a silent leg after 4 s and a parked party after 5, and the ports of its peers.

    Its own ports: what it repeats to a peer that was switched off must not reach the peer of another test.
    """
    ports = {host: free_port(host) for host in HOSTS}
    whole = config(ports)
    whole |= {"media": {"ports": "20000-23999", "timeout_s": 4}, "park": {**whole["park"], "timeout_s": 3, "ring_s": 2}}
    product = Sidecar(tmp_path_factory.mktemp("impatient"), whole, seed_document())
    with product.running():
        yield product, ports
        assert product.stop() == 0, product.log_tail()


@pytest.fixture
def fresh_trunk(sidecar: Sidecar, fresh_trunks: Iterator[str]) -> str:
    """A trunk that no test has used, for what the product learns about a peer."""
    return next(fresh_trunks)


@pytest.fixture(scope="session")
def fresh_trunks() -> Iterator[str]:
    """All of them."""
    return iter(FRESH)


@pytest.fixture
def stage(sidecar: Sidecar, ports: dict[str, int], tmp_path: Path) -> Iterator[Stage]:
    """The product between two tests: afterwards nothing may be left of the calls."""
    yield from _staged(sidecar, ports, tmp_path)


@pytest.fixture
def impatient_stage(impatient: tuple[Sidecar, dict[str, int]], tmp_path: Path) -> Iterator[Stage]:
    """The same around the impatient one."""
    yield from _staged(*impatient, tmp_path)


def _staged(sidecar: Sidecar, ports: dict[str, int], tmp_path: Path) -> Iterator[Stage]:
    seen = sidecar.log.stat().st_size
    with ExitStack() as stack:
        yield Stage(sidecar, ports, tmp_path, stack)
    sidecar.wait_quiet()
    news = sidecar.log.read_bytes()[seen:].decode(errors="replace")
    assert "Traceback" not in news, news
