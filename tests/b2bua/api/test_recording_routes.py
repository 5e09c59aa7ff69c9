# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings by REST: KAZOO's routes and fields, sound with Range, nobody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from b2bua.media.manifest import GREGORIAN_S, new_id
from b2bua.media.shelf import Shelf
from tests.b2bua.api.conftest import OTHER, OTHER_KEY, A, Running

NOW_S = 1_700_000_000.0
SOUND = bytes(range(200))


def shelf_of(api: Running) -> Shelf:
    assert api.parts.recordings is not None
    return api.parts.recordings


def kept(api: Running, age_s: float = 0.0, account_id: str = A, **facts: Any) -> str:
    """A finished recording; its id."""
    recording_id = new_id(NOW_S - age_s)
    shelf = shelf_of(api)
    path = shelf.free_name(shelf.folder(account_id, recording_id), "talk.mp3", recording_id)
    path.write_bytes(SOUND)
    shelf.put(account_id, {
        "id": recording_id, "account_id": account_id, "status": "stored", "content_type": "audio/mpeg",
        "media_type": "mp3", "people": {"leg": {"owner_id": "u1", "endpoint_id": "d1"}},
        "tracks": [{"file": path.name, "bytes": len(SOUND), "channels": ["left", "right"]}], **facts})
    return recording_id


async def ids(api: Running, path: str = "recordings", **query: Any) -> list[str]:
    answer = await api.http.get(f"/v2/accounts/{A}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def test_F89_listed_newest_first_page_by_page_and_by_time(inside: Running) -> None:
    made = [kept(inside, age_s) for age_s in (0, 60, 40 * 86400, 80 * 86400)]
    kept(inside, account_id=OTHER)
    assert await ids(inside) == made
    first = (await inside.http.get(f"/v2/accounts/{A}/recordings?page_size=3")).json()
    assert [one["id"] for one in first["data"]] == made[:3]
    assert (first["page_size"], first["next_start_key"]) == (3, made[2])
    assert await ids(inside, start_key=first["next_start_key"]) == made[3:]
    since = int(NOW_S - 30) + GREGORIAN_S
    assert await ids(inside, created_from=since) == made[:1]
    assert await ids(inside, created_to=since) == made[1:]


@pytest.mark.parametrize("query", [{"page_size": "0"}, {"page_size": "many"}, {"created_from": "x"},
                                   {"start_key": "../../etc"}, {"page_size": "501"}])
async def test_a_bad_query_names_its_key(inside: Running, query: dict[str, str]) -> None:
    answer = await inside.http.get(f"/v2/accounts/{A}/recordings", params=query)
    assert (answer.status_code, list(answer.json()["data"])) == (400, list(query))


async def test_of_a_user_are_those_in_which_she_took_part(inside: Running) -> None:
    hers = kept(inside)
    others = kept(inside, people={"leg": {"owner_id": "u2", "endpoint_id": None}})
    assert await ids(inside, "users/u1/recordings") == [hers]
    assert (await inside.http.get(f"/v2/accounts/{A}/users/u1/recordings/{hers}")).json()["data"]["id"] == hers
    for method in ("GET", "DELETE"):
        answer = await inside.http.request(method, f"/v2/accounts/{A}/users/u1/recordings/{others}")
        assert answer.status_code == 404
    assert others in await ids(inside)


async def test_the_sound_comes_whole_or_in_ranges(inside: Running) -> None:
    url = f"/v2/accounts/{A}/recordings/{kept(inside)}"
    whole = await inside.http.get(url, headers={"Accept": "audio/mpeg"})
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, SOUND, "audio/mpeg")
    assert 'filename="talk.mp3"' in whole.headers["content-disposition"]
    part = await inside.http.get(url, params={"accept": "audio/mpeg", "inline": "true"},
                                 headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, SOUND[10:20])
    assert part.headers["content-range"] == "bytes 10-19/200"
    assert (await inside.http.get(url, headers={"Accept": "audio/*", "Range": "bytes=999-"})).status_code == 416
    assert (await inside.http.get(url, params={"accept": "audio/mpeg", "track": "2"})).status_code == 404


async def test_deleted_it_is_gone_from_the_disk_too(inside: Running, tmp_path: Path) -> None:
    url = f"/v2/accounts/{A}/recordings/{kept(inside)}"
    assert (await inside.http.delete(url)).status_code == 200
    assert [path for path in (tmp_path / "recordings").rglob("*") if path.is_file()] == []
    assert (await inside.http.get(url)).status_code == 404
    assert shelf_of(inside).used_mb(A) == 0


async def test_one_that_runs_is_listed_heard_and_not_deleted(inside: Running, tmp_path: Path) -> None:
    recording_id, work = new_id(NOW_S), tmp_path / "recordings" / "work"
    work.mkdir(parents=True)
    (work / f"{recording_id}.wav").write_bytes(b"RIFF so far")
    manifest = {"id": recording_id, "account_id": A, "status": "recording", "content_type": "audio/mpeg",
                "people": {}, "tracks": [{"work": f"{recording_id}.wav"}]}
    (work / f"{recording_id}.json").write_text(json.dumps({"manifest": manifest, "orders": {"url": "http://u:p@h/"}}))
    finished = kept(inside, 100)
    assert await ids(inside) == [recording_id, finished]
    url = f"/v2/accounts/{A}/recordings/{recording_id}"
    answer = await inside.http.get(url)
    assert answer.json()["data"]["status"] == "recording"
    assert "u:p" not in answer.text
    assert "work" not in answer.json()["data"]["tracks"][0]
    assert (await inside.http.get(url, headers={"Accept": "audio/wav"})).content == b"RIFF so far"
    assert (await inside.http.delete(url)).status_code == 400


async def test_another_accounts_recordings_are_not_there(inside: Running) -> None:
    theirs = kept(inside, account_id=OTHER)
    for url in (f"/v2/accounts/{A}/recordings/{theirs}", f"/v2/accounts/{A}/recordings/..%2f..%2f{OTHER}"):
        assert (await inside.http.get(url)).status_code == 404
    assert (await inside.http.get(f"/v2/accounts/{OTHER}/recordings")).status_code == 403
    await inside.login(OTHER_KEY)
    assert (await inside.http.get(f"/v2/accounts/{OTHER}/recordings/{theirs}")).status_code == 200


async def test_F80_record_call_by_api_is_checked_and_run(inside: Running) -> None:
    inside.live.legs = {A: [{"uuid": "leg"}]}
    url = f"/v2/accounts/{A}/channels/leg"
    answer = await inside.http.post(url, json={"data": {"action": "record_call", "mask_time": 5}})
    assert answer.status_code == 200
    assert inside.live.told == [(A, "leg", "record_call", {"mask_time": 5})]
    answer = await inside.http.post(url, json={"action": "record_call", "data": {"action": "mask"}})
    assert (answer.status_code, inside.live.told[-1][2:]) == (200, ("record_call", {"action": "mask"}))
    for wrong in ({"url": "http://127.0.0.1/"}, {"format": "mp4"}, {"action": "sing"}):
        answer = await inside.http.post(url, json={"action": "record_call", "data": wrong})
        assert answer.status_code == 400, wrong
