# SPDX-License-Identifier: Apache-2.0
"""The files of an archive: each has its text, or a line that says why it has none."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from kflowd.errors import KflowdError

T = TypeVar("T")
# More than any of them needs; who reads the archive unpacks it whole.
MOST_BYTES = 1 << 20
CUT = b"\n[cut: it was longer]\n"
FAILED = "not there: "
README = "README.txt"
_HEAD = """\
What kflowd knows of itself and of this host, made by `kflowd support`.
docs/support.md says what is in each file. It holds no records: no names of files that were
traced, no command lines, no addresses of connections. What is personal in it is in settings.toml
and in the names of outputs: paths, addresses and rules that somebody has written there. Secrets
that are known as such are ***.

"""


class Part(NamedTuple):
    """A file to be.

    Attributes:
        name: Of the file.
        about: What is in it, in some words.
        make: Returns its text; what it raises is told in place of that.
    """

    name: str
    about: str
    make: Callable[[], str]


class File(NamedTuple):
    """A file.

    Attributes:
        name: In the archive.
        data: What is in it.
    """

    name: str
    data: bytes


def made(parts: Iterable[Part], say: Callable[[str], None]) -> list[File]:
    """Return the files, ahead of all one that names them.

    Args:
        parts: In their order.
        say: Takes a line for each that failed.
    """
    files: list[File] = []
    lines: list[str] = []
    for part in parts:
        text, failure = _attempt(part)
        if failure:
            say(f"{part.name}: {failure}")
            text = f"{FAILED}{failure}\n"
        files.append(File(part.name, _bounded(text)))
        lines.append(f"{part.name:<18} {part.about}" + (f" ({FAILED}{failure})" if failure else ""))
    text = _HEAD + "\n".join((*lines, ""))
    return [File(README, _bounded(text)), *files]


def once(make: Callable[[], T]) -> Callable[[], T]:
    """Return a function that calls another one at the first time, also if that fails."""
    found: list[T] = []
    failed: list[Exception] = []

    def known() -> T:
        if not found and not failed:
            try:
                found.append(make())
            except Exception as error:  # noqa: BLE001 - raised below
                failed.append(error)
        if failed:
            raise failed[0]
        return found[0]

    return known


def _attempt(part: Part) -> tuple[str, str]:
    """Return the text of a part, and why it has none."""
    try:
        return part.make(), ""
    except KflowdError as error:
        failure = str(error)
    except OSError as error:
        failure = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    except Exception as error:  # noqa: BLE001 - the archive has the other parts
        failure = f"internal error: {type(error).__name__}: {error}"
    # a path or a message may hold anything, a line break too
    return "", "".join(letter if letter.isprintable() else "?" for letter in failure)


def _bounded(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return data if len(data) <= MOST_BYTES else data[: MOST_BYTES - len(CUT)] + CUT
