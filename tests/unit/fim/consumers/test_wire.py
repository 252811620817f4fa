# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.consumers.wire import FIELDS, fingerprint, is_type, plain_type
from tests.unit.fim.consumers.inputs import ED25519


def made(tmp_path: Path, kind: str, bits: str) -> Path:
    """Return a public key that ssh-keygen has made."""
    path = tmp_path / f"{kind}{bits}"
    size = ["-b", bits] if bits else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub")


def of_ssh_keygen(path: Path) -> str:
    """Return the fingerprint that ssh-keygen tells."""
    told = subprocess.check_output(["ssh-keygen", "-lf", str(path)], text=True)
    return told.split()[1]


@pytest.mark.parametrize(
    ("kind", "bits"),
    [("rsa", "1024"), ("ed25519", ""), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")],
)
def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path, kind: str, bits: str) -> None:
    """Of a key, and of a certificate of it."""
    path = made(tmp_path, kind, bits)
    name, text, *_ = path.read_bytes().split()
    assert fingerprint(name, text) == of_ssh_keygen(path)
    authority = made(tmp_path, "ed25519", "256")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(authority.with_suffix("")), "-I", "x", str(path)], check=True
    )
    certificate = path.with_name(f"{path.stem}-cert.pub")
    name, text, *_ = certificate.read_bytes().split()
    assert plain_type(name) != name
    assert fingerprint(name, text) == of_ssh_keygen(certificate) == of_ssh_keygen(path)


def test_types_are_those_that_sshd_takes() -> None:
    """Keys, certificates and those of security keys."""
    for name in FIELDS:
        assert is_type(name)
    assert plain_type(b"sk-ssh-ed25519-cert-v01@openssh.com") == b"sk-ssh-ed25519@openssh.com"
    assert not is_type(b"ssh-ed448")


def test_what_is_no_key_has_no_fingerprint() -> None:
    """Another type, a cut and a longer key, what is no base64."""
    assert fingerprint(b"ssh-ed25519", ED25519)
    for text in (ED25519[:-4], ED25519 + b"AAAA", b"!" + ED25519, b"", b"A" * 100_000, b"\xff"):
        assert fingerprint(b"ssh-ed25519", text) is None
    assert fingerprint(b"ssh-rsa", ED25519) is None


@given(st.sampled_from(sorted(FIELDS)), st.binary())
def test_any_bytes_are_read(name: bytes, text: bytes) -> None:
    """Nothing raises."""
    fingerprint(name, text)
