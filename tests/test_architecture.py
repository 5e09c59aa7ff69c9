# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that keep the tree simple: imports run downwards, files and functions stay short."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2bua import __version__
from config.settings import load

ROOT = Path(__file__).parent.parent
LAYER = {"dsp": 0, "config": 0, "b2bua.calls": 1, "b2bua.metaflows": 2, "b2bua.store": 3, "b2bua.sip": 3,
         "b2bua.media": 3, "b2bua.native": 3, "b2bua.importers": 3, "b2bua.api": 4}
SIDEWAYS = {("b2bua.api", "b2bua.store")}
MAX_FILE, MAX_FUNCTION = 300, 40
SOURCES = [path for folder in ("b2bua", "dsp", "config", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
PRODUCT = [path for path in SOURCES if not path.is_relative_to(ROOT / "tests")]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def package_of(module: str) -> str | None:
    return next((package for package in LAYER if module == package or module.startswith(package + ".")), None)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_imports_run_downwards(path: Path) -> None:
    own = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for module in imports(path):
        other = package_of(module)
        if module.split(".")[0] == "fastapi":
            assert own == "b2bua.api", f"{module}: only b2bua.api may import FastAPI"
        if module.split(".")[0] in ("pjsua2", "_pjsua2"):
            assert own in ("b2bua.sip", "b2bua.native"), f"{module}: only b2bua.sip may import pjsua2"
        if own == "dsp":
            assert module.split(".")[0] not in ("b2bua", "config"), f"{module}: dsp imports nothing of ours"
        if own and other and own != other and (own, other) not in SIDEWAYS:
            assert LAYER[other] < LAYER[own], f"{own} must not import {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MAX_FILE, f"{text.count(chr(10))} lines: it holds two nouns"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_file_names_its_licence(path: Path) -> None:
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in path.read_text().splitlines()[0]


def test_no_python_runs_on_a_media_thread() -> None:
    """design: no Python frame callback, no Python log writer."""
    for path in PRODUCT:
        assert not re.search(r"pj\.(AudioMediaPort|LogWriter)\b", path.read_text()), path


def test_nobody_uses_a_wait_that_swallows_cancellation() -> None:
    """asyncio.wait_for of Python 3.11 does when both come at once (gh-86296): `asyncio.timeout` instead."""
    for path in PRODUCT:
        assert "asyncio.wait_for(" not in path.read_text(), path


def test_the_example_configuration_is_good() -> None:
    settings = load(ROOT / "config" / "example.yaml")
    assert set(settings.peers) == {"trunk", "pbx"}


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
