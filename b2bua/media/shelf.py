# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in the recordings directory: audio and manifests, by account and month. Any thread but SIP's: files.

    <directory>/<account>/<YYYYMM>/<name>.<format>[.sealed]   the sound
    <directory>/<account>/<YYYYMM>/<32 hex>.json              what is known of it
    <work>/<id>.wav, <id>.json                                being made
    <directory>/uploads/<id>.json                             to be sent
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from b2bua.media.manifest import GREGORIAN_S, ID, made_at_s
from b2bua.media.recorder import replace_text
from config.recordings import Recordings as Settings

NOBODY = "none"  # the folder of calls that belong to no account
Json = dict[str, Any]


class Shelf:
    """Finished recordings, and a look at those that are being made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._used: dict[str, int] = {}  # bytes by account
        self._lock = threading.RLock()  # guards _used, who may take a file name, and a manifest that is rewritten

    # -- where things lie -----------------------------------------------------------------------------------------

    def folder(self, account_id: str | None, recording_id: str) -> Path:
        """The month's folder of an account."""
        return self._settings.directory / (account_id or NOBODY) / recording_id[:6]

    def manifest_path(self, account_id: str | None, recording_id: str) -> Path:
        """Where the manifest of a finished one lies."""
        return self.folder(account_id, recording_id) / f"{recording_id[7:]}.json"

    def free_name(self, folder: Path, name: str, recording_id: str) -> Path:
        """A path that nobody has: no recording is ever overwritten. It is taken at once, by an empty file."""
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        path = folder / name
        with self._lock:
            if path.exists():
                path = path.with_stem(f"{path.stem}-{recording_id[7:]}")
            path.touch(mode=0o640)
        return path

    # -- reading --------------------------------------------------------------------------------------------------

    def get(self, account_id: str, recording_id: str) -> Json | None:
        """The manifest of a finished one or of one that runs; None when there is none in that account."""
        if not ID.fullmatch(recording_id):
            return None
        manifest = self.stored(account_id, recording_id)
        if manifest is not None:
            return manifest
        found = self._in_work(recording_id)
        return found if found is not None and found.get("account_id") == account_id else None

    def stored(self, account_id: str | None, recording_id: str) -> Json | None:
        """The manifest of a finished one. The id must have been checked."""
        return read_json(self.manifest_path(account_id, recording_id))

    def audio(self, account_id: str, manifest: Mapping[str, Any], track: int = 0) -> Path | None:
        """The file of a track; None when it is not there (any more)."""
        tracks = manifest.get("tracks") or []
        if not 0 <= track < len(tracks):
            return None
        file, work = tracks[track].get("file"), tracks[track].get("work")
        path = self.folder(account_id, manifest["id"]) / file if file else self._settings.work_directory / str(work)
        return path if path.is_file() else None

    def manifests(self, account_id: str, *, after: str | None = None, from_s: float = 0.0,
             to_s: float = float("inf")) -> Iterator[Json]:
        """Manifests, the newest first: those that run, then the finished ones.

        after          only what comes after this id in this order
        from_s, to_s   when it began, seconds since 1970
        """
        running = sorted((path.stem for path in self._settings.work_directory.glob("*.json")), reverse=True)
        months = sorted((path.name for path in (self._settings.directory / account_id).glob("[0-9]*")), reverse=True)
        for recording_id in running:
            if _fits(recording_id, after, from_s, to_s) and not self.manifest_path(account_id, recording_id).exists():
                manifest = self._in_work(recording_id)
                if manifest is not None and manifest.get("account_id") == account_id:
                    yield manifest
        for month in months:
            paths = (self._settings.directory / account_id / month).glob("*.json")
            for name in sorted((path.stem for path in paths), reverse=True):
                if _fits(f"{month}-{name}", after, from_s, to_s):
                    manifest = read_json(self._settings.directory / account_id / month / f"{name}.json")
                    if manifest is not None:
                        yield manifest

    def _in_work(self, recording_id: str) -> Json | None:
        noted = read_json(self._settings.work_directory / f"{recording_id}.json")
        return noted["manifest"] if noted is not None else None

    # -- changing -------------------------------------------------------------------------------------------------

    def put(self, account_id: str | None, manifest: Json) -> None:
        """A finished recording, or what has become known of it since. raises OSError"""
        path = self.manifest_path(account_id, manifest["id"])
        is_new = not path.exists()
        replace_text(path, json.dumps(manifest, indent=2) + "\n")
        if is_new:
            self._count(account_id, sum(track.get("bytes", 0) for track in manifest["tracks"]))

    def change(self, account_id: str | None, recording_id: str, **facts: Any) -> None:
        """Write further facts into a manifest, if it is still there. raises OSError"""
        with self._lock:
            manifest = self.stored(account_id, recording_id)
            if manifest is not None:
                self.put(account_id, {**manifest, **facts})

    def delete(self, account_id: str | None, manifest: Mapping[str, Any], *, audio_only: bool = False) -> None:
        """Away with it; one that is gone already is not counted again. raises OSError"""
        with self._lock:
            known = self.stored(account_id, manifest["id"]) or {}
            for track in known.get("tracks") or []:
                if track.get("file"):
                    (self.folder(account_id, manifest["id"]) / track["file"]).unlink(missing_ok=True)
                    self._count(account_id, -int(track.get("bytes", 0)))
            if audio_only:
                return
            self.manifest_path(account_id, manifest["id"]).unlink(missing_ok=True)
            (self._settings.directory / "uploads" / f"{manifest['id']}.json").unlink(missing_ok=True)

    # -- how much there is ------------------------------------------------------------------------------------------

    def used_mb(self, account_id: str | None) -> float:
        """What an account's sound takes; any thread."""
        return self._used.get(account_id or NOBODY, 0) / 1e6

    def _count(self, account_id: str | None, more: int) -> None:
        with self._lock:
            self._used[account_id or NOBODY] = max(0, self._used.get(account_id or NOBODY, 0) + more)

    def accounts(self) -> list[str]:
        """Whose recordings are here; NOBODY among them."""
        aside = {self._settings.work_directory.name, "uploads"}
        return [path.name for path in self._settings.directory.glob("*") if path.is_dir() and path.name not in aside]

    def measure(self) -> None:
        """Count what lies there. raises OSError"""
        for account in self.accounts():
            files = (self._settings.directory / account).glob("*/*")
            size = sum(path.stat().st_size for path in files if path.suffix != ".json")
            with self._lock:
                self._used[account] = size

    def expired(self, account: str, now_s: float) -> list[Json]:
        """What has lain longer than the account's retention."""
        days = self._settings.keeping(account).retention_days
        if not days:
            return []
        return list(self.manifests(account, to_s=now_s - days * 86400))


def gregorian(value: str | None, otherwise: float) -> float:
    """KAZOO's seconds since the year 0 as seconds since 1970. raises ValueError"""
    return otherwise if value is None else int(value) - GREGORIAN_S


def _fits(recording_id: str, after: str | None, from_s: float, to_s: float) -> bool:
    return (ID.fullmatch(recording_id) is not None and (after is None or recording_id < after)
            and from_s <= made_at_s(recording_id) <= to_s)


def read_json(path: Path) -> Json | None:
    """A document on disk; None where there is none, or none that can be read."""
    try:
        found: Json = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
