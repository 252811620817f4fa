# SPDX-License-Identifier: Apache-2.0
import click
import pytest

from kflowd import console, streams
from kflowd.errors import FeatureError, SinkError


def test_a_line_drives_no_terminal() -> None:
    """A name of a file may hold anything; bytes that are no UTF-8 stay as they are."""
    assert console.one_line("a\n\x1b[31m\udcff b") == "a \\x1b[31m\udcff b"


def test_lines_name_the_program(capfd: pytest.CaptureFixture[str]) -> None:
    """But for those that belong to the one above."""
    console.say("a")
    console.say("  b")
    console.print_text("c\udcff")
    out, err = capfd.readouterr()
    assert err == "kflowd: a\n  b\n"
    assert out.startswith("c")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FeatureError("x"), 3),
        (click.UsageError("x"), 2),
        (OSError(2, "No such file", "/x"), 1),
        (MemoryError(), 1),
        (RuntimeError("can't start new thread"), 1),
        (ImportError("x: failed to map segment from shared object"), 1),
        (KeyError("x"), 1),
    ],
)
def test_each_error_is_a_line_and_a_code(error: Exception, code: int) -> None:
    """Whatever it is."""
    message, _, found = console.explain(error)
    assert (found, "\n" in message) == (code, False)


def test_a_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """That nobody reads is none."""

    def fail(error: OSError) -> None:
        raise error

    for error in (OSError(28, "No space left on device"), BrokenPipeError()):
        monkeypatch.setattr(streams, "write", lambda *_words, it=error: fail(it))
        if isinstance(error, BrokenPipeError):
            console.print_text("x")
        else:
            with pytest.raises(SinkError, match="writing to stdout: No space left"):
                console.print_text("x")
