# SPDX-License-Identifier: GPL-3.0-or-later
"""One PJSIP per process: a test names a scenario, which runs as a process of its own and prints its findings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

SCENARIO_LIMIT_S = 60

Play = Callable[[str], Any]


@pytest.fixture
def play(request: pytest.FixtureRequest) -> Play:
    """Run `python <this test file> <scenario>`; return what it printed last, read as JSON."""

    def run(scenario: str) -> Any:
        command = [sys.executable, "-u", str(request.path), scenario]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SCENARIO_LIMIT_S, check=False)
        assert done.returncode == 0, f"{scenario} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    return run
