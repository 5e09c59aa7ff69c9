# SPDX-License-Identifier: GPL-3.0-or-later
"""One PJSIP per process: a test names a scenario, which runs as a process of its own and prints its findings."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCENARIO_LIMIT_S = 60
HERE = Path(__file__).parent
NATIVE = HERE.parents[2] / "b2bua/native"

Play = Callable[[str], Any]
Compile = Callable[[str], ctypes.CDLL]


@pytest.fixture
def play(request: pytest.FixtureRequest) -> Play:
    """Run `python <this test file> <scenario>`; return what it printed last, read as JSON."""

    def run(scenario: str) -> Any:
        command = [sys.executable, "-u", str(request.path), scenario]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SCENARIO_LIMIT_S, check=False)
        assert done.returncode == 0, f"{scenario} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compile one source and its harness, without PJSIP, as a shared library."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")

    def compile_(name: str) -> ctypes.CDLL:
        path = tmp_path_factory.mktemp(name) / f"{name}.so"
        subprocess.run(["g++", "-O2", "-std=c++14", "-Wall", "-Werror", "-shared", "-fPIC", f"-I{NATIVE}",
                        "-o", str(path), str(NATIVE / f"{name}.cpp"), str(HERE / f"{name}_harness.cpp")], check=True)
        return ctypes.CDLL(str(path))

    return compile_
