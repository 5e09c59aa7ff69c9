# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines: JSON is JSON, tracebacks show no locals, events are lines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from b2bua.calls.events import Event
from b2bua.logs import configure, event_logger
from config.settings import Log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(capsys: pytest.CaptureFixture[str], kind: Any, level: Any = "info") -> list[str]:
    """What the same few messages look like on stderr."""
    writer = configure(Log(format=kind, level=level))
    log = logging.getLogger("b2bua.test")
    log.debug("quiet")
    log.info("call %s of %s", "c1", "Ann")
    pin = "sEc" + "ReT"
    try:
        raise ValueError("it broke")
    except ValueError:
        log.exception("a bug", extra={"leg": "l1"})
    assert pin
    write = event_logger()
    write(Event("call.started", 0.0, "c1", "l1", None, {"direction": "inbound", "none": None}))
    write(Event("metaflow.ended", 0.0, "c1", None, "a1", {"module": "hangup", "created": 1, "lineno": 2, "event": "e",
                                                         "odd": object()}))
    write(Event("digit.heard", 0.0, "c1", "l1", None, {"source": "info"}))
    write(Event("call.failed", 0.0, "c1", "l1"))
    logging.getLogger("httpx").info("chatter")
    writer.stop()
    return capsys.readouterr().err.rstrip("\n").split("\n")


def test_json_lines_are_json_with_time_level_logger_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in logged(capsys, "json")]
    assert [(line["level"], line["event"].split("\n")[0]) for line in lines] == [
        ("info", "call c1 of Ann"), ("error", "a bug"), ("info", "call.started"), ("info", "metaflow.ended"),
        ("error", "call.failed")]
    assert all(line["timestamp"].endswith("Z") and line["logger"].startswith("b2bua.") for line in lines)
    started = {key: lines[2][key] for key in lines[2] if key not in ("timestamp", "logger", "level")}
    assert started == {"event": "call.started", "call_id": "c1", "leg": "l1", "direction": "inbound"}


def test_fields_that_logging_keeps_for_itself_are_renamed(capsys: pytest.CaptureFixture[str]) -> None:
    ended = json.loads(logged(capsys, "json")[3])
    assert (ended["module_"], ended["created_"], ended["lineno_"], ended["event_"]) == ("hangup", 1, 2, "e")
    assert ended["account"] == "a1"


@pytest.mark.parametrize("kind", ["json", "console"])
def test_tracebacks_name_the_error_and_show_no_locals(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    text = "\n".join(logged(capsys, kind))
    assert "ValueError: it broke" in text
    assert "sEcReT" not in text


def test_levels_decide_and_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(logged(capsys, "console", "debug"))
    assert "quiet" in text
    assert "digit.heard" in text
    assert "chatter" not in text
    text = "\n".join(logged(capsys, "console", "error"))
    assert "call.failed" in text
    assert "call.started" not in text
