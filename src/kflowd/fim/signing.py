# SPDX-License-Identifier: Apache-2.0
"""Detached signatures (Ed25519) of exported states. The only module that knows `cryptography`.

A signature is of the bytes of the file, 64 bytes, as `openssl pkeyutl -rawin` makes and checks it.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from kflowd.errors import FimError
from kflowd.fim.files import opened

SUFFIX = ".sig"
SIGNATURE_BYTES = 64
# far more than any PEM file of one key
MOST_KEY_BYTES = 64 << 10


def private_key(path: Path) -> Ed25519PrivateKey:
    """Return the key that signs.

    Raises:
        FimError: It cannot be read, is encrypted, or is no private key of Ed25519.
    """
    try:
        key = load_pem_private_key(_read(path), None)
    except TypeError:
        raise FimError(f"reading {path}: the key is encrypted, and is wanted without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise FimError(f"reading {path}: it is no private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        hint = "openssl genpkey -algorithm ed25519 makes one"
        raise FimError(f"reading {path}: it is no key of Ed25519", hint)
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """Return the key that checks.

    Raises:
        FimError: It cannot be read, or is no public key of Ed25519.
    """
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        hint = "openssl pkey -in PRIVATE -pubout writes it"
        raise FimError(f"reading {path}: it is no public key in PEM", hint) from None
    if not isinstance(key, Ed25519PublicKey):
        raise FimError(f"reading {path}: it is no key of Ed25519")
    return key


def signature_path(path: Path) -> Path:
    """Return where the signature of a file is."""
    return path.with_name(path.name + SUFFIX)


def sign(file: BinaryIO, key: Ed25519PrivateKey) -> bytes:
    """Return the signature of an open file.

    Raises:
        OSError: It cannot be read.
    """
    with _mapped(file) as data:
        return key.sign(memoryview(data))


def check(path: Path, key: Ed25519PublicKey) -> None:
    """Check the signature beside a file.

    Raises:
        FimError: It is not of these bytes by this key, or cannot be read.
    """
    signature = _read(signature_path(path))
    with _reading(path), opened(path) as file, _mapped(file) as data:
        try:
            key.verify(signature, memoryview(data))
        except (InvalidSignature, ValueError):
            raise FimError(
                f"verifying {path}: the signature is not of this file, or of another key"
            ) from None


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[mmap.mmap | bytes]:
    if not os.fstat(file.fileno()).st_size:
        yield b""
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _read(path: Path) -> bytes:
    with _reading(path), opened(path) as file:
        return file.read(MOST_KEY_BYTES)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FimError(f"reading {path}: {error.strerror}") from None
