# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines: standard logging everywhere, rendered by structlog, on stderr. Events of calls are log lines too."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from b2bua.calls.events import Event
from config.settings import Log

_QUIET = {"digit.heard": logging.DEBUG, "leg.media_ended": logging.DEBUG, "collector.armed": logging.DEBUG}
_LOUD = {"call.failed": logging.ERROR, "recording.failed": logging.ERROR, "call.refused": logging.WARNING}


def configure(settings: Log) -> None:
    """Set up logging for the process."""
    renderer: Any = (structlog.processors.JSONRenderer() if settings.format == "json"
                     else structlog.dev.ConsoleRenderer(
                         colors=sys.stderr.isatty(),
                         exception_formatter=structlog.dev.plain_traceback))  # no locals: they hold digits and keys
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Any] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamp,
                         structlog.stdlib.ExtraAdder()]
    tail: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if settings.format == "json":
        tail.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*tail, renderer]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in ("httpx", "httpcore", "aiosqlite", "alembic", "sqlalchemy.engine", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


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


_RESERVED = frozenset(("name", "msg", "args", "module", "filename", "process", "thread", "message"))
