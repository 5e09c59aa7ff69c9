# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines: standard logging everywhere, rendered by structlog, on stderr. Events of calls are log lines too.

Lines are rendered and written by a thread of their own, so a slow terminal or pipe never holds up SIP. Its queue is
bounded: what does not fit is dropped, counted, and said when there is room again.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
import traceback
from typing import Any

import structlog

from b2bua.calls.events import Event
from config.settings import Log

_QUIET = {"digit.heard": logging.DEBUG, "leg.media_ended": logging.DEBUG, "collector.armed": logging.DEBUG}
_LOUD = {"call.failed": logging.ERROR, "recording.failed": logging.ERROR, "call.refused": logging.WARNING}


MAX_WAITING = 10_000  # lines


class _Hand(logging.handlers.QueueHandler):
    """Puts lines into the queue; any thread."""

    def __init__(self, lines: queue.Queue[Any]) -> None:
        super().__init__(lines)
        self._dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Text only: a traceback or an argument must not carry a pjsua2 object to the other thread to die there."""
        record.msg, record.args = record.getMessage(), None
        if record.exc_info:
            record.msg += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
            record.exc_info = None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Never waits."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self._dropped += 1
            return
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            logging.getLogger(__name__).error("%d log lines were dropped: stderr is too slow", dropped)


def configure(settings: Log) -> logging.handlers.QueueListener:
    """Set up logging for the process. Call `stop` on what comes back at the end: it writes what still waits."""
    renderer: Any = (structlog.processors.JSONRenderer() if settings.format == "json"
                     else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Any] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamp,
                         structlog.stdlib.ExtraAdder()]
    tail: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*tail, renderer]))
    root = logging.getLogger()
    lines: queue.Queue[Any] = queue.Queue(MAX_WAITING)
    writer = logging.handlers.QueueListener(lines, handler)
    root.handlers[:] = [_Hand(lines)]
    root.setLevel(settings.level.upper())
    for name in ("uvicorn.error", "httpx", "httpcore", "aiosqlite", "alembic", "sqlalchemy.engine", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    writer.start()
    return writer


def event_logger() -> Any:
    """A subscriber that writes each event as a line."""
    log = logging.getLogger("b2bua.event")

    def write(event: Event) -> None:
        level = _LOUD.get(event.name, _QUIET.get(event.name, logging.INFO))
        if log.isEnabledFor(level):
            known = {"call_id": event.call_id, "leg": event.leg_id, "account": event.account_id, **event.fields}
            log.log(level, event.name, extra={f"{key}_" if key in _RESERVED else key: value
                                              for key, value in known.items() if value is not None})

    return write


_RESERVED = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime", "event", "level", "logger", "timestamp"))
