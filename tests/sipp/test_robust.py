# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input, vanished peers and the end of the service: one call affected at most, and never the process."""

from __future__ import annotations

import os
import random
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.sidecar import Sidecar, seed_document
from tests.peers.sound import read_wav
from tests.sipp.conftest import RELAYING, TRUNK, Stage, config

TORTURE = Path(__file__).resolve().parents[3] / "shared" / "spec" / "rfc4475"
TORTURE_MESSAGES = sorted(TORTURE.glob("*.dat"))
ANSWER_S = 2.0
REPEATS = 4  # a lost datagram is repeated, as RFC 3261 timer E does


def wait_alive(address: tuple[str, int]) -> None:
    """OPTIONS from a known peer gets 200."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((TRUNK, 0))
        udp.settimeout(ANSWER_S / REPEATS)
        host, port = udp.getsockname()
        call_id = os.urandom(8).hex()
        request = (f"OPTIONS sip:{address[0]}:{address[1]} SIP/2.0\r\n"
                   f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call_id}\r\n"
                   f"Max-Forwards: 70\r\nFrom: <sip:probe@{host}>;tag=1\r\nTo: <sip:{address[0]}>\r\n"
                   f"Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode()
        for _ in range(REPEATS):
            udp.sendto(request, address)
            try:
                assert udp.recv(65535).startswith(b"SIP/2.0 200"), "OPTIONS was not answered with 200"
            except TimeoutError:
                continue
            return
    raise AssertionError("OPTIONS was not answered: the process is stuck or gone")


def throw(data: bytes, address: tuple[str, int]) -> None:
    """Send it from the trunk's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((TRUNK, 0))
        udp.sendto(data, address)


@pytest.mark.skipif(not TORTURE_MESSAGES, reason="the messages of RFC 4475 are not here")
def test_every_torture_message_of_rfc4475_is_survived(stage: Stage) -> None:
    for message in TORTURE_MESSAGES:
        throw(message.read_bytes(), stage.sidecar.sip)
        wait_alive(stage.sidecar.sip)


@pytest.mark.parametrize("garbage", [
    b"", b"\0", b"\r\n\r\n", b"INVITE", b"INVITE sip:1001@x SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"\xff" * 1400,
    b"INVITE sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2\r\n"
    b"From: \r\nTo: \r\nCall-ID: \r\nCSeq: x\r\n\r\n",
    b"INVITE sip:" + b"9" * 60000 + b"@127.0.0.1 SIP/2.0\r\n\r\n",
], ids=["empty", "nul", "keep-alive", "word", "no-headers", "stray-200", "0xff", "empty-headers", "60kB-uri"])
def test_garbage_is_survived(stage: Stage, garbage: bytes) -> None:
    throw(garbage, stage.sidecar.sip)
    wait_alive(stage.sidecar.sip)


def test_a_thousand_mutated_invites_are_survived(stage: Stage) -> None:
    rng = random.Random(4475)
    invite = (b"INVITE sip:9999@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:9;branch=z9hG4bKm%d\r\n"
              b"Max-Forwards: 70\r\n"
              b'From: "A" <sip:a@127.0.0.2>;tag=1\r\nTo: <sip:9999@127.0.0.1>\r\nCall-ID: m%d\r\nCSeq: 1 INVITE\r\n'
              b"Contact: <sip:a@127.0.0.2:9>\r\nContent-Type: application/sdp\r\nContent-Length: 107\r\n\r\n"
              b"v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
              b"m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")
    for number in range(1000):
        mutated = bytearray(invite % (number, number))
        for _ in range(rng.randint(1, 8)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        throw(bytes(mutated), stage.sidecar.sip)
        if number % 100 == 99:
            wait_alive(stage.sidecar.sip)
    wait_alive(stage.sidecar.sip)


@pytest.mark.parametrize(("caller", "pbx"), [
    ("caller-vanishes-expect-nothing", "pbx-answers-expect-bye"),
    ("caller-answered-expect-bye-from-pbx", "pbx-vanishes-expect-nothing"),
])
def test_when_a_peer_vanishes_the_other_is_hung_up_on(stage: Stage, caller: str, pbx: str) -> None:
    called = stage.answering(pbx, RELAYING)  # BYE is repeated to its port for half a minute: no later test may be there
    stage.calling(caller, service="6100").finish()
    called.finish()  # media.timeout_s: no sound from anybody


def test_a_call_beside_a_vanished_one_goes_on(stage: Stage) -> None:
    stage.answering("pbx-answers-expect-bye", calls=2)
    stage.calling("caller-vanishes-expect-nothing").finish()
    stage.calling("caller-answered-expect-200-then-bye", talk_ms=1000).finish()
    stage.sidecar.wait_metric("b2bua_calls_active", 0, 12)


# -- a product of its own ---------------------------------------------------------------------------------------------


@contextmanager
def own_sidecar(stage: Stage, ports: dict[str, int], recordings: Path | None = None) -> Iterator[Stage]:
    """A second product, for tests after which it is no more what it was."""
    product = Sidecar(stage.workdir / "own", config(ports), seed_document(), recordings=recordings)
    with product.running():
        shared, stage.sidecar = stage.sidecar, product
        try:
            yield stage
        finally:
            stage.sidecar = shared


def test_sigterm_lets_live_calls_go_on_and_takes_no_new_ones(stage: Stage, ports: dict[str, int]) -> None:
    with own_sidecar(stage, ports):
        pbx = stage.answering("pbx-answers-expect-bye")
        live = stage.calling("caller-answered-expect-200-then-bye", talk_ms=2500)
        live.wait_message("ACK")
        stage.sidecar.signal(signal.SIGTERM)
        stage.calling("caller-draining-expect-503").finish()
        live.finish()
        pbx.finish()
        assert stage.sidecar.wait() == 0


def test_calls_that_outlive_the_drain_get_bye(stage: Stage, ports: dict[str, int]) -> None:
    with own_sidecar(stage, ports):
        pbx = stage.answering("pbx-answers-expect-bye")
        live = stage.calling("caller-answered-expect-bye-from-pbx")
        live.wait_message("ACK")
        stage.sidecar.signal(signal.SIGTERM)
        live.finish()
        pbx.finish()
        assert stage.sidecar.wait() == 0


def test_a_second_signal_ends_at_once(stage: Stage, ports: dict[str, int]) -> None:
    with own_sidecar(stage, ports):
        stage.answering("pbx-answers-expect-bye")
        live = stage.calling("caller-answered-expect-bye-from-pbx")
        live.wait_message("ACK")
        stage.sidecar.signal(signal.SIGTERM)
        stage.calling("caller-draining-expect-503").finish()  # it drains
        stage.sidecar.signal(signal.SIGTERM)
        stage.sidecar.wait(3)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_costs_the_rest_of_the_recording_and_nothing_else(stage: Stage, ports: dict[str, int]) -> None:
    with small_disk(stage.workdir / "disk", "160k") as disk, own_sidecar(stage, ports, disk):
        device = stage.device()
        caller = stage.calling("caller-answered-expect-200-then-bye", talk_ms=5000)
        device.plays(900, lambda track: track.talk(0.5).digits("*9").talk(4))
        caller.finish()
        device.finish()
        assert stage.sidecar.metric("b2bua_recordings_total", outcome="paused") == 1
        stage.sidecar.wait_quiet()
        (recording,) = disk.glob("work/*.wav")  # it is finished when there is room
        rate_hz, channels = read_wav(recording)
        assert len(channels[0]) > rate_hz  # over a second was kept
        assert stage.sidecar.stop() == 0
    assert "No space left" in stage.workdir.joinpath("own", "b2bua.log").read_text()


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    """A file system that is soon full; skips where it cannot be had."""
    directory.mkdir()
    if os.system(f"mount -t tmpfs -o size={size} tmpfs '{directory}' 2>/dev/null") != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        yield directory
    finally:
        os.system(f"umount -l '{directory}'")
