# SPDX-License-Identifier: GPL-3.0-or-later
"""`b2bua recordings`: the key holder opens what the service sealed."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from b2bua.cli import app
from b2bua.media.sealing import public_key, seal


def test_a_sealed_recording_is_opened_with_the_key_that_keygen_made(tmp_path: Path) -> None:
    private, public, plain = tmp_path / "private.pem", tmp_path / "public.pem", tmp_path / "talk.mp3"
    run = CliRunner()
    assert run.invoke(app, ["recordings", "keygen", str(private), str(public)]).exit_code == 0
    assert private.stat().st_mode & 0o077 == 0
    assert run.invoke(app, ["recordings", "keygen", str(private), str(public)]).exit_code == 2  # nothing is overwritten
    plain.write_bytes(b"sound")
    seal(plain, tmp_path / "talk.mp3.sealed", public_key(public))
    plain.unlink()
    ask = ["recordings", "decrypt", str(tmp_path / "talk.mp3.sealed"), "--key", str(private)]
    assert run.invoke(app, ask).exit_code == 0
    assert plain.read_bytes() == b"sound"
    assert run.invoke(app, ask).exit_code == 1  # it is there already
    assert run.invoke(app, ["recordings", "decrypt", str(plain), "-k", str(public)]).exit_code == 2
