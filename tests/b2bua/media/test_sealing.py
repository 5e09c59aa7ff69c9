# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealed files: the holder of the private key opens them, nobody else, and only whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2bua.media.sealing import PIECE, TAG, SealError, new_pair, private_key, public_key, seal, unseal


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    for path, text in zip((private, public), new_pair(), strict=True):
        path.write_bytes(text)
    return private, public


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_was_sealed_is_opened_by_the_private_key_alone(tmp_path: Path, keys: tuple[Path, Path], size: int) -> None:
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    seal(plain, sealed, public_key(keys[1]))
    assert size < 16 or plain.read_bytes()[:16] not in sealed.read_bytes()
    unseal(sealed, opened, private_key(keys[0]))
    assert opened.read_bytes() == plain.read_bytes()
    other = tmp_path / "other.pem"
    other.write_bytes(new_pair()[0])
    with pytest.raises(SealError, match="another key"):
        unseal(sealed, tmp_path / "never", private_key(other))
    assert not (tmp_path / "never").exists()


def test_a_piece_that_is_missing_or_changed_is_noticed(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(b"x" * 3 * PIECE)
    seal(plain, sealed, public_key(keys[1]))
    whole = sealed.read_bytes()
    changed = bytearray(whole)
    changed[-1] ^= 1
    for wrong in (whole[:-1], whole[:48 + PIECE + TAG], bytes(changed), whole + b"x", whole[:40], b"no"):
        sealed.write_bytes(wrong)
        with pytest.raises(SealError):
            unseal(sealed, tmp_path / "never", private_key(keys[0]))


def test_a_key_of_another_kind_is_named(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no key")
    for reader in (public_key, private_key):
        with pytest.raises(SealError, match=r"bad\.pem"):
            reader(bad)
