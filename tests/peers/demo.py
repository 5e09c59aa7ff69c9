# SPDX-License-Identifier: GPL-3.0-or-later
"""A call with codes on it, shown: `python -m tests.peers.demo` (`make demo`). Needs SIPp, no root.

The product runs between a SIPp caller and a SIPp PBX. The called device types *9, talks, types *9 again, and then
*23001. Every step is a fact that is checked; the exit code is 0 only if all of them held, and the step that did not is
named.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.peers.messages import find, ladder
from tests.peers.ports import free_port
from tests.peers.rtp import Track
from tests.peers.rtp_end import RtpEnd
from tests.peers.sidecar import Sidecar, between, seed_document
from tests.peers.sipp import Scenario, Sipp
from tests.peers.sound import dominant_hz, read_wav

DIRECTORY = Path("var/demo").resolve()
CALLER, PBX = "127.0.0.2", "127.0.0.3"
CALLER_HZ, DEVICE_HZ = 500, 900
TOLERANCE_HZ = 5
TARGET = "3001"
STEP_S = 5.0  # how long any step may take
HEARD_S = 0.4  # so much sound decides which frequency it is


def what_the_device_does(event: int) -> Track:
    """Talks, *9, talks, *9, talks, *2 and the target."""
    return (Track(DEVICE_HZ, event=event).talk(0.8).digits("*9").talk(1.6).digits("*9").talk(0.5)
            .digits(f"*2{TARGET}", digit_ms=80, gap_ms=60).talk(4.0))


def check(fact: bool, otherwise: str) -> None:
    """A step fails with this sentence unless the fact holds."""
    if not fact:
        raise AssertionError(otherwise)


def is_near(heard_hz: float, hz: float) -> bool:
    """Is it that tone?"""
    return abs(heard_hz - hz) <= TOLERANCE_HZ


class Demo:
    """The stage, and the steps in order. Each step returns what it found, in a few words."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        pbx = (PBX, free_port(PBX))
        self.sidecar = Sidecar(DIRECTORY, between((CALLER, free_port(CALLER)), pbx), seed_document())
        self._pbx_address = pbx
        self._caller_rtp = stack.enter_context(RtpEnd.open(CALLER))
        self._device_rtp = stack.enter_context(RtpEnd.open(PBX))
        self.before: Mapping[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.recording: Path | None = None
        self.caller: Sipp | None = None
        self.pbx: Sipp | None = None

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Name and step."""
        return [
            ("the sidecar starts and is healthy", self.start),
            ("a caller reaches device 1001 behind the PBX", self.call),
            ("each hears the other", self.hear),
            ("*9 starts a recording", self.recording_starts),
            ("*9 stops it", self.recording_stops),
            ("the recording has the device left, the caller right", self.listen),
            (f"*2{TARGET} sends the caller to {TARGET} (REFER)", self.transfer),
            ("both legs are released", self.release),
            ("nothing is left of the call", self.quiet),
        ]

    def start(self) -> str:
        self._stack.enter_context(self.sidecar.running())
        self.before = self.sidecar.metrics()
        return f"SIP {self.sidecar.sip[0]}:{self.sidecar.sip[1]}, API 127.0.0.1:{self.sidecar.api_port}"

    def _sipp(self, scenario: Scenario, host: str, port: int) -> Sipp:
        return self._stack.enter_context(Sipp(scenario, DIRECTORY / "sipp", host, port, self.sidecar.sip))

    def call(self) -> str:
        device = Scenario("pbx-answers-expect-bye", rtp_port=self._device_rtp.port)
        self.pbx = self._sipp(device, *self._pbx_address).wait_bound()
        caller = Scenario("caller-takes-refer-expect-bye", rtp_port=self._caller_rtp.port)
        self.caller = self._sipp(caller, CALLER, free_port(CALLER))
        self.caller.wait_message("ACK", timeout_s=STEP_S)
        self._caller_rtp.play(Track(CALLER_HZ).talk(12), to=self.caller.peer_sdp().media)
        offer = self.pbx.peer_sdp()
        self._device_rtp.play(what_the_device_does(offer.event_type), to=offer.media)
        setup_s = self.sidecar.metric("b2bua_call_setup_seconds_sum")
        return f"answered after {1000 * setup_s:.0f} ms"

    def hear(self) -> str:
        heard = {}
        for name, end, hz in (("caller", self._caller_rtp, DEVICE_HZ), ("device", self._device_rtp, CALLER_HZ)):
            limit_s = time.monotonic() + STEP_S
            while not is_near(heard_hz := dominant_hz(end.heard(HEARD_S)), hz):
                check(time.monotonic() < limit_s, f"the {name} hears {heard_hz:.0f} Hz, not {hz} Hz")
                end.wait_packets(len(end.packets) + 1, STEP_S)
            heard[name] = heard_hz
        return ", ".join(f"the {name} hears {hz:.0f} Hz" for name, hz in heard.items())

    def recording_starts(self) -> str:
        self.sidecar.wait_metric("b2bua_recordings_total", 1, STEP_S, outcome="started")
        return "the collector heard two digits and matched"

    def recording_stops(self) -> str:
        self.sidecar.wait_metric("b2bua_recordings_total", 1, STEP_S, outcome="stopped")
        self.sidecar.wait_recorded()
        files = list(self.sidecar.recordings.glob("*/*/*.wav"))
        check(len(files) == 1, f"{len(files)} WAV files in {self.sidecar.recordings}, not one")
        self.recording = files[0].relative_to(Path.cwd())
        return self.recording.name

    def listen(self) -> str:
        assert self.recording is not None
        rate_hz, channels = read_wav(self.recording)
        check(len(channels) == 2, f"it has {len(channels)} channels")
        left_hz, right_hz = (dominant_hz(channel, rate_hz) for channel in channels)
        seconds = len(channels[0]) / rate_hz
        check(is_near(left_hz, DEVICE_HZ), f"left is {left_hz:.0f} Hz, not {DEVICE_HZ}")
        check(is_near(right_hz, CALLER_HZ), f"right is {right_hz:.0f} Hz, not {CALLER_HZ}")
        check(1.0 < seconds < 3.5, f"it is {seconds:.1f} s long, not about 2 s")
        return f"left {left_hz:.0f} Hz, right {right_hz:.0f} Hz, {seconds:.1f} s"

    def transfer(self) -> str:
        assert self.caller is not None
        (refer,) = self.caller.wait_message("REFER", timeout_s=STEP_S)
        check(f"sip:{TARGET}@" in refer.get("Refer-To"), f"Refer-To is {refer.get('Refer-To')}")
        self.sidecar.wait_metric("b2bua_transfers_total", 1, STEP_S, outcome="answered")
        return f"Refer-To {refer.get('Refer-To')}, NOTIFY 200"

    def release(self) -> str:
        assert self.caller is not None
        assert self.pbx is not None
        check(len(find(self.caller.finish(), "BYE")) == 1, "the caller got no BYE")
        check(len(find(self.pbx.finish(), "BYE")) == 1, "the device got no BYE")
        return "BYE on both, as both scenarios expect"

    def quiet(self) -> str:
        self.sidecar.wait_quiet()
        return "no active call, no bank slot in use"

    def ladder(self, console: Console) -> None:
        """The SIP messages, as both SIPps logged them."""
        messages = [m for sipp in (self.caller, self.pbx) if sipp is not None for m in sipp.messages()]
        if messages:
            names = {CALLER: "caller", self.sidecar.sip[0]: "b2bua", PBX: "PBX, device 1001"}
            console.print(ladder(messages, names), soft_wrap=True)

    def moved(self) -> Table:
        """The counters that are not what they were."""
        table = Table("metric", "labels", "moved by", title="metrics")
        for (name, labels), value in sorted(self.sidecar.metrics().items(), key=lambda item: item[0][0]):
            difference = value - self.before.get((name, labels), 0)
            if name.startswith("b2bua_") and name.endswith("_total") and difference:
                table.add_row(name, ", ".join(f"{k}={v}" for k, v in sorted(labels)), f"+{difference:g}")
        return table


def run(demo: Demo, console: Console) -> str | None:
    """All steps, until one fails; its name, if one does."""
    columns = (SpinnerColumn(finished_text="[green]ok[/]"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        for name, step in demo.steps():
            task = progress.add_task(name, total=1)
            try:
                found = step()
            except (AssertionError, RuntimeError, TimeoutError, OSError) as error:
                progress.update(task, description=f"[red]{name}: failed[/]")
                console.print(str(error), style="red", markup=False)
                return name
            progress.update(task, completed=1, description=f"{name}: [cyan]{found}[/]")
    return None


def main() -> int:
    """The demo; its exit code."""
    console = Console(width=max(Console().width, 110))
    if shutil.which("sipp") is None:
        console.print("SIPp is missing: apt install sip-tester", style="red")
        return 1
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    with ExitStack() as stack:
        demo = Demo(stack)
        failed = run(demo, console)
        demo.ladder(console)
        if failed is None:
            console.print(demo.moved())
            if demo.sidecar.stop() != 0:
                failed = "the sidecar ends well on SIGTERM"
    if failed:
        console.print(f"FAILED: {failed}. Logs: {DIRECTORY}", style="bold red", markup=False)
        return 1
    console.print(f"All steps held. The recording: {demo.recording}", style="bold green", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
