# SPDX-License-Identifier: Apache-2.0
"""File integrity monitoring: `[fim]` and its rules, `[[fim.rule]]`, checked."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from kflowd.settings.option import BYTES, Option

Consumer = Literal["users", "access", "sudoers", "generic", "diff"]
Severity = Literal["low", "medium", "high", "critical"]
Policy = Literal["any", "append"]
Profile = Literal["debian-server"]
MOST_PATTERNS = 1024
MOST_TAGS = 32
EXPRESSION = "re:"
_MAX_PATH = 4096
_MAX_TAG = 64


class PathGlob(NamedTuple):
    """What a rule names: a path with all below it, or a pattern of such paths."""

    text: str

    def __str__(self) -> str:
        return self.text


class Exclusion(NamedTuple):
    """What a rule leaves out: as `PathGlob`, or a regular expression behind `re:`."""

    text: str

    def __str__(self) -> str:
        return self.text


class Tag(NamedTuple):
    """A word that each finding of a rule carries."""

    text: str

    def __str__(self) -> str:
        return self.text


def parse_glob(text: str) -> PathGlob:
    """Return a path or a pattern.

    Raises:
        ValueError: With what is wrong, as the end of a line.
    """
    if not text.startswith("/"):
        raise ValueError("does not begin with /")
    if "\0" in text or len(text) > _MAX_PATH:
        raise ValueError(f"is no path of at most {_MAX_PATH} characters")
    plain = text.rstrip("/") or "/"
    parts = plain.split("/")[1:]
    if plain != "/" and any(part in ("", ".", "..") for part in parts):
        raise ValueError("has an empty component, . or ..")
    if any("**" in part and part != "**" for part in parts):
        raise ValueError("has ** beside other characters: it stands for whole components")
    return PathGlob(plain)


def parse_exclusion(text: str) -> Exclusion:
    """Return what is left out.

    Raises:
        ValueError: With what is wrong, as the end of a line.
    """
    if not text.startswith(EXPRESSION):
        return Exclusion(parse_glob(text).text)
    try:
        expression(text)
    except ValueError as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return Exclusion(text)


def expression(text: str) -> re.Pattern[str]:
    """Return what stands behind `re:`.

    Raises:
        ValueError: It is no regular expression, and why.
    """
    try:
        with warnings.catch_warnings():
            # such as [[:alpha:]], which means something else here
            warnings.simplefilter("error", FutureWarning)
            return re.compile(text.removeprefix(EXPRESSION), re.DOTALL)
    except (re.error, RecursionError, OverflowError, FutureWarning) as error:
        raise ValueError(str(error)) from None


def parse_tag(text: str) -> Tag:
    """Return a tag.

    Raises:
        ValueError: With what is wrong, as the end of a line.
    """
    if not text or len(text) > _MAX_TAG or not text.isprintable():
        raise ValueError(f"is no tag of 1 to {_MAX_TAG} printable characters")
    return Tag(text)


class FimRule(Struct, frozen=True, kw_only=True):
    """One rule: which files, and how they are compared. Of several the first that fits is right."""

    name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)] | None,
        Option(help="What findings call the rule: FimRule; unique", commands=(), reload=True),
    ] = None
    consumer: Annotated[
        Consumer,
        Option(
            help="How content is compared: by its digest (generic), by lines (diff), or by what "
            "it says (users, access, sudoers)",
            commands=(),
            reload=True,
        ),
    ] = "generic"
    paths: Annotated[
        tuple[PathGlob, ...],
        Option(
            help="Paths, or globs of them with * ? [...] and **; a directory means its tree",
            commands=(),
            reload=True,
        ),
    ] = ()
    exclude: Annotated[
        tuple[Exclusion, ...],
        Option(
            help="What is left out, with all below it: anchored globs, or a regular expression "
            "behind re:",
            commands=(),
            reload=True,
        ),
    ] = ()
    recurse: Annotated[
        Annotated[int, Meta(ge=0, le=256)],
        Option(help="Levels below what the rule names; 0 is that alone", commands=(), reload=True),
    ] = 64
    # what is larger is seldom a program or a setting
    max_size: Annotated[
        Annotated[int, Meta(ge=4 << 10, le=1 << 50)],
        Option(
            help="Of larger files the beginning, the middle and the end are read, and findings "
            "have SampledSHA256",
            unit=BYTES,
            commands=(),
            reload=True,
        ),
    ] = 64 << 20
    severity: Annotated[
        Severity, Option(help="FimSeverity of what the rule finds", commands=(), reload=True)
    ] = "medium"
    tags: Annotated[
        tuple[Tag, ...], Option(help="FimTags of what it finds", commands=(), reload=True)
    ] = ()
    policy: Annotated[
        Policy,
        Option(
            help="append is for logs: they may grow and be rotated, and nothing else",
            commands=(),
            reload=True,
        ),
    ] = "any"


class FimSettings(Struct, frozen=True, kw_only=True):
    """File integrity monitoring: `kflowd fim`."""

    state: Annotated[
        Path,
        Option(
            help="The database of accepted and seen states, mode 0600", commands=(), reload=True
        ),
    ] = Path("/var/lib/kflowd/fim.db")
    key: Annotated[
        Path,
        Option(
            help="32 random bytes, mode 0600, that chain findings and bind states; made by "
            "kflowd fim init",
            commands=(),
            reload=True,
        ),
    ] = Path("/var/lib/kflowd/fim.key")
    profile: Annotated[
        Profile | None,
        Option(
            help="Rules that come with kflowd, behind those of the file",
            commands=(),
            reload=True,
        ),
    ] = None
    rule: Annotated[tuple[FimRule, ...], Meta(max_length=256)] = ()


class Wrong(NamedTuple):
    """What contradicts in the rules.

    Attributes:
        number: Of the rule, from 0 on.
        key: What is refused there, "" for the rule itself.
        cause: Why, as the end of a line.
        other: What it contradicts there, "" for the rule itself.
    """

    number: int
    key: str
    cause: str
    other: str = ""


def wrong_rules(rules: tuple[FimRule, ...]) -> Iterator[Wrong]:
    """Yield what cannot hold together."""
    names: set[str] = set()
    for number, rule in enumerate(rules):
        if rule.name is None:
            yield Wrong(number, "", "it has no name")
        elif rule.name in names:
            yield Wrong(number, "name", f"there are two rules {rule.name!a}")
        names.add(rule.name or "")
        if not rule.paths:
            yield Wrong(number, "", "it has no paths")
        if rule.policy == "append" and rule.consumer != "generic":
            yield Wrong(number, "policy", "append is for the consumer generic", "consumer")
