# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.fim.consumers.sensitive import private_key, secret_line, secret_path
from tests.unit.fim.consumers.inputs import HASH


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/gshadow-",
        "/etc/ssh/ssh_host_ed25519_key",
        "/home/a/.ssh/id_rsa",
        "/root/.pgpass",
        "/root/.aws/credentials",
        "/srv/app/.env",
        "/srv/app/.env.local",
        "/etc/ssl/private/a/b",
        "/etc/letsencrypt/x/privkey.pem",
        "/etc/krb5.keytab",
        "/etc/NetworkManager/system-connections/x",
        "/root/.bash_history",
    ],
)
def test_files_of_secrets_are_known_by_name(path: str) -> None:
    """Their content is never shown (W31)."""
    assert secret_path(path)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/etc/ssh/sshd_config", "/home/a/.ssh/id_rsa.pub", "/etc/shadowing", "/x/env"],
)
def test_others_are_not(path: str) -> None:
    """A name that only looks so is none."""
    assert not secret_path(path)


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN RSA PRIVATE KEY-----",
        b"-----BEGIN PRIVATE KEY-----",
        b"x\n-----BEGIN OPENSSH PRIVATE KEY-----\n",
        b"PuTTY-User-Key-File-2: ssh-rsa",
        b"-----BEGIN PGP PRIVATE KEY BLOCK-----",
    ],
)
def test_private_keys_are_known(text: bytes) -> None:
    """Each form that programs write."""
    assert private_key(text)
    assert not private_key(b"-----BEGIN PUBLIC KEY-----")


@pytest.mark.parametrize(
    "line",
    [
        b"password = hunter2",
        b'{"api_key": "abc"}',
        b"root:" + HASH + b":1",
        b"x ghp_abcdefghijklmnop",
        b"blob=Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZkdISUpL",
    ],
)
def test_lines_with_secrets_are_known(line: bytes) -> None:
    """By a name, by its look, by being a text without sense."""
    assert secret_line(line)


@pytest.mark.parametrize(
    "line",
    [
        b"PermitRootLogin no",
        b"0123456789abcdef0123456789abcdef0123456789abcdef",
        b"/usr/lib/x86_64-linux-gnu/security/pam_unix.so",
        b"PasswordAuthentication no",
        b"\0",
    ],
)
def test_others_have_none(line: bytes) -> None:
    """A digest in hex and a path are none."""
    assert not secret_line(line)
