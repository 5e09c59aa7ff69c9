# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a recording when it has ended: the `finisher` thread, which gives way to everything else.

Each step leaves behind what the next start needs to go on: the file in the work folder goes last. At the start it
finishes what a process that died has left.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from b2bua.media import encoding, wave_file
from b2bua.media.manifest import ID
from b2bua.media.recorder import replace_text
from b2bua.media.sealing import SUFFIX, SealError, public_key, seal
from b2bua.media.shelf import Shelf
from config.recordings import Recordings as Settings
from config.settings import ConfigError

log = logging.getLogger(__name__)

RETRY_S = 60.0  # a recording that could not be finished (full disk) is tried again so often
TIDY_S = 3600.0  # what is too old is looked for so often
NICE = 10
Json = dict[str, Any]
Told = Callable[[str, Mapping[str, Any]], None]  # event name and the manifest; may come from any thread


class Finishing:
    """The queue of the thread. `finish` from any thread.

    told    stored, discarded, failed: `recording.<that>`
    send    has it sent: (manifest, orders, file)
    """

    def __init__(self, settings: Settings, shelf: Shelf, told: Told,
                 send: Callable[[Json, Mapping[str, Any], Path], None]) -> None:
        self._settings, self._shelf, self._told, self._send = settings, shelf, told, send
        self._key = _key_of(settings.public_key)
        self._queue: queue.SimpleQueue[str | Json | None] = queue.SimpleQueue()
        self._later: dict[str, tuple[str | Json, float]] = {}  # by id: what was in the queue, and when to try it again
        self._troubled: set[str] = set()  # told once to have failed
        self._tidied_s = -TIDY_S
        self._thread = threading.Thread(target=self._run, name="finisher", daemon=True)

    def start(self) -> None:
        """Begin with what an earlier process has left."""
        self._settings.work_directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        for path in sorted(self._settings.work_directory.glob("*.json")):
            self._queue.put(path.stem)
        self._thread.start()

    def stop(self, limit_s: float = 20.0) -> None:
        """Finish what is in the queue, as far as there is time; the next start does the rest."""
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(limit_s)

    def used_mb(self, account_id: str | None) -> float:
        """What an account's recordings take; any thread."""
        return self._shelf.used_mb(account_id)

    def finish(self, recording_id: str, manifest: Mapping[str, Any], orders: Mapping[str, Any]) -> None:
        """All its files are closed; nobody changes the manifest any more. Called on the SIP thread."""
        self._queue.put({"id": recording_id, "manifest": {**manifest}, "orders": {**orders}})

    # -- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        self._guarded("measure", self._shelf.measure)
        while True:
            try:
                item = self._queue.get(timeout=1.0)
            except queue.Empty:
                self._idle()
                continue
            if item is None:
                return
            self._guarded("finishing", partial(self._take_up, item))

    def _guarded(self, what: str, work: Callable[[], None]) -> bool:
        try:
            work()
        except Exception:  # the barrier of this thread: one recording's trouble is that recording's
            log.exception("recordings: %s failed", what)
            return False
        return True

    def _idle(self) -> None:
        now_s = time.monotonic()
        for recording_id in [one for one, (_, due_s) in self._later.items() if due_s <= now_s]:
            self._queue.put(self._later.pop(recording_id)[0])
        if now_s - self._tidied_s >= TIDY_S:
            self._tidied_s = now_s
            self._guarded("tidying", self._tidy)

    def _tidy(self) -> None:
        for account in self._shelf.accounts():
            for manifest in self._shelf.expired(account, time.time()):
                if manifest.get("status") == "stored":
                    self._shelf.delete(None if account == "none" else account, manifest)
                    self._told("expired", manifest)

    def _take_up(self, item: str | Json) -> None:
        """An id, or (from `finish`) the whole document."""
        recording_id = item if isinstance(item, str) else str(item["id"])
        note = self._settings.work_directory / f"{recording_id}.json"
        if not ID.fullmatch(recording_id):
            return
        document = item if isinstance(item, dict) else json.loads(note.read_text(encoding="utf-8"))
        manifest = document["manifest"]
        try:
            if isinstance(item, dict):
                replace_text(note, json.dumps(item))
            self._finish(copy.deepcopy(manifest), document["orders"], note)
            self._troubled.discard(recording_id)
        except (OSError, RuntimeError) as error:
            log.error("recording %s is not finished yet: %s", recording_id, error)
            if recording_id not in self._troubled:
                self._troubled.add(recording_id)
                self._told("failed", {**manifest, "error": str(error)})
            self._later[recording_id] = item, time.monotonic() + RETRY_S

    def _finish(self, manifest: Json, orders: Mapping[str, Any], note: Path) -> None:
        every = [(track, note.parent / track["work"]) for track in manifest["tracks"] if "work" in track]
        works = [(track, path) for track, path in every if wave_file.is_begun(path)]
        if manifest["status"] == "recording":
            manifest |= {"interrupted": True, "stopped_by": {"by": "crash"}}
            _end_masks(manifest)
        frames = [wave_file.repair(path) for _, path in works]
        length_s = frames[0] / manifest["recorded_rate_hz"] if frames else 0.0
        manifest |= {"duration": round(length_s), "duration_ms": round(length_s * 1000), "status": "stored"}
        if length_s < orders["min_s"] or not length_s:
            self._told("discarded", manifest)
        else:
            self._store(manifest, orders, works)
            self._told("stored", manifest)
        for _, path in every:
            path.unlink(missing_ok=True)
        note.unlink(missing_ok=True)

    def _store(self, manifest: Json, orders: Mapping[str, Any], works: list[tuple[Json, Path]]) -> None:
        """Onto the shelf, once: who died between that and the end of the work files finds it there."""
        folder = self._shelf.folder(manifest["account_id"], manifest["id"])
        stored = self._shelf.stored(manifest["account_id"], manifest["id"])
        if stored is None:
            self._put(manifest, orders, works, folder)
        else:
            manifest |= stored
        if "upload" not in manifest:
            self._send(manifest, orders, folder / manifest["file"])

    def _put(self, manifest: Json, orders: Mapping[str, Any], works: list[tuple[Json, Path]], folder: Path) -> None:
        made: list[Json] = []
        try:
            for track, path in works:
                made.append(self._make(manifest, orders, track, path))
            manifest |= {"tracks": made, "file": made[0]["file"], "sha256": made[0]["sha256"]}
            self._shelf.put(manifest["account_id"], manifest)
        except BaseException:
            for track in made:
                (folder / track["file"]).unlink(missing_ok=True)
            raise

    def _make(self, manifest: Json, orders: Mapping[str, Any], track: Json, work: Path) -> Json:
        """The file of one track; a half-made one of an earlier try is made anew."""
        rate_hz = encoding.fitting_rate(orders["sample_rate_hz"], orders["format"], manifest["recorded_rate_hz"])
        part = work.with_suffix(f".{orders['format']}.part")
        encoding.encode(work, part, orders["format"], rate_hz)
        digest, sealed = encoding.sha256(part), {}
        name = Path(manifest["name"])
        number = manifest["tracks"].index(track) + 1
        name = name if number == 1 else name.with_stem(f"{name.stem}-{number}")
        if self._key is not None:
            locked = part.with_name(part.name + SUFFIX)
            locked.unlink(missing_ok=True)
            seal(part, locked, self._key)
            part.unlink()
            part, name = locked, name.with_name(name.name + SUFFIX)
            sealed = {"sealed": True, "sealed_sha256": encoding.sha256(part)}
        target = self._shelf.free_name(self._shelf.folder(manifest["account_id"], manifest["id"]), name.name,
                                       manifest["id"])
        size = part.stat().st_size
        try:
            _move(part, target)
        except OSError:
            target.unlink(missing_ok=True)
            raise
        kept = {key: value for key, value in track.items() if key != "work"}
        return {**kept, "file": target.name, "sha256": digest, "bytes": size, "sample_rate_hz": rate_hz, **sealed}


def _key_of(path: Path | None) -> X25519PublicKey | None:
    """raises ConfigError naming the setting"""
    try:
        return public_key(path) if path is not None else None
    except SealError as error:
        raise ConfigError([f"recordings.public_key: {error}"]) from None


def _move(source: Path, target: Path) -> None:
    """Whole or not at all, from another file system too. raises OSError"""
    try:
        os.replace(source, target)
    except OSError:
        beside = target.with_name(target.name + ".part")
        shutil.copy(source, beside)  # and who may read it
        os.replace(beside, target)
        source.unlink()


def _end_masks(manifest: Json) -> None:
    for mask in manifest.get("masked") or []:
        mask.setdefault("ended_by", {"by": "crash"})
