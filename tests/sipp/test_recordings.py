# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of real calls: channels, masked spans and transfers told by tones; kill -9 and what comes after."""

from __future__ import annotations

import copy
import itertools
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.peers.sidecar import Sidecar, seed_document
from tests.peers.sound import encode_pcmu, tone
from tests.peers.upload_server import upload_server
from tests.sipp.conftest import Stage, config
from tests.sipp.test_sound import A_HZ, B_HZ, C_HZ, talking

SLICE_S = 0.02
CALLS = int(os.environ.get("B2BUA_KILL_CALLS", "12"))  # recordings that are running when it is killed
WEB = "127.0.0.40"


def power(samples: Any, hz: float, rate_hz: int) -> Any:
    """How much of this tone is in each slice of 20 ms, in dB of a full-scale one."""
    size = round(SLICE_S * rate_hz)
    slices = samples[:len(samples) // size * size].reshape(-1, size)
    wave = np.exp(-2j * np.pi * hz * np.arange(size) / rate_hz)
    return 20 * np.log10(np.abs(slices @ wave) * 2 / size + 1e-9)


def heard(samples: Any, hz: float, rate_hz: int) -> list[tuple[float, float]]:
    """Spans of seconds in which this tone is there; holes of one slice (a lost packet) are bridged."""
    there = power(samples, hz, rate_hz) > -35
    there[1:-1] |= there[:-2] & there[2:]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    return [(float(begin * SLICE_S), float(end * SLICE_S)) for begin, end in edges.reshape(-1, 2)]


def recorded(stage: Stage, before: set[Path]) -> tuple[dict[str, Any], Any, Any, int]:
    """Manifest, left, right and rate of the only new recording."""
    (file,) = stage.new_recordings(before)
    sound, rate_hz = soundfile.read(file)
    return json.loads(file.with_suffix(".json").read_text()), sound[:, 0], sound[:, 1], rate_hz


def act(stage: Stage, **data: Any) -> None:
    """record_call by API on the leg of the device."""
    legs = json.loads(stage.sidecar.ask("GET", "/channels"))["data"]
    leg = next(leg for leg in legs if leg["authorizing_id"] is not None)
    stage.sidecar.ask("POST", f"/channels/{leg['uuid']}", {"action": "record_call", "data": data})


def test_F80_F83_masked_spans_and_a_transfer_stand_where_the_manifest_says(stage: Stage) -> None:
    before, moved = stage.recordings(), stage.sidecar.metric("b2bua_transfers_total", outcome="answered")
    pbx = stage.device(calls=2)  # who types, and whom we call for him: both are numbers of the PBX
    caller = stage.caller("caller-answered-expect-200-then-bye", talk_ms=8000)  # no REFER: it is recorded
    caller.plays(A_HZ, lambda track: track.talk(14))
    pbx.plays(B_HZ, lambda track: track.talk(2.5).digits("*23001", digit_ms=80, gap_ms=60).talk(1))
    stage.sidecar.wait_metric("b2bua_live_calls", 1)
    act(stage, action="start", format="wav")
    time.sleep(0.7)
    act(stage, action="mask")
    time.sleep(0.5)
    act(stage, action="unmask")
    pbx.plays(C_HZ, lambda track: track.talk(9), call=2)
    stage.sidecar.wait_metric("b2bua_transfers_total", moved + 1, outcome="answered")
    caller.finish()
    pbx.finish()
    manifest, left, right, rate_hz = recorded(stage, before)
    (masked,) = manifest["masked"]
    begin_s, end_s = masked["begin"] / 1000, masked["end"] / 1000
    first, second = manifest["segments"]
    second_s = second["at_ms"] / 1000
    assert 0.4 <= end_s - begin_s < 1.5
    caller_before, caller_after = heard(right, A_HZ, rate_hz)  # one caller all the way, but for the mask: no gap
    assert caller_before[1] == pytest.approx(begin_s, abs=0.041)
    assert caller_after[0] == pytest.approx(end_s, abs=0.061)
    assert caller_after[1] > second_s + 1.0
    device, target = heard(left, B_HZ, rate_hz), heard(left, C_HZ, rate_hz)
    assert (device[0][1], device[1][0]) == pytest.approx((begin_s, end_s), abs=0.041)
    assert device[-1][1] <= second["at_ms"] / 1000 + 0.041
    assert target[0][0] == pytest.approx(second["at_ms"] / 1000, abs=0.5)  # it speaks when it has seen our ACK
    assert target[0][1] > second_s + 1.0
    assert heard(right, C_HZ, rate_hz) == heard(right, B_HZ, rate_hz) == heard(left, A_HZ, rate_hz) == []
    assert (first["right"], first["left"] != second["left"]) == (second["right"], True)
    assert manifest["people"][second["left"]]["number"] == "3001"
    assert (manifest["started_by"]["by"], manifest["stopped_by"]["by"]) == ("api", "call")


def test_no_gap_where_the_path_turns_from_relay_to_mix_and_back(stage: Stage) -> None:
    before = stage.recordings()
    with talking(stage) as talk:
        act(stage, action="start", format="wav", beep=0.5)
        time.sleep(0.6)
        leg = next(leg for leg in json.loads(stage.sidecar.ask("GET", "/channels"))["data"] if leg["authorizing_id"])
        play = {"module": "play", "data": {"id": "ringback", "leg": "both"}}
        stage.sidecar.ask("PUT", f"/channels/{leg['uuid']}", {"action": "metaflow", "data": play})
        time.sleep(0.8)
        stage.sidecar.ask("POST", f"/channels/{leg['uuid']}", {"data": {"action": "break"}})
        time.sleep(0.8)
        act(stage, action="stop")
        talk.a.hangup()
        talk.b.wait("state", state="disconnected")
    _, left, right, rate_hz = recorded(stage, before)
    for side, hz in ((left, B_HZ), (right, A_HZ)):
        (span,) = heard(side, hz, rate_hz)
        assert span == pytest.approx((0.0, len(side) / rate_hz), abs=0.121)  # one span: no gap in it


def test_kill_9_amid_recordings_loses_a_second_at_most_and_uploads_go_on(stage: Stage, ports: dict[str, int]) -> None:
    with upload_server("503", "503", "take", host=WEB) as web:
        product = own_product(stage, ports, f"{web.url}/in")
        with product.running():
            pbx = stage.answering("pbx-presses-by-info-expect-bye", keys={"first": "*", "second": "9"}, calls=CALLS,
                                  extra=("-rtp_echo",), trace=False)
            calls = stage.calling("caller-streams-expect-200-then-bye", calls=CALLS, limit=CALLS, rate=20, trace=False,
                                  talk_ms=30_000, files={"tone.ulaw": encode_pcmu(tone(1000, 1.0))})
            product.wait_metric("b2bua_recordings_total", CALLS, 20, outcome="started")
            time.sleep(2.5)
            product.signal(signal.SIGKILL)
            killed_s = time.time()
            product.wait()
            left = {path.stem: soundfile.info(path).duration for path in (product.recordings / "work").glob("*.wav")}
            for sipp in (pbx, calls):
                sipp.stop()
        assert len(left) == CALLS  # every one opens as it lies there
        with product.running():
            web.wait(CALLS, 60)
            product.wait_recorded(60)
            listed = json.loads(product.ask("GET", "/recordings?page_size=500"))["data"]
    assert {one["id"] for one in listed} == left.keys()
    for one in listed:
        lasted_s = killed_s - one["begin_at"]
        assert lasted_s - 1.0 < left[one["id"]] <= lasted_s + 0.1
        assert lasted_s - 1.0 < one["duration_ms"] / 1000
        assert (one["interrupted"], one["stopped_by"], one["upload"]["status"]) == (True, {"by": "crash"}, "done")
        file = product.recordings / one["account_id"] / one["id"][:6] / one["file"]
        assert soundfile.info(file).duration == pytest.approx(one["duration_ms"] / 1000, abs=0.1)
    assert len({request.target for request in web.requests}) == CALLS


def own_product(stage: Stage, ports: dict[str, int], url: str) -> Sidecar:
    """Devices whose *9 records as mp3 (or flac, ogg, wav) and sends it."""
    seed = copy.deepcopy(seed_document())
    devices = [device for device in seed["accounts"][0]["devices"] if device["metaflows"]]
    for device, format_ in zip(devices, itertools.cycle(("mp3", "flac")), strict=False):
        device["metaflows"] = copy.deepcopy(device["metaflows"])  # they shared one
        device["metaflows"]["numbers"]["9"]["data"] |= {"format": format_, "url": url}
    upload = {"private_addresses": True, "retry_s": [0.2, 0.5]}
    whole = {**config(ports), "recordings": {"min_free_mb": 0, "upload": upload}}
    product = stage.sidecar = Sidecar(stage.workdir / "own", whole, seed)
    return product
