# SPDX-License-Identifier: GPL-3.0-or-later
"""An account's sounds: the document first, then the sound, with limits; nobody else's."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from b2bua.calls.sounds import SoundError
from b2bua.media.library import Library
from b2bua.media.workshop import Workshop
from config.settings import Sounds

if TYPE_CHECKING:
    from tests.b2bua.api.conftest import Running

ACCOUNT = "a" * 32
MEDIA = f"/v2/accounts/{ACCOUNT}/media"


def sound(seconds: float = 0.5, format_: str = "WAV", rate_hz: int = 22050) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(1).normal(0, 0.1, (round(seconds * rate_hz), 2))
    soundfile.write(file, noise, rate_hz, format=format_)
    return file.getvalue()


async def made(api: Running, name: str = "welcome") -> str:
    await api.login()
    answer = await api.http.put(MEDIA, json={"data": {"name": name, "description": "at night"}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


@pytest.mark.parametrize(("format_", "content_type"), [
    ("WAV", "audio/x-wav"), ("MP3", "audio/mp3"), ("OGG", "audio/ogg"), ("FLAC", "audio/flac"),
    ("WAV", "application/octet-stream")])
async def test_a_document_then_its_sound(api: Running, format_: str, content_type: str) -> None:
    media_id = await made(api)
    body = sound(0.3, format_)
    assert (await api.http.get(f"{MEDIA}/{media_id}/raw")).status_code == 404
    answer = await api.http.post(f"{MEDIA}/{media_id}/raw", content=body, headers={"content-type": content_type})
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["content_length"] == len(body)
    assert answer.json()["data"]["duration_s"] == pytest.approx(0.3, abs=0.1)
    raw = await api.http.get(f"{MEDIA}/{media_id}/raw")
    assert (raw.content, raw.headers["content-type"]) == (body, content_type)
    (listed,) = (await api.http.get(MEDIA)).json()["data"]
    assert (listed["id"], listed["name"], listed["media_source"]) == (media_id, "welcome", "upload")


async def test_a_document_is_changed_and_keeps_its_sound_until_it_is_removed(api: Running, tmp_path: Path) -> None:
    media_id = await made(api)
    await api.http.post(f"{MEDIA}/{media_id}/raw", content=sound(), headers={"content-type": "audio/wav"})
    patched = (await api.http.patch(f"{MEDIA}/{media_id}", json={"data": {"language": "de-de"}})).json()["data"]
    assert (patched["language"], patched["name"], patched["content_type"]) == ("de-de", "welcome", "audio/wav")
    posted = await api.http.post(f"{MEDIA}/{media_id}", json={"data": {"name": "other", "content_length": 1}})
    assert posted.json()["data"]["content_length"] == len(sound())
    account = (await api.http.get(f"/v2/accounts/{ACCOUNT}")).json()["data"]
    assert "media_files" not in account
    await api.http.post(f"/v2/accounts/{ACCOUNT}", json={"data": account})
    assert (await api.http.get(f"{MEDIA}/{media_id}")).status_code == 200, "an account's document takes nothing away"
    assert (await api.http.delete(f"{MEDIA}/{media_id}")).status_code == 200
    assert (await api.http.get(f"{MEDIA}/{media_id}")).status_code == 404
    assert [file for file in (tmp_path / "sounds").rglob("*") if file.is_file()] == []


async def test_the_sounds_of_an_account_go_with_it(api: Running, tmp_path: Path) -> None:
    await api.login()
    child = (await api.http.put("/v2/accounts", json={"data": {"name": "New"}})).json()["data"]["id"]
    below = f"/v2/accounts/{child}"
    media_id = (await api.http.put(f"{below}/media", json={"data": {"name": "x"}})).json()["data"]["id"]
    raw = await api.http.post(f"{below}/media/{media_id}/raw", content=sound(), headers={"content-type": "audio/wav"})
    assert raw.status_code == 200
    assert (await api.http.delete(below)).status_code == 200
    assert [file for file in (tmp_path / "sounds").rglob("*") if file.is_file()] == []
    await api.store.import_seed({"accounts": [{"id": child, "parent": ACCOUNT}]})
    assert (await api.http.get(f"{below}/media")).json()["data"] == []


async def test_what_is_no_sound_or_too_much_is_refused_and_leaves_nothing(api: Running, tmp_path: Path) -> None:
    media_id = await made(api)
    for body, content_type, status in (
            (b"no sound at all", "audio/wav", 400), (sound(), "text/html", 400), (sound(), "audio/mp3", 400),
            (b"", "audio/wav", 400), (sound(6, rate_hz=8000)[:190000], "audio/wav", 400),
            (sound(4), "audio/wav", 413)):
        answer = await api.http.post(f"{MEDIA}/{media_id}/raw", content=body, headers={"content-type": content_type})
        assert answer.status_code == status, (content_type, answer.text)
    assert [file for file in (tmp_path / "sounds").rglob("*") if file.is_file()] == []


async def test_an_account_has_a_quota(api: Running) -> None:
    first, second = await made(api), await made(api, "second")
    big = sound(2.1)
    for media_id, status in ((first, 200), (second, 413), (first, 200)):
        answer = await api.http.post(f"{MEDIA}/{media_id}/raw", content=big, headers={"content-type": "audio/wav"})
        assert answer.status_code == status, answer.text


async def test_documents_are_checked(api: Running) -> None:
    await api.login()
    for data, key in (({}, "name"), ({"name": "x" * 129}, "name"), ({"name": "x", "language": 5}, "language"),
                      ({"name": "x", "media_source": "tts"}, "media_source")):
        answer = await api.http.put(MEDIA, json={"data": data})
        assert (answer.status_code, list(answer.json()["data"])) == (400, [key])


async def test_without_a_token_nothing_is_read_or_written(api: Running) -> None:
    media_id = await made(api)
    del api.http.headers["X-Auth-Token"]
    assert (await api.http.post(f"{MEDIA}/{media_id}/raw", content=sound())).status_code == 401
    assert (await api.http.get(f"{MEDIA}/{media_id}/raw")).status_code == 401
    await api.login()
    for strange in ("../../etc/passwd", "0" * 32, "..%2f..%2fb2bua.db"):
        assert (await api.http.get(f"{MEDIA}/{strange}/raw")).status_code == 404


async def test_what_was_uploaded_can_be_played_by_its_id_and_by_its_account_only(api: Running, tmp_path: Path) -> None:
    media_id = await made(api)
    await api.http.post(f"{MEDIA}/{media_id}/raw", content=sound(0.4, "MP3"), headers={"content-type": "audio/mp3"})
    workshop = Workshop()
    workshop.start()
    try:
        library = Library(Sounds(directory=tmp_path / "sounds", cache=tmp_path / "cache"), 16000, workshop)
        assert (await library.find(ACCOUNT, media_id)).seconds == pytest.approx(0.4, abs=0.1)
        with pytest.raises(SoundError):
            await library.find("b" * 32, media_id)
    finally:
        workshop.stop()
