# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kflowd.errors import FimError
from kflowd.fim import signing


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Return the files of a private and a public key."""
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "k.pem", tmp_path / "k.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.mark.parametrize("data", [b"", b"abc", bytes(1 << 20)])
def test_a_signature_is_of_the_bytes_of_a_file(
    tmp_path: Path, keys: tuple[Path, Path], data: bytes
) -> None:
    """Any other byte, and any other key, is refused."""
    path = tmp_path / "x"
    path.write_bytes(data)
    with path.open("rb") as file:
        signature = signing.sign(file, signing.private_key(keys[0]))
    signing.signature_path(path).write_bytes(signature)
    public = signing.public_key(keys[1])
    signing.check(path, public)
    assert len(signature) == signing.SIGNATURE_BYTES
    with pytest.raises(FimError, match="not of this file, or of another key"):
        signing.check(path, Ed25519PrivateKey.generate().public_key())
    path.write_bytes(data + b"\n")
    with pytest.raises(FimError, match="not of this file"):
        signing.check(path, public)
    signing.signature_path(path).write_bytes(b"short")
    with pytest.raises(FimError, match="not of this file"):
        signing.check(path, public)


def test_keys_of_others_are_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """Each with its cause: of another kind, encrypted, public for private, not there."""
    other = tmp_path / "o.pem"
    ec = generate_private_key(SECP256R1())
    other.write_bytes(ec.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(FimError, match="no key of Ed25519"):
        signing.private_key(other)
    locked = BestAvailableEncryption(b"x")
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    other.write_bytes(made)
    with pytest.raises(FimError, match="is encrypted"):
        signing.private_key(other)
    with pytest.raises(FimError, match="no private key in PEM"):
        signing.private_key(keys[1])
    with pytest.raises(FimError, match="no public key in PEM"):
        signing.public_key(keys[0])
    with pytest.raises(FimError, match="No such file"):
        signing.public_key(tmp_path / "nothing")


def test_nobody_is_waited_for(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """A FIFO is neither a file, nor a signature, nor a key."""
    public = signing.public_key(keys[1])
    for name in ("f", "x.sig"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "x").write_text("")
    (tmp_path / "f.sig").write_text("")
    for name in ("f", "x"):
        with pytest.raises(FimError, match="no regular file"):
            signing.check(tmp_path / name, public)
    with pytest.raises(FimError, match="no regular file"):
        signing.public_key(tmp_path / "f")
