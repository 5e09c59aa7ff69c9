# SPDX-License-Identifier: GPL-3.0-or-later
"""Files encrypted for the holder of a private key: whoever has only the public one cannot read them back.

    MAGIC (16 bytes), ephemeral X25519 public key (32 bytes), then pieces of 64 KiB + 16 bytes of tag

Each file has its own key: HKDF-SHA256 of the ephemeral and the holder's key (as age does it), ChaCha20-Poly1305. The
nonce is the piece's number and whether it is the last one, so pieces cannot be swapped, dropped or cut off.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

MAGIC = b"b2bua sealed v1\n"
SUFFIX = ".sealed"
PIECE, TAG, KEY = 65536, 16, 32


class SealError(Exception):
    """It cannot be opened, or the key is none; the text says why."""


def public_key(path: Path) -> X25519PublicKey:
    """Read a PEM file. raises SealError"""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SealError(f"{path}: {error}") from None
    if not isinstance(key, X25519PublicKey):
        raise SealError(f"{path}: is no X25519 key (openssl genpkey -algorithm x25519)")
    return key


def private_key(path: Path, password: str | None = None) -> X25519PrivateKey:
    """Read a PEM file. raises SealError"""
    try:
        key = load_pem_private_key(path.read_bytes(), password.encode() if password else None)
    except (OSError, ValueError, TypeError) as error:
        raise SealError(f"{path}: {error}") from None
    if not isinstance(key, X25519PrivateKey):
        raise SealError(f"{path}: is no X25519 key")
    return key


def new_pair() -> tuple[bytes, bytes]:
    """PEM of a new private key and of its public one."""
    private = X25519PrivateKey.generate()
    return (private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def seal(source: Path, target: Path, key: X25519PublicKey) -> None:
    """Write `target`, which only the holder of the private key can open. raises OSError"""
    ephemeral = X25519PrivateKey.generate()
    sender = _raw(ephemeral.public_key())
    cipher = _cipher(ephemeral.exchange(key), sender, _raw(key))
    with source.open("rb") as plain, target.open("xb") as out:
        out.write(MAGIC + sender)
        for number, piece, last in _pieces(plain, PIECE):
            out.write(cipher.encrypt(_nonce(number, last), piece, None))


def unseal(source: Path, target: Path, key: X25519PrivateKey) -> None:
    """Write what was sealed. raises SealError, OSError; `target` is then not there"""
    with source.open("rb") as sealed:
        if sealed.read(len(MAGIC)) != MAGIC:
            raise SealError(f"{source}: was not sealed by b2bua")
        sender = sealed.read(KEY)
        if len(sender) != KEY:
            raise SealError(f"{source}: is cut off")
        cipher = _cipher(key.exchange(X25519PublicKey.from_public_bytes(sender)), sender, _raw(key.public_key()))
        try:
            with target.open("xb") as out:
                for number, piece, last in _pieces(sealed, PIECE + TAG):
                    out.write(cipher.decrypt(_nonce(number, last), piece, None))
        except InvalidTag:
            target.unlink()
            raise SealError(f"{source}: was changed, is cut off, or was sealed for another key") from None


def _cipher(shared: bytes, sender: bytes, holder: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(SHA256(), KEY, sender + holder, MAGIC).derive(shared))


def _nonce(number: int, last: bool) -> bytes:
    return struct.pack(">xxxQB", number, last)


def _raw(key: X25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _pieces(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Number, bytes, is it the last one; an empty file is one empty piece."""
    number, piece = 0, file.read(size)
    while True:
        following = file.read(size) if len(piece) == size else b""
        yield number, piece, not following
        if not following:
            return
        number, piece = number + 1, following
