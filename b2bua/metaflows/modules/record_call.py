# SPDX-License-Identifier: GPL-3.0-or-later
"""record_call: record the conversation. A recording belongs to the call, so either leg may stop or mask it."""

from __future__ import annotations

import logging
from typing import Literal

from pydantic import Field

from b2bua.calls.leg import LegState
from b2bua.calls.sounds import SoundError
from b2bua.metaflows.announce import announce
from b2bua.metaflows.context import Context, Outcome, Recorder, RecordingError, RecordingOptions, Report
from b2bua.metaflows.model import Data, client_url, extension

log = logging.getLogger(__name__)

MAX_TIME_LIMIT_S = 10800  # [s] KAZOO's media.max_recording_time_limit; the default as well


class RecordCall(Data):
    """Start, stop or mask the recording of the call."""

    action: Literal["mask", "unmask", "start", "stop", "toggle"] = Field(
        "toggle", description="what to do; mask: recordings are silent and digits reach nobody until unmask")
    format: Literal["mp3", "wav", "flac", "ogg"] | None = Field(
        None, description="kind of file (flac and ogg are ours); default: the operator's, mp3")
    label: str | None = Field(None, description="a remark that is kept with it")
    media_name: str | None = Field(None, description="name of the file")
    method: Literal["put", "post"] | None = Field(None, description="how to send it; default put")
    origin: str | None = Field(None, description="a remark on why it was made")
    record_min_sec: int | None = Field(None, description="shorter recordings are thrown away")
    record_on_answer: bool = Field(False, description="wait until the call is answered")
    record_on_bridge: bool = Field(False, description="wait until the parties talk")
    record_sample_rate: int | None = Field(None, description="Hz, 8000 to 48000; default that of the conference")
    time_limit: int | None = Field(None, description="seconds; default and at most 10800")
    url: str | None = client_url(None, description="where to send it afterwards")
    beep: float | None = extension(None, ge=0, description="both parties hear a beep every so many seconds; 0: never")
    notice: str | None = extension(None, description="what both parties hear when it begins: a sound as of `play`")
    mask_time: float | None = extension(None, gt=0, description="a mask is lifted by itself after so many seconds")
    mask_digits: int | None = extension(None, gt=0, description="a mask is lifted by itself after so many digits")
    mask_sound: bool = extension(False, description="while masked the parties do not hear each other")


async def run(context: Context, data: RecordCall) -> Report:
    """Start, stop, or whichever of the two is due; or turn the mask."""
    if data.action == "mask":
        context.call.mask.put_on(context.by, time_s=data.mask_time, digits=data.mask_digits, sound=data.mask_sound)
        return Report(Outcome.STARTED)
    if data.action == "unmask":
        lifted = context.call.mask.lift(context.by)
        return Report(Outcome.STOPPED) if lifted else Report(Outcome.FAILED, "nothing is masked")
    recorder = context.parts.recorder
    if recorder is None:
        return Report(Outcome.UNAVAILABLE, "there is no recorder")
    running = recorder.running(context.call)
    if data.action == "stop" or (data.action == "toggle" and running is not None):
        if running is None:
            return Report(Outcome.FAILED, "nothing is being recorded")
        recorder.stop(running, context.by)
        return Report(Outcome.STOPPED)
    if running is not None:
        return Report(Outcome.STARTED, "it was being recorded already")
    if context.call.answered_s is None and (data.record_on_answer or data.record_on_bridge or not _is_heard(context)):
        context.call.task(_later(context, recorder, data), "record_call")
        return Report(Outcome.STARTED, "it begins with the answer")
    return _start(context, recorder, data)


def _is_heard(context: Context) -> bool:
    pair = (context.call.a, context.call.b)
    return any(leg is not None and leg.port is not None and leg.state is not LegState.ENDED for leg in pair)


async def _later(context: Context, recorder: Recorder, data: RecordCall) -> None:
    await context.call.answered()
    if recorder.running(context.call) is None:
        report = _start(context, recorder, data)
        if report.outcome is Outcome.FAILED:
            context.call.publish("recording.failed", leg_id=context.leg.id, error=report.reason)


def _start(context: Context, recorder: Recorder, data: RecordCall) -> Report:
    try:
        recorder.start(context.call, _options(context, data))
    except RecordingError as error:
        return Report(Outcome.FAILED, str(error))
    notice = context.parts.recording_notice if data.notice is None else data.notice
    if notice:
        context.call.task(_notice(context, notice), "recording notice")
    return Report(Outcome.STARTED)


async def _notice(context: Context, name: str) -> None:
    """Both parties are told that they are recorded; the recording has been running since before that."""
    library, call = context.parts.library, context.call
    try:
        if library is None:
            raise SoundError("there are no sounds")
        await announce(context, await library.find(call.account_id, name), "both", keys="")
        call.publish("recording.announced", leg_id=context.leg.id, notice=name)
    except SoundError as error:
        log.warning("call %s: record_call: the notice is not played: %s", call.id, error)
        call.publish("recording.unannounced", leg_id=context.leg.id, notice=name, reason=str(error))


def _options(context: Context, data: RecordCall) -> RecordingOptions:
    return RecordingOptions(
        left=context.owner, format=data.format, method=data.method or "put", url=data.url,
        time_limit_s=min(data.time_limit or MAX_TIME_LIMIT_S, MAX_TIME_LIMIT_S), min_s=max(data.record_min_sec or 0, 0),
        sample_rate_hz=data.record_sample_rate, media_name=data.media_name, label=data.label, origin=data.origin,
        by=context.by, beep_s=data.beep)
