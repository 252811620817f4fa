# SPDX-License-Identifier: Apache-2.0
"""What is secret by its place among the arguments: the value of an option, user:secret, -pSECRET.

An argument with blanks may be a command line of its own (sh -c, ssh, a setproctitle), in which
others lie in quotes: its words are read in the same way.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from kflowd.redact import rules
from kflowd.redact.rules import EACH, LAST, PROGRAMS, Program
from kflowd.redact.text import HIDDEN, is_elsewhere, quoted_end

MAX_DEPTH = 4
MAX_NAME = 64
PIECE = re.compile(rb"(?P<quote>\\*[\"'`])|[^\s\"'`\\;|&()<>]+|\\+")
LONG = re.compile(rb"--?([A-Za-z0-9][\w.-]*)(=)?")
NAME = re.compile(
    rb"(?:(?P<material>" + b"|".join(rules.MATERIAL) + rb")|(?:" + b"|".join(rules.NAMES) + rb"))"
    rb"(?:" + rules.BEHIND + rb")?\Z",
    re.IGNORECASE,
)
BOOLEAN = re.compile(rb"(?:" + rules.WITHOUT_VALUE + rb")[-_]", re.IGNORECASE)
# where a value is awaited: clearly the next option; a secret that looks like another is hidden
OPTION = re.compile(rb"--[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?:=.*)?\Z|-[A-Za-z]\Z", re.DOTALL)
VERSION = re.compile(rb"(?:\.exe)?[-.]?[0-9][0-9.]*\Z|\.exe\Z")
# what sudo logs is the name of a program all the same
ASSIGNMENT = re.compile(rb"(?!COMMAND=/)[A-Za-z_]\w*=")
BLANK = re.compile(rb"\s")
SECRET, MATERIAL, USER, COOKIE = range(4)
USED_AS_SHELL = rules.SHELLS | rules.RUNNERS


class Word(NamedTuple):
    """Where a word begins, and where it ends: quotes around the whole of it are none of it."""

    start: int
    end: int


class Edit(NamedTuple):
    """What is to be hidden."""

    start: int
    end: int


class Active(NamedTuple):
    """A program that was named, and how many plain arguments have followed."""

    name: bytes
    program: Program


class Walk:
    """Reads the words of one command line.

    Args:
        text: All of them and more.
        edits: Takes what is to be hidden.
        lines: Takes where arguments that are command lines begin.
        depth: How many command lines it lies in.
    """

    def __init__(self, text: bytes, edits: list[Edit], lines: set[int], depth: int = 0) -> None:
        self._text = text
        self._edits = edits
        self._lines = lines
        self._depth = depth
        self._active: list[Active] = []
        self._counts: list[int] = []
        self._awaited: int | None = None
        self._apart = b":"
        self._shell = b""
        self._line_next = False
        self._last: Word | None = None
        self._last_is_secret = False
        self._first = True

    def read(self, words: Iterator[Word] | list[Word]) -> None:
        """Read all words of the line."""
        for word in words:
            self._word(word)
        if self._last is not None and self._last_is_secret:
            self._hide(self._last.start, self._last.end)

    def _word(self, word: Word) -> None:
        text = self._text[word.start : word.end]
        awaited, self._awaited = self._awaited, None
        line, self._line_next = self._line_next, False
        if awaited is not None and not OPTION.match(text):
            self._take(awaited, word, text)
            if text[:1] == b"-":  # it may be an option all the same
                self._option(word, text)
            return
        if line or self._shell in rules.RUNNERS:
            self._lines.add(word.start)
        if not self._option(word, text):
            self._plain(word, text)
        elif self._depth and b"=" in text:  # --rsh=ssh ...
            self._name(text.partition(b"=")[2])
        if self._depth < MAX_DEPTH and BLANK.search(text):
            inner = Walk(self._text, self._edits, self._lines, self._depth + 1)
            inner.read(split(self._text, word.start, word.end))

    def _take(self, awaited: int, word: Word, text: bytes) -> None:
        """Hide a value that an option ahead of it has announced."""
        if awaited == USER:
            at = text.find(self._apart)
            if at >= 0:
                self._hide(word.start + at + 1, word.end)
        elif awaited == COOKIE:
            if b"=" in text:
                self._hide(word.start, word.end)
        elif not is_elsewhere(text, material=awaited == MATERIAL) and not _names_secret(text):
            self._hide(word.start, word.end)

    def _hide(self, start: int, end: int) -> None:
        if end > start:
            self._edits.append(Edit(start, end))

    def _option(self, word: Word, text: bytes) -> bool:
        """Read an option; say whether it was one."""
        for each in self._active:
            for begins in each.program.begins:
                if text.startswith(begins):
                    self._hide(word.start + len(begins), word.end)
                    return True
        if text[:1] != b"-" or len(text) < 2:
            return False
        if self._shell in rules.SHELLS and re.match(rb"-[a-z]*c\Z|--command\Z", text):
            self._line_next = True
        long = text[:2] == b"--"
        if long or not any(self._letters(each.program, word, text) for each in self._active):
            self._long(word, text)
        return True

    def _letters(self, program: Program, word: Word, text: bytes) -> bool:
        """Read an option of one dash as letters; say whether a secret is in it or awaited."""
        for at in range(1, len(text)):
            letter = text[at : at + 1]
            if not letter.isalnum():
                return False
            behind = word.start + at + 1
            alone = at + 1 == len(text)
            if letter in program.given:
                self._last_is_secret = program.nth == LAST
            if letter in program.glued or letter in program.secret:
                if not alone:
                    self._hide(behind, word.end)
                elif letter in program.secret:
                    self._awaited = SECRET
                return True
            if letter in program.user:
                self._apart = program.apart
                if alone:
                    self._awaited = USER
                else:
                    self._take(USER, Word(behind, word.end), text[at + 1 :])
                return True
            if letter in program.values:
                return program.user != () and letter == b"b" and self._cookie(text, at, word)
        return False

    def _cookie(self, text: bytes, at: int, word: Word) -> bool:
        if at + 1 == len(text):
            self._awaited = COOKIE
        else:
            self._take(COOKIE, Word(word.start + at + 1, word.end), text[at + 1 :])
        return True

    def _long(self, word: Word, text: bytes) -> None:
        found = LONG.match(text)
        if found is None or (found[2] is None and found.end() != len(text)):
            return
        name = found[1].lower()
        for each in self._active:
            if name in rules.NO_SECRET.get(each.name, ()):
                return
        for each in self._active:
            if name in each.program.user and len(name) > 1:
                self._apart = each.program.apart
                if found[2] is None:
                    self._awaited = USER
                else:
                    self._take(USER, Word(word.start + found.end(), word.end), text[found.end() :])
                return
            if found[1] in each.program.longs and found[2] is None:
                self._awaited = SECRET
                return
        if name in rules.USERS and found[2] is not None:
            self._apart = b":"
            self._take(USER, Word(word.start + found.end(), word.end), text[found.end() :])
        elif found[2] is None:
            self._by_name(name)

    def _by_name(self, name: bytes) -> None:
        if name == b"cookie":
            self._awaited = COOKIE
        elif name in rules.USERS:
            self._awaited, self._apart = USER, b":"
        elif (secret := NAME.search(name)) is not None and not BOOLEAN.match(name):
            self._awaited = SECRET if secret["material"] is None else MATERIAL

    def _plain(self, word: Word, text: bytes) -> None:
        """Read an argument that is no option: a program, or what one takes by its place."""
        self._last = word
        for number, (_, program) in enumerate(self._active):
            self._counts[number] += 1
            if program.nth in (EACH, self._counts[number]):
                self._hide(word.start, word.end)
            if program.pair:
                found = re.match(rb"(?:userid=)?[\w$#.]+" + program.pair + rb"([^@/\s]+)", text)
                if found:
                    self._hide(word.start + found.start(1), word.start + found.end(1))
        if self._active and self._active[-1].program.starts:
            self._forget()
        if not ASSIGNMENT.match(text):
            self._name(text)
            self._first = False

    def _forget(self) -> None:
        self._active.pop()
        self._counts.pop()
        self._first = True

    def _name(self, text: bytes) -> None:
        """Take a word for the name of a program, or for one of its commands, if it is one."""
        name = program_name(text)
        first = self._first
        if name in USED_AS_SHELL and (first or name not in rules.WORDS):
            self._shell = name
        for key in (name, *(each.name + b" " + name for each in self._active)):
            if key not in PROGRAMS or (key in rules.WORDS and not first):
                continue
            self._last = None
            known = [each.name for each in self._active]
            if key in known:
                self._counts[known.index(key)] = 0
            else:
                self._active.append(Active(key, PROGRAMS[key]))
                self._counts.append(0)


def program_name(text: bytes) -> bytes:
    """Return the name by which the table has a program: small letters, no path, no version."""
    name = text.rpartition(b"/")[2].lower().lstrip(b"-")
    if len(name) > MAX_NAME:
        return b""
    return name if name in PROGRAMS else VERSION.sub(b"", name, count=1)


def _names_secret(text: bytes) -> bool:
    """Say whether a value names a secret that is mounted, as docker build has it: id=..."""
    return text.startswith((b"id=", b"type=", b"source=")) and b"=" in text


def split(text: bytes, start: int, end: int) -> Iterator[Word]:
    """Yield the words of a command line as a shell parts them.

    Args:
        text: All.
        start: Where the line begins.
        end: Where it ends.
    """
    at = start
    begun: int | None = None  # where a word began
    until = start  # where it ends
    whole = -1  # where the quotes end that it is in as a whole
    while at < end and (found := PIECE.search(text, at, end)) is not None:
        if begun is not None and found.start() > at:
            yield Word(begun, whole if at == until and whole >= 0 else at)
            begun, whole = None, -1
        quote = found["quote"]
        if quote is None:
            begun = found.start() if begun is None else begun
            whole, at = -1, found.end()
            until = at
            continue
        closed = quoted_end(text, quote, found.end(), end)
        if begun is None:
            begun, whole = found.end(), closed
        else:
            whole = -1
        at = until = min(end, closed + len(quote))
    if begun is not None:
        yield Word(begun, whole if whole >= 0 else at)


def redact_words(text: bytes) -> tuple[bytes, set[int]]:
    """Return arguments without what is secret by its place.

    Args:
        text: The arguments, with a NUL between each two.

    Returns:
        The arguments, and the numbers of those that are command lines.
    """
    edits: list[Edit] = []
    lines: set[int] = set()
    words: list[Word] = []
    at = 0
    for each in text.removesuffix(b"\0").split(b"\0"):
        words.append(Word(at, at + len(each)))
        at += len(each) + 1
    Walk(text, edits, lines).read(words)
    numbers = {number for number, word in enumerate(words) if word.start in lines}
    return _apply(text, edits), numbers


def _apply(text: bytes, edits: list[Edit]) -> bytes:
    if not edits:
        return text
    parts: list[bytes] = []
    done = 0
    for start, end in sorted(edits):
        if end <= done:
            continue
        if start >= done:
            parts += (text[done:start], HIDDEN)
        done = end
    return b"".join((*parts, text[done:]))
