# SPDX-License-Identifier: Apache-2.0
"""The file of settings: opened with care, and what is wrong in it told by its line.

What it says decides what a program of root does, so root reads none that others may write.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kflowd.errors import UsageError
from kflowd.settings.convert import Problem, check
from kflowd.settings.sources import Source, contradictions, effective
from kflowd.settings.tree import Settings
from kflowd.settings.walk import Place
from kflowd.settings.where import Where, WhereError

if TYPE_CHECKING:
    from kflowd.settings.document import Document

DEFAULT = Path("/etc/kflowd/kflowd.toml")
# far more than all settings with all rules that a filter can have use
MOST_BYTES = 256 << 10
# of one file; who has that many has another file in mind
MOST_PROBLEMS = 100
# without waiting: for who writes to a FIFO, and for a line of a serial port
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def load(path: Path | None) -> Source:
    """Return what a file sets.

    Args:
        path: Of the file, which has to be there; None: that of the host, if it is there.

    Raises:
        UsageError: It cannot be read, is not to be trusted, or something in it is wrong.
    """
    source, problems = _load(path, most=1)
    for line in problems.values():
        raise UsageError(line)
    return source


class Again:
    """Reads the settings of a run once more: its file and its options.

    Args:
        path: Of the file; None: that of the host, if it is there.
        line: What the command line sets.
        before: What the file set at the start. If there was one it has to be there again.
        quiet: Nothing goes to standard output, whatever the file says.
    """

    def __init__(
        self, path: Path | None, line: Source, before: Source, *, quiet: bool = False
    ) -> None:
        self._line = line
        self._named = path or (DEFAULT if before.origins else None)
        self._quiet = quiet

    def there(self) -> bool:
        """Say whether there is a file, or was one at the start."""
        if self._named is None:
            return DEFAULT.exists()
        return self._named != Path(os.devnull)

    def load(self) -> Settings:
        """Return the settings as they are by now.

        Raises:
            UsageError: As of `load`, and where file and options contradict.
        """
        found = effective(load(self._named), self._line)
        return msgspec.structs.replace(found, quiet=True) if self._quiet else found


def problems_of(path: Path | None) -> Sequence[str]:
    """Return all that is wrong in a file, each as a line; arguments as of `load`.

    What contradicts stands behind what is wrong by itself.
    """
    try:
        source, problems = _load(path, MOST_PROBLEMS)
    except UsageError as error:
        return [str(error)]
    return [*problems.values(), *contradictions(source, problems)][:MOST_PROBLEMS]


def _load(path: Path | None, most: int) -> tuple[Source, dict[Place, str]]:
    """Return what a file sets, and what is wrong there: lines by place, in the file's order."""
    text = _text(DEFAULT if path is None else path, optional=path is None)
    if not text:
        return Source(), {}
    path = path or DEFAULT
    document = _parse(path, text)
    values, problems = check(document.table, Settings, most)
    problems = [*problems, *_wrong_fields(values)][:most]
    problems.sort(key=lambda it: document.line_of(it.place) or 0)
    origins = {place: _at(path, document.line_of(place)) for place in values}
    lines = {it.place: f"{_at(path, document.line_of(it.place))}: {it}" for it in problems}
    return Source(values, origins), lines


def _wrong_fields(values: Mapping[Place, object]) -> Iterator[Problem]:
    """Yield what expressions say of fields that there are not, or of another kind."""
    for place, value in values.items():
        if isinstance(value, Where):
            from kflowd.delivery.where import make_where

            try:
                make_where(value)
            except WhereError as error:
                yield Problem(place, str(error))


def _at(path: Path, line: int | None) -> str:
    return f"{path}:{line}" if line else str(path)


def _parse(path: Path, text: str) -> "Document":
    from kflowd.settings.document import TextError, parse

    try:
        return parse(text)
    except TextError as error:
        raise UsageError(f"{_at(path, error.line)}: {error}") from None


def _text(path: Path, *, optional: bool) -> str:
    """Return what is in a file, "" if it need not be there and is not."""
    try:
        data = _read(path)
    except OSError as error:
        if optional and error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return ""
        raise UsageError(f"reading {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"reading {path}: {error}") from None
    try:
        return data.decode("utf-8-sig")  # some editors write a mark of the byte order
    except UnicodeDecodeError as error:
        line = 1 + error.object.count(b"\n", 0, error.start)
        raise UsageError(f"{path}:{line}: no TOML: it is no UTF-8") from None


def _read(path: Path) -> bytes:
    """Return what is in a file that may be read.

    Raises:
        OSError: As the system says.
        ValueError: It is no file of settings; with the end of a line.
    """
    number = os.open(path, _FLAGS)
    try:
        status = os.fstat(number)
        if _is_null(status):
            return b""
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        if os.geteuid() == 0:
            _trust(status)
        data = b""
        while len(data) <= MOST_BYTES and (piece := os.read(number, MOST_BYTES + 1 - len(data))):
            data += piece
    finally:
        with suppress(OSError):
            os.close(number)
    if len(data) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES >> 10} KiB")
    return data


def _is_null(status: os.stat_result) -> bool:
    """Say whether it is /dev/null: by that name there are no settings of a file."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)


def _trust(status: os.stat_result) -> None:
    # an access control list that lets others write shows in the bits of the group
    if status.st_uid:
        raise ValueError(f"kflowd runs as root, and user {status.st_uid} owns the file")
    if status.st_mode & _OTHERS_WRITE:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise ValueError(f"kflowd runs as root, and others may write the file: its mode is {mode}")
