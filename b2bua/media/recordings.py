# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder as metaflows see it: which call is being recorded, with which legs on which channel. SIP thread.

A recording belongs to the conversation. It follows the pair through transfers: whoever takes a leg's place takes its
channel. The samples are written by the writer thread (`recorder.py`).
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from b2bua.calls.call import Call
from b2bua.calls.events import Event, Events
from b2bua.calls.leg import Leg, LegState
from b2bua.media.bank import BankView
from b2bua.media.recorder import Row, Take, Taps, Writer
from b2bua.metaflows.context import Recording as AnyRecording
from b2bua.metaflows.context import RecordingError, RecordingOptions

log = logging.getLogger(__name__)

_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME = 100  # characters of a media_name; file systems take 255 bytes with what we add
_READ_S = 1.0  # the writer still reads a row up to the end of its use: it is given back this much later


@dataclass(eq=False)
class Recording:
    """One that runs.

    channels   the legs that are heard left and right now
    rows       the taps that this recording holds
    segments   who was on which channel from when on (seconds after the begin)
    """

    id: str
    call: Call
    take: Take
    options: RecordingOptions
    channels: tuple[Leg | None, Leg | None] = (None, None)
    rows: dict[Leg, Row] = field(default_factory=dict)
    segments: list[dict[str, Any]] = field(default_factory=list)
    limit: asyncio.TimerHandle | None = None


class Recordings:
    """Starts and stops recordings; at most one per call at a time."""

    def __init__(self, directory: Path, bank: BankView, taps: Taps, writer: Writer, events: Events,
                 loop: asyncio.AbstractEventLoop) -> None:
        self._directory = directory
        self._bank = bank
        self._taps = taps
        self._writer = writer
        self._loop = loop
        self._events = events
        self._running: dict[Call, Recording] = {}
        events.subscribe(self._heard)

    def running(self, call: Call) -> Recording | None:
        """The recording of this call, if there is one."""
        return self._running.get(call)

    def start(self, call: Call, options: RecordingOptions) -> Recording:
        """Record from now on. Raises RecordingError."""
        unserved = [key for key, asked in (("format mp3", options.format == "mp3"), ("url", options.url),
                                           ("record_min_sec", options.min_s),
                                           ("record_sample_rate", options.sample_rate_hz)) if asked]
        if unserved:
            log.warning("call %s: record_call: %s not served yet: a stereo WAV is kept in recordings.directory",
                        call.id, ", ".join(unserved))
        if call.is_over:
            raise RecordingError("the call is ending")
        recording_id = uuid.uuid4().hex
        path = self._path(call, options, recording_id)
        take = Take(path, (None, None), self._bank.tick(), {}, self._written)
        recording = Recording(recording_id, call, take, options)
        self._follow(recording)
        if take.rows == (None, None):
            raise RecordingError("neither party has audio that could be recorded, or the sample bank is full")
        take.begin = take.next = self._bank.tick()
        take.manifest = {
            "id": recording_id, "call_id": call.a.id, "interaction_id": call.id, "account_id": call.account_id,
            "from": call.invite.caller.uri, "to": call.invite.number, "direction": call.direction,
            "start": time.time(), "origin": options.origin, "label": options.label, "media_type": "wav",
            "media_source": "recorded", "channels": ["left", "right"], "segments": recording.segments,
        }
        self._running[call] = recording
        call.on_ended(self._call_ended)
        recording.limit = self._loop.call_later(options.time_limit_s, self.stop, recording)
        self._writer.add(take)
        call.publish("recording.started", leg_id=options.left.id, recording_id=recording_id, file=str(path))
        return recording

    def _path(self, call: Call, options: RecordingOptions, recording_id: str) -> Path:
        name = _FILE_NAME.sub("_", options.media_name or "").lstrip(".")[:_MAX_NAME] or recording_id
        folder = self._directory / (call.account_id or "none") / time.strftime("%Y%m", time.gmtime())
        return folder / (name if name.endswith(".wav") else f"{name}.wav")

    def stop(self, recording: AnyRecording) -> None:
        """End it; its file is closed shortly afterwards and `recording.stopped` follows."""
        assert isinstance(recording, Recording)
        if self._running.pop(recording.call, None) is None:
            return
        if recording.limit is not None:
            recording.limit.cancel()
        recording.take.manifest["stopped_by"] = "call" if recording.call.reason is not None else "request"
        recording.take.end = self._bank.tick()  # from here on the manifest is the writer's
        for leg in list(recording.rows):
            self._let_go(recording, leg)

    def _call_ended(self, call: Call) -> None:
        recording = self._running.get(call)
        if recording is not None:
            self.stop(recording)

    # -- following the people -----------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        if event.name in ("call.leg_replaced", "call.answered"):
            for recording in list(self._running.values()):
                if recording.call.id == event.call_id:
                    self._follow(recording)

    def _follow(self, recording: Recording) -> None:
        """Put the legs of the pair on the channels, each leg that was there before on its own."""
        call, before = recording.call, recording.channels
        left, right = before if before != (None, None) else (recording.options.left, None)
        pair = [leg for leg in (call.a, call.b) if leg is not None and leg.state is not LegState.ENDED]
        left = left if left in pair else next((leg for leg in pair if leg is not right), None)
        right = right if right in pair else next((leg for leg in pair if leg is not left), None)
        recording.channels = (left, right)
        recording.take.rows = (self._row(recording, left), self._row(recording, right))
        for gone in recording.rows.keys() - {left, right}:
            self._let_go(recording, gone)
        recording.segments.append({
            "at_s": round(max(0, self._bank.tick() - recording.take.begin) * 0.02, 2),
            "left": left.id if left else None, "right": right.id if right else None})

    def _row(self, recording: Recording, leg: Leg | None) -> Row | None:
        if leg is None:
            return None
        row = recording.rows.get(leg) or self._taps.tap(leg)
        if row is not None:
            recording.rows[leg] = row
        return row

    def _let_go(self, recording: Recording, leg: Leg) -> None:
        del recording.rows[leg]
        self._loop.call_later(_READ_S, self._taps.untap, leg)

    # -- what the writer says -------------------------------------------------------------------------------------

    def _written(self, take: Take, error: str | None) -> None:
        """Writer thread: hand over."""
        try:
            self._loop.call_soon_threadsafe(self._closed, take, error)
        except RuntimeError:
            log.info("recording %s closed after the SIP loop", take.path)

    def _closed(self, take: Take, error: str | None) -> None:
        recording = next((r for r in self._running.values() if r.take is take), None)
        if recording is not None:  # it failed while it ran
            self.stop(recording)
        name = "recording.failed" if error else "recording.stopped"
        log_at = logging.ERROR if error else logging.INFO
        log.log(log_at, "%s %s, %.1f s%s", name, take.path, take.duration_s, f": {error}" if error else "")
        self._publish(name, take, error)

    def _publish(self, name: str, take: Take, error: str | None) -> None:
        self._events.publish(name, call_id=take.manifest.get("interaction_id"), leg_id=take.manifest.get("call_id"),
                             account_id=take.manifest.get("account_id"), recording_id=take.manifest.get("id"),
                             file=str(take.path), duration_s=take.duration_s, error=error)
