# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua check`: exit 0 or 2, and one line per mistake on stderr."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from b2bua.cli import app

ROOT = Path(__file__).parents[2]


def check(config: Path | None) -> Result:
    return CliRunner().invoke(app, ["check", *(["--config", str(config)] if config else [])])


def test_good_configurations_exit_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for config in (None, ROOT / "config" / "example.yaml"):
        result = check(config)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.endswith("good\n")


def test_each_mistake_is_a_line_and_the_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text("sip: {max_calls: many, lisen: x}\nstore: postgres://user:hunter2@h/d\n")
    result = check(config)
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{config}: ") for line in lines)
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize("seed", [None, "accounts: 5", "accounts: [{id: x}]", "[", b"\xff\xfe\xfa"])
def test_the_seed_is_checked_too(tmp_path: Path, seed: str | bytes | None) -> None:
    config, file = tmp_path / "b2bua.yaml", tmp_path / "seed.yaml"
    config.write_text(f"seed: {file}\n")
    if seed is not None:
        file.write_bytes(seed if isinstance(seed, bytes) else seed.encode())
    result = check(config)
    assert (result.exit_code, result.stdout) == (2, "")
    assert str(file) in result.stderr


def test_nothing_is_started_or_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check(None).exit_code == 0
    assert list(tmp_path.iterdir()) == []
