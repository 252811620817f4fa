# SPDX-License-Identifier: Apache-2.0
"""Walks the trees that rules name, in one order always, and can go on where it ended."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from kflowd.fim.reading import Reader, Wanted
from kflowd.fim.rules import RuleSet
from kflowd.fim.state import State
from kflowd.settings.fim import FimRule

# What is read line by line: no file of settings is larger.
MOST_KEPT = 4 << 20
# So many directories may be in each other: whoever may make one can make a million.
MOST_DEEP = 320
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Seen(NamedTuple):
    """A name that has a rule, and its state."""

    path: bytes
    rule: FimRule
    state: State
    content: bytes | None = None


class Walk:
    """One walk over all names that have a rule.

    Args:
        rules: Say which.
        reader: Reads states.
        prefix: Returns how long the accepted content of a path is, of a rule for logs.
        failed: Called with a directory that cannot be listed, and its error.
        content: Returns what is kept of a content, by the consumer of its rule.
    """

    def __init__(
        self,
        rules: RuleSet,
        reader: Reader,
        prefix: Callable[[bytes], int | None] = lambda _path: None,
        failed: Callable[[bytes, OSError], None] = lambda _path, _error: None,
        content: Callable[[FimRule, bytes, bytes], bytes | None] = lambda _rule, _path, _data: None,
    ) -> None:
        self._rules = rules
        self._reader = reader
        self._prefix = prefix
        self._failed = failed
        self._content = content

    def __call__(self, after: bytes | None = None) -> Iterator[Seen]:
        """Yield all names in the order of their components.

        Args:
            after: Begin behind this path, which a walk before this one has yielded.
        """
        resume = None if after is None else _order(after)
        for base in self._rules.bases():
            if resume is not None and _order(base) < resume[: len(_order(base))]:
                continue
            yield from self._base(base, resume)

    def _base(self, base: bytes, resume: tuple[bytes, ...] | None) -> Iterator[Seen]:
        parent, _, name = base.rpartition(b"/")
        try:
            # what leads to it was named by who wrote the rule: links are followed
            folder = os.open(parent or b"/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return  # it may appear later: then its names are new
        try:
            yield from self._name(folder, name or b".", base, resume)
        finally:
            os.close(folder)

    def _name(
        self, folder: int, name: bytes, path: bytes, resume: tuple[bytes, ...] | None
    ) -> Iterator[Seen]:
        """Yield a name and what is below it."""
        order = _order(path)
        done = resume is not None and order <= resume
        if done and resume is not None and order != resume[: len(order)]:
            return  # it and all below were before
        rule = self._rules.owner(path)
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if rule is not None and not done:
                yield self._seen(folder, name, path, rule, status)
        except FileNotFoundError:
            return
        except OSError as error:
            self._failed(path, error)
            return
        if stat.S_ISDIR(status.st_mode) and self._rules.descends(path):
            yield from self._folder(folder, name, path, resume)

    def _seen(
        self, folder: int, name: bytes, path: bytes, rule: FimRule, status: os.stat_result
    ) -> Seen:
        state = self._reader.read(folder, name, self._wanted(rule, path), status)
        data = self._reader.kept
        return Seen(path, rule, state, None if data is None else self._content(rule, path, data))

    def _folder(
        self, parent: int, name: bytes, path: bytes, resume: tuple[bytes, ...] | None
    ) -> Iterator[Seen]:
        if path.count(b"/") > MOST_DEEP:
            cause = f"more than {MOST_DEEP} directories in each other"
            self._failed(path, OSError(errno.ELOOP, cause))
            return
        try:
            folder = os.open(name, _FOLDER, dir_fd=parent)
        except OSError as error:
            self._failed(path, error)
            return
        try:
            with os.scandir(folder) as entries:
                names = sorted(os.fsencode(entry.name) for entry in entries)
            prefix = path if path.endswith(b"/") else path + b"/"
            for each in names:
                yield from self._name(folder, each, prefix + each, resume)
        except OSError as error:
            self._failed(path, error)
        finally:
            os.close(folder)

    def _wanted(self, rule: FimRule, path: bytes) -> Wanted:
        if rule.consumer != "generic":
            return Wanted(rule.max_size, keep=MOST_KEPT)
        if rule.policy != "append":
            return Wanted(rule.max_size)
        return Wanted(rule.max_size, self._prefix(path), whole=True)


def _order(path: bytes) -> tuple[bytes, ...]:
    return tuple(filter(None, path.split(b"/")))
