# SPDX-License-Identifier: Apache-2.0
import errno

import pytest

from kflowd.errors import KflowdError
from kflowd.support.parts import CUT, MOST_BYTES, Part, made, once


def failing(error: Exception) -> Part:
    def make() -> str:
        raise error

    return Part("b.txt", "of b", make)


def test_each_part_is_a_file_and_one_names_them() -> None:
    """In their order."""
    lines: list[str] = []
    readme, *others = made([Part("a.txt", "of a", lambda: "x\n")], lines.append)
    assert readme.name == "README.txt"
    assert b"a.txt              of a\n" in readme.data
    assert [(it.name, it.data) for it in others] == [("a.txt", b"x\n")]
    assert lines == []


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KflowdError("doing it: no\nway"), "doing it: no?way"),
        (OSError(errno.ENOENT, "No such file", "/x"), "/x: No such file"),
        (OSError(errno.EIO, "I/O error"), "I/O error"),
        (ImportError("no module"), "internal error: ImportError: no module"),
        (ValueError("v"), "internal error: ValueError: v"),
    ],
)
def test_a_part_that_fails_is_a_line(error: Exception, line: str) -> None:
    """In its file, beside its name and for who made the archive; the others are there."""
    lines: list[str] = []
    parts = [failing(error), Part("c.txt", "of c", lambda: "y")]
    readme, failed, other = made(parts, lines.append)
    assert failed.data == f"not there: {line}\n".encode()
    assert f"of b (not there: {line})".encode() in readme.data
    assert lines == [f"b.txt: {line}"]
    assert other.data == b"y"


def test_a_part_is_bounded() -> None:
    """Bytes that are no text do not matter."""
    _, file = made([Part("a.txt", "a", lambda: "\udcff" * (2 * MOST_BYTES))], print)
    assert len(file.data) == MOST_BYTES
    assert file.data.endswith(CUT)


def test_what_several_need_is_made_once() -> None:
    """Also where it fails."""
    calls: list[int] = []

    def make() -> int:
        calls.append(1)
        raise ValueError("x")

    failing = once(make)
    for function in (failing, failing):
        with pytest.raises(ValueError, match="x"):
            function()
    known = once(lambda: calls.append(1))
    known()
    known()
    assert len(calls) == 2
