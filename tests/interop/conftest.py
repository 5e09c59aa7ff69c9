# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs only with `-m interop` (make interop); without root or debootstrap all is skipped, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.root import UnavailableError, obtain
from tests.interop.stage import Stage

TOLD: list[str] = []  # who talked to whom, test by test


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """These are no part of `make test`: making the PBX takes minutes."""
    if "interop" in config.getoption("markexpr"):
        return
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    items[:] = [item for item in items if item not in ours]
    config.hook.pytest_deselected(items=ours)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The log of the whole run."""
    if TOLD:
        terminalreporter.section("who is left talking to whom")
        for line in TOLD:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder with Asterisk in it."""
    try:
        return obtain()
    except UnavailableError as missing:
        pytest.skip(f"no Asterisk here: {missing}")


@pytest.fixture(scope="session")
def standing(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The PBX, once for all tests."""
    with Stage(root, tmp_path_factory.mktemp("interop")).standing() as made:
        yield made


@pytest.fixture
def stage(standing: Stage, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """Product and phones too; when the test is over, nothing may be left of its calls."""
    with standing.phones(tmp_path):
        yield standing
    TOLD.extend(f"{request.node.name}: {line}" for line in standing.told)
