# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes part: the caller outside, the product, Asterisk behind it, and two phones of Asterisk.

    caller (555xxxx, or device 2001) -- b2bua -- Asterisk -- desk (1001), colleague (1002)

Each phone speaks with a tone of its own and Asterisk's music is another, so whoever is heard is known by frequency.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import soundfile

from tests.interop.asterisk import MUSIC_HZ, Asterisk
from tests.peers.phone import Phone
from tests.peers.ports import free_port
from tests.peers.sidecar import ACCOUNT_ID, Sidecar, between, seed_document
from tests.peers.sound import has_tone, read_wav, tone

CALLER, DESK, COLLEAGUE = "127.0.0.2", "127.0.0.6", "127.0.0.7"
OUR_MUSIC_HZ = 1100
SPEAKS_HZ = {"caller": 500, "desk": 900, "colleague": 1300, "music": MUSIC_HZ, "our music": OUR_MUSIC_HZ}
OWNER = "f" * 32  # the user whose devices the phones of the PBX are
CODES = {
    "binding_digit": "*",
    "numbers": {
        "0": {"module": "move"},
        "4": {"module": "hold", "data": {"unhold_key": "1"}},
        "5": {"module": "park"},
        "8": {"module": "hangup"},
        "9": {"module": "record_call", "data": {"action": "toggle", "format": "wav"}},
    },
    "patterns": {
        r"^2(\d+)$": {"module": "transfer", "data": {"transfer_type": "blind"}},
        r"^3(\d{4})$": {"module": "transfer", "data": {"transfer_type": "attended"}},
    },
}
LISTEN_S = 0.4  # one look at what is heard
STEP_S = 12.0  # how long anything may take to come true
REMOTE = "2001"  # the caller's number when it is a device of the account


class Stage:
    """Everybody, and what may be said of them."""

    def __init__(self, root: Path, directory: Path) -> None:
        self.told: list[str] = []
        self._directory = directory
        self._ports = {host: free_port(host) for host in (CALLER, DESK, COLLEAGUE)}
        self.pbx = Asterisk(root)
        self.b2bua = Sidecar(directory / "b2bua", self._config(), self._seed())
        self.caller: Phone
        self.desk: Phone
        self.colleague: Phone

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = between((CALLER, self._ports[CALLER]), self.pbx.sip)
        config["peers"]["trunk"] |= {"account": ACCOUNT_ID, "numbers": "routed"}
        sounds = self._directory / "b2bua/sounds"
        sounds.mkdir(parents=True)
        soundfile.write(sounds / "music.wav", tone(OUR_MUSIC_HZ, 5.0), 8000)
        return {**config, "sounds": {"hold_music": "music.wav"}, "park": {"pickup": r"\*7(\d+)"},
                "log": {"level": "debug"}}

    def _seed(self) -> dict[str, Any]:
        seed = seed_document()
        (account,) = seed["accounts"]
        account["users"] = [{"id": OWNER, "name": "Owner", "metaflows": CODES}]
        account["devices"][2:] = [{**account["devices"][0], "id": f"{int(REMOTE):032x}", "name": "Remote",
                                   "numbers": [REMOTE], "sip": {"username": "remote"}}]
        for device in account["devices"]:
            device |= {"owner_id": OWNER if device["numbers"] != [REMOTE] else None, "metaflows": CODES}
        return seed

    @contextmanager
    def standing(self) -> Iterator[Stage]:
        """The PBX runs."""
        peers = {"b2bua": self.b2bua.sip, "desk": (DESK, self._ports[DESK]),
                 "colleague": (COLLEAGUE, self._ports[COLLEAGUE])}
        with self.pbx.running(peers):
            yield self

    @contextmanager
    def phones(self, directory: Path) -> Iterator[Stage]:
        """For one test: a product that remembers nothing, and the phones; afterwards nothing is left of any call.

        directory   where what they hear is recorded, and the product's log
        """
        self._directory, self.told = directory, []
        self.pbx.cli("channel request hangup all")  # a test that failed may have left some
        with self.b2bua.running():
            try:
                with self._switched_on():
                    yield self
                self.b2bua.wait_quiet(STEP_S)
                self.pbx.wait_channels(0, STEP_S)
            finally:
                shutil.copy(self.b2bua.log, directory)

    @contextmanager
    def _switched_on(self) -> Iterator[None]:
        with ExitStack() as stack:
            self.caller, self.desk, self.colleague = (
                stack.enter_context(Phone.open(host, port)) for host, port in self._ports.items())
            for name, phone in self._by_name().items():
                phone.tone(SPEAKS_HZ[name])
            yield

    def _by_name(self) -> dict[str, Phone]:
        return {"caller": self.caller, "desk": self.desk, "colleague": self.colleague}

    def call(self, calling: Phone, number: str, called: Phone, *, from_user: str = "5551234") -> None:
        """A call that is answered."""
        at = self.b2bua.sip if calling is self.caller else self.pbx.sip
        calling.call(f"sip:{number}@{at[0]}:{at[1]}", from_user)
        called.wait("incoming", STEP_S)
        called.answer()
        for phone in (calling, called):
            phone.wait("state", STEP_S, state="confirmed")

    def hears(self, name: str, *whom: str) -> None:
        """A phone hears these and nobody else, now or soon. Raises AssertionError with what it hears."""
        wanted, heard = set(whom), None
        end_s = time.monotonic() + STEP_S
        while heard != wanted:
            assert time.monotonic() < end_s, f"{name} hears {heard or 'nobody'}, not {wanted or 'nobody'}"
            heard = self._heard(name)
        self.told.append(f"{name} hears {' and '.join(sorted(wanted)) or 'nobody'}")

    def _heard(self, name: str) -> set[str]:
        phone = self._by_name()[name]
        file = self._directory / f"{name}-{time.monotonic_ns()}.wav"
        phone.record(file)
        time.sleep(LISTEN_S)
        phone.stop_record()
        rate_hz, (sound,) = read_wav(file)
        return {who for who, hz in SPEAKS_HZ.items() if has_tone(sound, hz, rate_hz)}

    def talk(self, one: str, other: str) -> None:
        """These two hear each other and nobody else."""
        self.hears(one, other)
        self.hears(other, one)
        self.told.append(f"{one} <-> {other}")

    def metric(self, name: str, value: float, **labels: str) -> None:
        """Wait for a metric of the product."""
        self.b2bua.wait_metric(name, value, STEP_S, **labels)

