# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder as metaflows see it: which call is being recorded; what others are told of it. SIP thread.

A recording lives in a task of its call, so it ends with the conversation, not with the last leg. The samples are
written by the writer thread (`recorder.py`); what was closed is finished by another (`finishing.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from b2bua.calls.call import Call
from b2bua.calls.events import Event, Events
from b2bua.calls.leg import Leg, LegState
from b2bua.media import manifest
from b2bua.media.bank import BankView
from b2bua.media.recorder import Taps, Writer
from b2bua.media.recording import Recording
from b2bua.metaflows.context import Recording as AnyRecording
from b2bua.metaflows.context import RecordingError, RecordingOptions
from config.recordings import Recordings as Settings

log = logging.getLogger(__name__)

FOLLOW_S = 1.0  # who has come into the call without an event is noticed so late, at most
_BY_API: Mapping[str, str | None] = {"by": "request"}


class Finishing(Protocol):
    """Who makes files of what was recorded, on a thread of its own."""

    def finish(self, recording_id: str, manifest: Mapping[str, Any], orders: Mapping[str, Any]) -> None: ...
    def used_mb(self, account_id: str | None) -> float: ...


class Beeps(Protocol):
    """Short tones in what a leg's far end hears."""

    def recorded(self, leg: Leg) -> None: ...


@dataclass(frozen=True, slots=True)
class Room:
    """Where recordings are made: the bank, who taps it, who writes, who finishes."""

    bank: BankView
    taps: Taps
    writer: Writer
    finishing: Finishing
    beeps: Beeps | None = None


class Recordings:
    """Starts and stops recordings; at most one per call at a time."""

    def __init__(self, settings: Settings, room: Room, events: Events, loop: asyncio.AbstractEventLoop,
                 clock: Callable[[], float] = time.time) -> None:
        self._settings, self._room, self._events, self._loop, self._clock = settings, room, events, loop, clock
        self._running: dict[str, Recording] = {}  # by call
        self._lives: dict[Recording, asyncio.Task[None]] = {}
        events.subscribe(self._heard)

    def running(self, call: Call) -> Recording | None:
        """The recording of this call, if there is one."""
        return self._running.get(call.id)

    def start(self, call: Call, options: RecordingOptions) -> Recording:
        """Record from now on. Raises RecordingError."""
        if call.is_over:
            raise RecordingError("the call is ending")
        if call.id in self._running:
            raise RecordingError("it is being recorded already")
        self._check_quota(call.account_id)
        options = replace(options, format=options.format or self._settings.format,
                          beep_s=self._settings.beep_s if options.beep_s is None else options.beep_s)
        room, recording_id = self._room, manifest.new_id(self._clock())
        recording = Recording(recording_id, call, options, self._settings.work_directory, room.bank, room.taps,
                              room.writer, self._loop, self._told)
        recording.start()
        self._running[call.id] = recording
        self._lives[recording] = call.task(self._live(recording), "recording")
        self._lives[recording].add_done_callback(lambda _: self.stop(recording, {"by": "call"}))
        if call.mask.is_on:
            recording.mask(call.mask.by)
        call.publish("recording.started", leg_id=options.left.id, recording_id=recording_id, format=options.format)
        return recording

    def _check_quota(self, account_id: str | None) -> None:
        quota_mb, used_mb = self._settings.keeping(account_id).quota_mb, self._room.finishing.used_mb(account_id)
        if quota_mb and used_mb >= quota_mb:
            raise RecordingError(f"the account's recordings take {used_mb:.0f} MB, and recordings.quota_mb is "
                                 f"{quota_mb:g}")

    def stop(self, recording: AnyRecording, by: Mapping[str, str | None] | None = None) -> None:
        """End it; its files are closed shortly afterwards and `recording.stopped` follows."""
        assert isinstance(recording, Recording)
        if self._running.get(recording.call.id) is recording:
            del self._running[recording.call.id]
        recording.stop(by or _BY_API)
        life = self._lives.pop(recording, None)
        if life is not None:
            life.cancel()

    async def _live(self, recording: Recording) -> None:
        """As long as the conversation (hang-up cancels it) and the time limit."""
        call, options = recording.call, recording.options
        end_s, beep_s = self._loop.time() + options.time_limit_s, options.beep_s or 0.0
        due_s = self._loop.time()
        while (now_s := self._loop.time()) < end_s:
            recording.follow()
            if beep_s and now_s >= due_s:
                self._beep(call)
                due_s = now_s + beep_s
            await asyncio.sleep(min(FOLLOW_S, end_s - now_s, due_s - now_s if beep_s else FOLLOW_S))
        self._lives.pop(recording, None)
        self.stop(recording, {"by": "time_limit"})

    def _beep(self, call: Call) -> None:
        if self._room.beeps is not None:
            for leg in (call.a, call.b):
                if leg is not None and leg.state is LegState.UP:
                    self._room.beeps.recorded(leg)

    # -- what others say ------------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        """People come and go with events of the call; it is masked and unmasked by one."""
        recording = self._running.get(event.call_id or "")
        if recording is None or event.name.startswith(("recording.", "digit.")):
            return
        if event.name == "call.masked":
            recording.mask(recording.call.mask.by)
        elif event.name == "call.unmasked":
            recording.unmask(dict(event.fields.get("by") or {}), int(event.fields.get("digits") or 0))
        recording.follow()

    def _told(self, recording: Recording, what: str, why: str) -> None:
        """By the recording, of the writer."""
        if what != "closed":
            self._publish(f"recording.{what}", recording, reason=why or None)
            return
        self.stop(recording)
        log.log(logging.ERROR if why else logging.INFO, "recording %s: %.1f s%s", recording.id, recording.duration_s,
                f": {why}" if why else "")
        self._publish("recording.failed" if why else "recording.stopped", recording,
                      duration_s=recording.duration_s, error=why or None)
        facts = {**recording.manifest(), "error": why or None}
        self._room.finishing.finish(recording.id, facts, manifest.orders(recording.options))

    def _publish(self, name: str, recording: Recording, **fields: Any) -> None:
        call = recording.call
        self._events.publish(name, call_id=call.id, leg_id=call.a.id, account_id=call.account_id,
                             recording_id=recording.id, **fields)
