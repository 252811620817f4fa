# SPDX-License-Identifier: Apache-2.0
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.consumers.passwords import algorithm, password
from tests.unit.fim.consumers.inputs import HASH, KEY


@pytest.mark.parametrize(("option", "name"), [("-1", "md5"), ("-5", "sha256"), ("-6", "sha512")])
def test_hashes_of_openssl_are_known(option: str, name: str) -> None:
    """What another makes is known by its algorithm, and none of it is shown."""
    made = subprocess.check_output(["openssl", "passwd", option, "x"]).strip()
    told = password(made, KEY)
    assert (told.status, told.algorithm) == ("set", name)
    assert len(told.fingerprint) == 16
    assert told.fingerprint != password(made[:-1], KEY).fingerprint


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"$y$j9T$salt$hash", "yescrypt"),
        (b"$2b$12$" + b"a" * 53, "bcrypt"),
        (b"$sha1$1$salt$hash", "sha1"),
        (b"$md5,rounds=5000$salt$hash", "sunmd5"),
        (b"$zz$salt$hash", "unknown"),
        (b"abJnggxhB/yWI", "des"),
        (b"_J9..CCCCXBrJUJV154M", "bsdi-des"),
        (b"*", ""),
    ],
)
def test_algorithms_are_those_of_crypt(raw: bytes, name: str) -> None:
    """Each prefix of crypt(5) has its name."""
    assert algorithm(raw) == name


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", "empty"),
        (b"!", "locked"),
        (b"!!", "locked"),
        (b"*", "locked"),
        (b"!" + HASH, "locked"),
        (b"LOCKED", "locked"),
        (HASH, "set"),
    ],
)
def test_status_is_that_of_the_field(raw: bytes, status: str) -> None:
    """What no password can match is locked, and nothing is empty."""
    assert password(raw, KEY).status == status


def test_a_pointer_is_none_in_shadow() -> None:
    """An "x" points at shadow in passwd, and locks in shadow."""
    assert password(b"x", KEY, points=True).status == "shadow"
    assert password(b"x", KEY).status == "locked"


@given(st.binary())
def test_no_hash_is_shown(raw: bytes) -> None:
    """Whatever the field is, only words and hex digits are told."""
    told = password(raw, KEY)
    assert set(told.fingerprint) <= set("0123456789abcdef")
