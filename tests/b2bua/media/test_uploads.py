# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings sent away: KAZOO's addresses, retries that outlive a restart, servers that misbehave, nothing in logs."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from b2bua.media import uploads
from b2bua.media.manifest import new_id
from b2bua.media.shelf import Shelf
from b2bua.media.upload_url import compose
from b2bua.media.uploads import AT_ONCE, Uploads
from config.recordings import Recordings as Settings
from tests.peers.upload_server import UploadServer, upload_server

A = "a" * 32
SOUND = b"sound" * 40_000
FACTS = {"call_id": "a b@c", "from": "sip:1@x", "to": "2", "caller_id_name": "Ada & Bo", "caller_id_number": "1",
         "cdr_id": "202611-a b@c", "interaction_id": "i", "account_id": A, "owner_id": None, "start": 63_000_000_000,
         "duration_ms": 1500, "id": "202611-f"}
REST = ("from=sip%3A1%40x&to=2&caller_id_name=Ada%20%26%20Bo&caller_id_number=1&call_id=a%20b%40c&"
        f"cdr_id=202611-a%20b%40c&interaction_id=i&account_id={A}&owner_id=&start=63000000000&duration_ms=1500&"
        "recording_id=202611-f")
NAME = "call_recording_a%20b%40c.mp3"


@pytest.mark.parametrize(("url", "expected"), [
    ("https://h.example/in", f"https://h.example/in/{NAME}?{REST}"),
    ("https://h.example/in/", f"https://h.example/in/{NAME}?{REST}"),
    ("https://h.example/in?file", f"https://h.example/in?file={NAME}&{REST}"),
    ("https://h.example/in?file=", f"https://h.example/in?file={NAME}&{REST}"),
    ("https://h.example/in?a=1&file=", f"https://h.example/in?a=1&file={NAME}&{REST}"),
    ("https://h.example/in?key=value", f"https://h.example/in?key=value&recording={NAME}&{REST}"),
])
def test_F87_B14_the_address_is_composed_as_kazoo_does(url: str, expected: str) -> None:
    assert compose(url, FACTS, "mp3") == expected


class Office:
    """A shelf, and uploads from it."""

    def __init__(self, directory: Path, **upload: Any) -> None:
        options = {"private_addresses": True, "retry_s": (0.05, 0.1), "timeout_s": 1.0, **upload}
        self.settings = Settings.model_validate({"directory": directory, "upload": options})
        self.shelf = Shelf(self.settings)
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.uploads = Uploads(self.settings, self.shelf, lambda name, manifest: self.told.append((name, manifest)))

    @contextmanager
    def open(self) -> Iterator[Office]:
        self.uploads.start()
        try:
            yield self
        finally:
            self.uploads.stop()

    def send(self, url: str | None, method: str = "put", account_id: str = A, **facts: Any) -> str:
        recording_id = new_id(time.time())
        folder = self.shelf.folder(account_id, recording_id)
        path = self.shelf.free_name(folder, f"{recording_id[7:]}.mp3", recording_id)
        path.write_bytes(SOUND)
        manifest = {**FACTS, "account_id": account_id, "id": recording_id, "media_type": "mp3", "status": "stored",
                    "tracks": [{"file": path.name, "bytes": len(SOUND)}], **facts}
        self.shelf.put(account_id, manifest)
        self.uploads.send(manifest, {"url": url, "method": method}, path)
        return recording_id

    def told_of(self, name: str) -> list[Mapping[str, Any]]:
        until(lambda: name in [one for one, _ in self.told])
        return [manifest for one, manifest in self.told if one == name]

    @property
    def waiting(self) -> list[Path]:
        return list((self.settings.directory / "uploads").glob("*.json"))


def until(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + 15
    while not true():
        assert time.monotonic() < limit_s, "nothing happened"
        time.sleep(0.01)


@pytest.mark.parametrize("method", ["put", "post"])
def test_F87_the_file_goes_whole_with_its_type_and_method(tmp_path: Path, method: str) -> None:
    with upload_server("take") as server, Office(tmp_path).open() as office:
        recording_id = office.send(f"{server.url}/in", method)
        server.wait(1)
        office.told_of("uploaded")
    (request,) = server.requests
    assert (request.method, request.body) == (method.upper(), SOUND)
    assert request.target.startswith(f"/in/{NAME}?from=")
    assert (request.headers["content-type"], request.headers["content-length"]) == ("audio/mpeg", str(len(SOUND)))
    manifest = office.shelf.get(A, recording_id)
    assert manifest is not None
    assert (manifest["upload"]["status"], manifest["upload"]["attempts"], office.waiting) == ("done", 1, [])


def test_F88_a_server_that_refuses_dies_and_stalls_is_tried_five_times_more(tmp_path: Path) -> None:
    with upload_server("503", "die", "stall", "404", "401", "take") as server, Office(tmp_path).open() as office:
        office.send(f"{server.url}/in")
        (manifest,) = office.told_of("uploaded")
    assert (server.attempts, manifest["upload"]["attempts"], server.requests[0].body) == (6, 6, SOUND)


def test_F88_then_it_is_given_up_told_and_kept_here(tmp_path: Path) -> None:
    with upload_server("500") as server, Office(tmp_path).open() as office:
        recording_id = office.send(f"{server.url}/in")
        (manifest,) = office.told_of("upload_failed")
    assert (server.attempts, manifest["error"]) == (6, "answer 500")
    kept = office.shelf.get(A, recording_id)
    assert kept is not None
    assert (kept["upload"]["status"], office.shelf.audio(A, kept) is not None) == ("failed", True)


def test_F88_a_retry_waits_one_to_ten_minutes_by_default() -> None:
    assert (Settings().upload.retries, Settings().upload.retry_s) == (5, (60.0, 600.0))


def test_F88_what_was_not_sent_is_sent_after_a_restart_and_keeps_its_count(tmp_path: Path) -> None:
    with upload_server("503") as server, Office(tmp_path, retry_s=(1.5, 1.5)).open() as office:
        office.send(f"{server.url}/in")
        until(lambda: any(json.loads(path.read_text())["attempts"] for path in office.waiting))
    with upload_server("take") as other:
        (job,) = office.waiting
        job.write_text(job.read_text().replace(f":{server.port}/", f":{other.port}/"))
        with Office(tmp_path).open() as again:
            (manifest,) = again.told_of("uploaded")
    assert (manifest["upload"]["attempts"], other.requests[0].body) == (2, SOUND)


def test_F88_ten_redirects_are_followed_and_no_more(tmp_path: Path) -> None:
    with upload_server(*["302 /next"] * 9, "307 /last", "take") as server, Office(tmp_path).open() as office:
        office.send(f"{server.url}/in")
        office.told_of("uploaded")
    assert (server.attempts, server.requests[0].target, server.requests[0].body) == (11, "/last", SOUND)
    with upload_server("301 /round") as server, Office(tmp_path, retries=0).open() as office:
        office.send(f"{server.url}/in")
        (manifest,) = office.told_of("upload_failed")
    assert (server.attempts, manifest["error"]) == (11, "more than 10 redirects")


def test_a_private_address_is_not_sent_to(tmp_path: Path) -> None:
    with upload_server("take") as server, Office(tmp_path, private_addresses=False, retries=0).open() as office:
        office.send(f"http://localhost:{server.port}/in")
        (manifest,) = office.told_of("upload_failed")
    assert "private address" in manifest["error"]
    assert server.attempts == 0


def test_servers_that_stall_hold_up_no_other_account(tmp_path: Path) -> None:
    with upload_server("stall") as slow, upload_server("take") as quick, Office(tmp_path).open() as office:
        for _ in range(3 * AT_ONCE):
            office.send(f"{slow.url}/in")
        until(lambda: slow.attempts >= AT_ONCE)
        began_s = time.monotonic()
        office.send(f"{quick.url}/in", account_id="b" * 32)
        quick.wait(1)
        assert time.monotonic() - began_s < 0.9  # the others are given up after 1 s
        assert slow.attempts == AT_ONCE


def test_a_server_that_takes_it_drop_by_drop_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SLOWEST", 10 ** 6)
    with upload_server("drip") as slow, Office(tmp_path, retries=0).open() as office:
        office.send(f"{slow.url}/in")
        (manifest,) = office.told_of("upload_failed")
    assert manifest["error"] == "TimeoutError"


def test_passwords_and_queries_are_in_no_log_and_no_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with upload_server("503", "take") as server, Office(tmp_path).open() as office:
        office.send(f"http://user:pa55word@127.0.0.1:{server.port}/in?token=s3cret")
        (told,) = office.told_of("uploaded")
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert "token=s3cret" in server.requests[0].target
    for secret in ("pa55word", "s3cret"):
        assert secret not in caplog.text + json.dumps(told)
    assert (tmp_path / "uploads").stat().st_mode & 0o077 == 0


def test_what_is_not_to_be_kept_leaves_its_manifest(tmp_path: Path) -> None:
    with upload_server("take") as server, Office(tmp_path, keep=False).open() as office:
        recording_id = office.send(f"{server.url}/in")
        office.told_of("uploaded")
    manifest = office.shelf.get(A, recording_id)
    assert manifest is not None
    assert office.shelf.audio(A, manifest) is None
    assert office.shelf.used_mb(A) == 0


def test_who_deletes_twice_gives_back_the_room_of_one(tmp_path: Path) -> None:
    with Office(tmp_path).open() as office:
        first, _ = office.send(None), office.send(None)
        manifest = office.shelf.stored(A, first)
        assert manifest is not None
        for _ in range(2):
            office.shelf.delete(A, manifest)
        assert office.shelf.used_mb(A) == len(SOUND) / 1e6


def test_an_s3_bucket_takes_what_has_no_url_signed(tmp_path: Path) -> None:
    with upload_server("take") as server:
        bucket = {"endpoint": server.url, "bucket": "calls", "access_key": "AKIA", "secret_key": "very secret",
                  "prefix": "site/1", "region": "eu-test-1"}
        with Office(tmp_path, private_addresses=False, s3=bucket).open() as office:
            office.send(None)
            office.told_of("uploaded")
    (request,) = server.requests
    assert request.body == SOUND
    assert request.target.startswith(f"/calls/site/1/{A}/20")
    assert_signed(request.target, request.headers, server)


def assert_signed(target: str, headers: dict[str, str], server: UploadServer) -> None:
    """The same signature comes out when the request is signed again at its own time."""
    class AtItsTime(S3SigV4Auth):  # type: ignore[misc]
        def _modify_request_before_signing(self, request: Any) -> None:
            request.context["timestamp"] = headers["x-amz-date"]
            super()._modify_request_before_signing(request)

    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    again = AWSRequest("PUT", f"{server.url}{target}", headers={name: headers[name] for name in names
                                                                if name not in ("host", "x-amz-date")}, data=SOUND)
    AtItsTime(Credentials("AKIA", "very secret"), "s3", "eu-test-1").add_auth(again)
    assert again.headers["Authorization"] == headers["authorization"]
    assert headers["x-amz-content-sha256"] == hashlib.sha256(SOUND).hexdigest()


def test_the_thread_ends() -> None:
    assert "uploads" not in {thread.name for thread in threading.enumerate()}
