# SPDX-License-Identifier: Apache-2.0
"""What an importer makes of another's configuration: rules of `[fim]`, and what it cannot say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from kflowd.settings.fim import expression

Consumer = Literal["users", "access", "sudoers", "generic", "diff"]
MOST_NAME = 64
MOST_TAG = 64
# as docs/fim.md says
NOT_LIVE = "files are not watched live yet; run `kflowd fim check` from cron"
MOST_RECURSE = 256
# each exclusion is asked of each path; kflowd takes 256 rules
MOST_PATHS, MOST_EXCLUDES = 4096, 1024
LEAST_SIZE, MOST_SIZE = 4 << 10, 1 << 50


class FormatError(ValueError):
    """A text is not what the importer reads.

    Args:
        cause: As the end of a line.
        line: Where, from 1 on; 0: nowhere.
    """

    def __init__(self, cause: str, line: int = 0) -> None:
        super().__init__(cause)
        self.line = line


class Note(NamedTuple):
    """Something that the rules do not say, or say in another way.

    Attributes:
        line: Of the file, from 1 on; 0: it is about all of it.
        text: What, and what to do.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True)
class Rule:
    """A rule of `[fim]`; the first of several that has a path is that of the path."""

    paths: tuple[str, ...]
    consumer: Consumer = "generic"
    exclude: tuple[str, ...] = ()
    recurse: int | None = None
    max_size: int | None = None
    severity: str | None = None
    tags: tuple[str, ...] = ()
    policy: str | None = None


@dataclass
class Imported:
    """What was read.

    Attributes:
        rules: In the order in which they count.
        notes: All that is not in them.
        settings: Keys that `[fim]` is to have, as comments.
        excludes: What no rule is to have.
        deepest: Of several rules the one with the deepest path counts, not the first.
    """

    rules: list[Rule] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    excludes: list[str] = field(default_factory=list)
    deepest: bool = True
    _paths: int = 0

    def note(self, line: int, text: str) -> None:
        """Say what the rules do not."""
        self.notes.append(Note(line, text))

    def setting(self, line: int, key: str, value: str, instead: str) -> None:
        """Keep what `[fim]` has no key for yet, and say so.

        Args:
            line: Of the file, 0: none.
            key: That it will be.
            value: Of it.
            instead: What to do until then.
        """
        self.settings[key] = value
        self.note(line, f'{key} = "{value}": a comment, [fim] has no such key yet; {instead}')

    def add(self, line: int, rule: Rule) -> None:
        """Add a rule, but for paths that none may have, which are told.

        Raises:
            FormatError: There are too many.
        """
        right = []
        for path in rule.paths:
            if cause := wrong_path(path):
                self.note(line, f"{shown(path)}: {cause}; left out")
            else:
                right.append(tidy(path))
        tags = []
        for tag in rule.tags:
            if tag and len(tag) <= MOST_TAG and tag.isprintable():
                tags.append(tag)
            else:
                self.note(line, f"tag {shown(tag)}: not 1 to {MOST_TAG} characters; left out")
        if right:
            paths = tuple(dict.fromkeys(right))
            self._paths += len(paths)
            if self._paths > MOST_PATHS:
                raise FormatError(f"more than {MOST_PATHS} paths of rules", line)
            self.rules.append(replace(rule, paths=paths, tags=tuple(dict.fromkeys(tags))))

    def leave_out(self, line: int, exclusion: str) -> None:
        """Add what no rule is to have; one that is none is told.

        Raises:
            FormatError: There are too many.
        """
        if exclusion.startswith("re:"):
            try:
                expression(exclusion)
            except ValueError as error:
                self.note(line, f"{shown(exclusion)}: not a regular expression here: {error}")
                return
        elif cause := wrong_path(exclusion):
            self.note(line, f"exclusion {shown(exclusion)}: {cause}; left out")
            return
        else:
            exclusion = tidy(exclusion)
        self.excludes.append(exclusion)
        if len(self.excludes) > MOST_EXCLUDES:
            raise FormatError(f"more than {MOST_EXCLUDES} exclusions", line)

    def finished(self) -> Iterator[Rule]:
        """Yield the rules in the order in which they count, with exclusions that concern them."""
        for rule in _deepest_first(self.rules) if self.deepest else self.rules:
            concern = (it for it in self.excludes if any(concerns(it, p) for p in rule.paths))
            yield replace(rule, exclude=tuple(dict.fromkeys((*rule.exclude, *concern))))


def _deepest_first(rules: list[Rule]) -> list[Rule]:
    """Return rules so that none has a path that lies below one of a rule ahead of it.

    A rule whose paths lie both above and below those of another becomes several.
    """
    order = sorted(rules, key=lambda rule: -max(map(_depth, rule.paths)))
    if not _any_above(order):
        return order
    by_depth: dict[tuple[int, int], list[str]] = {}
    for number, rule in enumerate(rules):
        for path in rule.paths:
            by_depth.setdefault((-_depth(path), number), []).append(path)
    return [replace(rules[it[1]], paths=tuple(paths)) for it, paths in sorted(by_depth.items())]


def _depth(path: str) -> int:
    return path.count("/") if path != "/" else 0


def _any_above(rules: list[Rule]) -> bool:
    """Say whether a path of a rule lies below one of a rule ahead of it."""
    ahead: set[str] = set()
    for rule in rules:
        for path in rule.paths:
            parts = path.rstrip("/").split("/")
            if any("/".join(parts[:count]) in ahead for count in range(1, len(parts) + 1)):
                return True
        ahead |= {literal(path).rstrip("/") for path in rule.paths}
    return False


def tidy(path: str) -> str:
    """Return a path without a slash at its end."""
    return path.rstrip("/") or "/"


def wrong_path(path: str) -> str | None:
    """Return why a path or a glob cannot stand in a rule, None if it can."""
    if not path.startswith("/"):
        return "not an absolute path of Linux"
    if not path.isprintable() or len(path) > 4096:
        return "not a printable path of at most 4096 characters"
    parts = tidy(path).split("/")[1:]
    if path.strip("/") and any(part in {"", ".", ".."} for part in parts):
        return "an empty component, . or .. in it"
    if any("**" in part and part != "**" for part in parts):
        return "** beside other characters"
    return None


def literal(pattern: str) -> str:
    """Return the part of a glob ahead of its first wildcard, whole components alone."""
    found = re.split(r"[*?\[]", pattern, maxsplit=1)
    return found[0] if len(found) == 1 else found[0].rpartition("/")[0]


def concerns(exclusion: str, path: str) -> bool:
    """Say whether an exclusion can be about something below a path."""
    if exclusion.startswith("re:"):
        begin = re.match(r"re:\^((?:[\w/ -]|\\\.)*)", exclusion)
        left = begin[1].replace("\\.", ".") if begin else ""
        # what a quantifier or "|" follows is not said for sure
        rest = exclusion[begin.end() :] if begin else ""
        if not begin or "|" in rest or rest.startswith(("?", "*", "{", "+")):
            return True
    else:
        left = literal(exclusion)
    right = literal(path)
    return left.startswith(right) or right.startswith(left)


def shown(text: str) -> str:
    """Return a text of a file as a message can hold it."""
    short = text if len(text) <= 200 else f"{text[:200]}..."
    return "".join(it if it.isprintable() else ascii(it)[1:-1] for it in short)
