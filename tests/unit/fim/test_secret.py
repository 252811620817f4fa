# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.errors import FimError
from kflowd.fim import secret
from kflowd.fim.secret import Secret


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """Of 32 random bytes that nobody else can read; the next call has the same."""
    path = tmp_path / "new" / "key"
    one = secret.make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == 32
    assert secret.make(path).proof == secret.load(path).proof == one.proof
    assert [it.name for it in path.parent.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda it: it.chmod(0o640), "its mode is 0640, and 0600 is wanted"),
        (lambda it: it.write_bytes(b"x" * 31), "it is no key of 32 bytes"),
        (lambda it: it.write_bytes(b"x" * 33), "it is no key of 32 bytes"),
        (lambda it: it.unlink(), "there is no key"),
        (lambda it: (it.unlink(), it.symlink_to("/etc/passwd")), "Too many levels"),
        (lambda it: (it.unlink(), it.mkdir()), "it is no regular file"),
    ],
)
def test_a_key_that_is_none_is_refused(tmp_path: Path, spoil: object, cause: str) -> None:
    """Also one that others may read."""
    path = tmp_path / "key"
    secret.make(path)
    spoil(path)  # type: ignore[operator]
    with pytest.raises(FimError, match=cause):
        secret.load(path)


def test_digests_depend_on_key_and_parts() -> None:
    """Parts are told apart, and neither digest is the other."""
    one, other = Secret(b"1" * 32), Secret(b"2" * 32)
    assert one.digest(b"a", b"b") != one.digest(b"ab", b"")
    assert one.seal(b"a", b"b") != one.seal(b"ab", b"")
    assert one.digest(b"a") != other.digest(b"a")
    assert one.seal(b"a") != other.seal(b"a")
    assert one.proof != other.proof
