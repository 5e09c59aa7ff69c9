# SPDX-License-Identifier: GPL-3.0-or-later
"""record_call: record the conversation. A recording belongs to the call, so either leg may stop it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from b2bua.metaflows.context import Context, Outcome, Recorder, RecordingError, RecordingOptions, Report
from b2bua.metaflows.model import Data, client_url

MAX_TIME_LIMIT_S = 10800  # [s] KAZOO's media.max_recording_time_limit; the default as well


class RecordCall(Data):
    """Start, stop or mask the recording of the call."""

    action: Literal["mask", "unmask", "start", "stop", "toggle"] = Field("toggle", description="what to do")
    format: Literal["mp3", "wav"] | None = Field(None, description="kind of file; default wav")
    label: str | None = Field(None, description="a remark that is kept with it")
    media_name: str | None = Field(None, description="name of the file")
    method: Literal["put", "post"] | None = Field(None, description="how to send it; default put")
    origin: str | None = Field(None, description="a remark on why it was made")
    record_min_sec: int | None = Field(None, description="shorter recordings are thrown away")
    record_on_answer: bool = Field(False, description="wait until the call is answered")
    record_on_bridge: bool = Field(False, description="wait until the parties talk")
    record_sample_rate: int | None = Field(None, description="Hz")
    time_limit: int | None = Field(None, description="seconds; default and at most 10800")
    url: str | None = client_url(None, description="where to send it afterwards")


async def run(context: Context, data: RecordCall) -> Report:
    """Start, stop, or whichever of the two is due."""
    recorder = context.parts.recorder
    if recorder is None:
        return Report(Outcome.UNAVAILABLE, "there is no recorder")
    if data.action in ("mask", "unmask"):
        return Report(Outcome.UNAVAILABLE, "recordings cannot be masked yet")
    running = recorder.running(context.call)
    if data.action == "stop" or (data.action == "toggle" and running is not None):
        if running is None:
            return Report(Outcome.FAILED, "nothing is being recorded")
        recorder.stop(running)
        return Report(Outcome.STOPPED)
    if running is not None:
        return Report(Outcome.STARTED, "it was being recorded already")
    if data.record_on_answer or data.record_on_bridge:
        await context.call.answered()
    return _start(context, recorder, data)


def _start(context: Context, recorder: Recorder, data: RecordCall) -> Report:
    options = RecordingOptions(
        left=context.owner, format=data.format or "wav", method=data.method or "put", url=data.url,
        time_limit_s=min(data.time_limit or MAX_TIME_LIMIT_S, MAX_TIME_LIMIT_S), min_s=max(data.record_min_sec or 0, 0),
        sample_rate_hz=data.record_sample_rate, media_name=data.media_name, label=data.label, origin=data.origin)
    try:
        recorder.start(context.call, options)
    except RecordingError as error:
        return Report(Outcome.FAILED, str(error))
    return Report(Outcome.STARTED)
