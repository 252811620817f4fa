# SPDX-License-Identifier: Apache-2.0
"""Which rule a path belongs to. Pure.

Paths are bytes, as the kernel has them; patterns are about the characters that they are in UTF-8,
and what is no UTF-8 is a character that only wildcards match.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from kflowd.filters.patterns import translated
from kflowd.settings.fim import EXPRESSION, FimRule, expression
from kflowd.settings.rules import is_glob

_ANY = "**"


class Explained(NamedTuple):
    """Why a path belongs to a rule, or does not.

    Attributes:
        rule: It belongs to this one, None: to none.
        reasons: Of each rule that has a say, in their order, one line each.
    """

    rule: FimRule | None
    reasons: tuple[str, ...]


def decoded(path: bytes) -> str:
    """Return a path as text, which `encoded` turns back."""
    return path.decode("utf-8", "surrogateescape")


def encoded(path: str) -> bytes:
    """Return a path as bytes."""
    return path.encode("utf-8", "surrogateescape")


class RuleSet:
    """All rules. Of several that fit the first is right.

    Args:
        rules: In the order of the file.
    """

    def __init__(self, rules: Sequence[FimRule]) -> None:
        self._rules = tuple(_Matcher(rule) for rule in rules)

    def owner(self, path: bytes) -> FimRule | None:
        """Return the rule of a path, None: it has none."""
        text = decoded(path)
        for matcher in self._rules:
            if matcher.covers(text):
                return matcher.rule
        return None

    def descends(self, path: bytes) -> bool:
        """Say whether something below a directory may have a rule."""
        text = decoded(path)
        return any(matcher.descends(text) for matcher in self._rules)

    def bases(self) -> tuple[bytes, ...]:
        """Return where a walk begins: paths without wildcards, none below another, in order."""
        found: list[tuple[str, ...]] = []
        for parts in sorted({base for matcher in self._rules for base in matcher.bases}):
            if not any(parts[: len(each)] == each for each in found):
                found.append(parts)
        return tuple(encoded("/" + "/".join(parts)) for parts in found)

    def explain(self, path: bytes) -> Explained:
        """Return which rule a path has, and why."""
        text = decoded(path)
        reasons = []
        for matcher in self._rules:
            reason = matcher.reason(text)
            if reason:
                reasons.append(f"{matcher.rule.name}: {reason}")
            if matcher.covers(text):
                return Explained(matcher.rule, tuple(reasons))
        return Explained(None, tuple(reasons))


class _Matcher:
    """One rule."""

    def __init__(self, rule: FimRule) -> None:
        self.rule = rule
        self._patterns = [_Pattern(glob.text) for glob in rule.paths]
        self._covers = _alternatives(f"{it.expression}(?:/.*)?" for it in self._patterns)
        self._excluded = [(it.text, _exclusion(it.text)) for it in rule.exclude]
        self.bases = {it.base for it in self._patterns}

    def covers(self, path: str) -> bool:
        return (
            self._covers(path) is not None
            and self._depth(path) <= self.rule.recurse
            and self._excluding(path) is None
        )

    def descends(self, path: str) -> bool:
        if self._excluding(path) is not None:
            return False
        if self._covers(path) is not None and self._depth(path) < self.rule.recurse:
            return True
        parts = _parts(path)
        # what a pattern covers has been counted above: below it is deeper still
        return any(it.depth(path) is None and it.leads_below(parts) for it in self._patterns)

    def reason(self, path: str) -> str:
        """Return what the rule says of a path, "" if nothing."""
        if self._covers(path) is None:
            return ""
        named = next(it.text for it in self._patterns if it.depth(path) is not None)
        if (depth := self._depth(path)) > self.rule.recurse:
            return f"{named} has it, {depth} levels below, and recurse is {self.rule.recurse}"
        if (exclusion := self._excluding(path)) is not None:
            return f"{named} has it, and {exclusion} leaves it out"
        return f"{named} has it"

    def _depth(self, path: str) -> int:
        """Return how many levels below what the rule names a path is, at least."""
        # most paths are not that deep, whatever names them
        if path.count("/") - 1 <= self.rule.recurse:
            return 0
        depths = (it.depth(path) for it in self._patterns)
        return min((it for it in depths if it is not None), default=0)

    def _excluding(self, path: str) -> str | None:
        for text, matches in self._excluded:
            if matches(path):
                return text
        return None


class _Pattern:
    """One path or glob of a rule."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = _parts(text)
        plain = next((at for at, it in enumerate(self._parts) if is_glob(it)), len(self._parts))
        self.base = self._parts[:plain]
        self._matchers = [
            None if it == _ANY else re.compile(translated(it), re.DOTALL) for it in self._parts
        ]
        # /etc/** is what lies below
        self.expression = "" if text == "/" else _expression(self._parts)
        self._whole = re.compile(self.expression, re.DOTALL)

    def depth(self, path: str) -> int | None:
        """Return how many levels a path is below the first of its parents that matches."""
        parts = _parts(path)
        for length in range(len(parts) + 1):
            joined = "/" + "/".join(parts[:length]) if length else ""
            if self._whole.fullmatch(joined) is not None:
                return len(parts) - length
        return None

    def leads_below(self, parts: tuple[str, ...]) -> bool:
        """Say whether something below a directory, given by its components, can match."""
        for at, part in enumerate(parts):
            if at >= len(self._matchers):
                return False  # below what is named: `covers` knows that
            matcher = self._matchers[at]
            if matcher is None:
                return True
            if matcher.fullmatch(part) is None:
                return False
        return len(parts) < len(self._matchers)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(filter(None, path.split("/")))


def _expression(parts: Sequence[str]) -> str:
    """Return the expression of a glob, of components that each begin with a slash."""
    out = []
    for at, part in enumerate(parts):
        if part != _ANY:
            out.append("/" + translated(part))
        elif at == len(parts) - 1:
            out.append("(?:/[^/]+)+")
        else:
            out.append("(?:/[^/]+)*")
    return "".join(out)


def _alternatives(expressions: Iterable[str]) -> Callable[[str], object]:
    joined = "|".join(f"(?:{it})" for it in expressions)
    return re.compile(joined, re.DOTALL).fullmatch


def _exclusion(text: str) -> Callable[[str], object]:
    if text.startswith(EXPRESSION):
        return expression(text).search
    if text == "/":
        return lambda _path: True
    return re.compile(f"{_expression(_parts(text))}(?:/.*)?", re.DOTALL).fullmatch
