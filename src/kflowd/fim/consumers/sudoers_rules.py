# SPDX-License-Identifier: Apache-2.0
"""A user specification of sudoers(5): who may, where, as whom, what; one rule for each command."""

import re
from collections.abc import Iterator

from kflowd.fim.consumers.sudoers_text import QUOTED, split_at

TAGS = (
    *("EXEC", "FOLLOW", "INTERCEPT", "LOG_INPUT", "LOG_OUTPUT", "MAIL", "PASSWD", "SETENV"),
    *("NOEXEC", "NOFOLLOW", "NOINTERCEPT", "NOLOG_INPUT", "NOLOG_OUTPUT", "NOMAIL", "NOPASSWD"),
    "NOSETENV",
)
OPTIONS = (
    *("ROLE", "TYPE", "APPARMOR_PROFILE", "PRIVS", "LIMITPRIVS", "NOTBEFORE", "NOTAFTER"),
    *("TIMEOUT", "CWD", "CHROOT"),
)
# users ahead of a long list would be written once for each command
MAX_RULES_BYTES = 1 << 20

_ITEM = rb"!*+[ ]?+(?:" + QUOTED + rb"|[^\s,\"=\\]|\\.)++"
_LIST = rb"(?:" + _ITEM + rb")(?:[ ]?,[ ]?(?:" + _ITEM + rb"))*+"
_HEAD = re.compile(rb"(" + _LIST + rb")[ ](" + _LIST + rb")[ ]?=[ ]?", re.DOTALL)
_HOSTS = re.compile(rb"[ ]?(" + _LIST + rb")[ ]?=[ ]?", re.DOTALL)
_RUNAS = re.compile(rb"\(((?:" + QUOTED + rb"|[^()\"\\]|\\.)*+)\)[ ]?", re.DOTALL)
_TAG = re.compile(rb"(" + "|".join(TAGS).encode() + rb")[ ]?:[ ]?")
_OPTION = re.compile(
    rb"(" + "|".join(OPTIONS).encode() + rb")[ ]?=[ ]?((?:" + QUOTED + rb"|[^\s,\"\\]|\\.)++)[ ]?",
    re.DOTALL,
)
_DIGEST = rb"sha(?:224|256|384|512)[ ]?:[ ]?[0-9A-Za-z+/=]++"
_DIGESTS = re.compile(rb"(" + _DIGEST + rb"(?:[ ]?,[ ]?" + _DIGEST + rb")*+)[ ]")
_PIECE = re.compile(QUOTED + rb"|\\.|[^,:\"\\ ]++|[ ]", re.DOTALL)
_REGEX_END = re.compile(rb"(?<!\\)\$(?=[ ,:]|\Z)")


class NotARuleError(ValueError):
    """A line is no user specification."""


class _Commands:
    """Finds where commands end. A word from "^" to "$" is a regular expression, nothing parts it.

    Args:
        text: In which they are.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        # of the next regular expression: looked for once, however many begin ahead of it
        self._end = -1

    def end(self, at: int) -> int:
        """Return where a command ends that begins at a place."""
        text = self._text
        while True:
            if text[at : at + 1] == b"^" and text[at - 1 : at] in b" ,:=)!" and self._closes(at):
                at = self._end + 1
            elif piece := _PIECE.match(text, at):
                at = piece.end()
            else:
                return at

    def _closes(self, at: int) -> bool:
        if self._end <= at:
            found = _REGEX_END.search(self._text, at + 1)
            self._end = found.start() if found else len(self._text)
        return self._end < len(self._text)


def user_rules(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the rules of a user specification, each of one command: all ahead of it, and itself.

    Args:
        text: A statement, with single blanks.

    Raises:
        NotARuleError: It is none.
    """
    head = _HEAD.match(text)
    if head is None:
        raise NotARuleError("neither a user specification nor anything else of sudoers")
    users = normal_list(head[1])
    hosts, at = normal_list(head[2]), head.end()
    made: list[tuple[bytes, bytes]] = []
    size = 0
    while True:
        end = len(text)
        for ahead, command, behind in _commands(text, at):
            made.append((users + b" " + hosts + b"=" + ahead, command))
            size += len(made[-1][0])
            if size > MAX_RULES_BYTES and size > 4 * len(text):
                # said as it stands
                yield b"", text
                return
            end = behind
        if end >= len(text):
            break
        again = _HOSTS.match(text, end + 1)
        if again is None:
            raise NotARuleError("no hosts behind a colon")
        hosts, at = normal_list(again[1]), again.end()
    yield from made


def _commands(text: bytes, at: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield the commands of a list: what each inherits, itself, and where it ends."""
    runas = b""
    options: dict[bytes, bytes] = {}
    tags: dict[bytes, bytes] = {}
    ends = _Commands(text)
    while True:
        if found := _RUNAS.match(text, at):
            runas, at = b"(" + _runas(found[1]) + b") ", found.end()
        while found := _OPTION.match(text, at) or _TAG.match(text, at):
            if found.re is _OPTION:
                options[found[1]] = found[2]
            else:
                tags[found[1].removeprefix(b"NO")] = found[1]
            at = found.end()
        digests = b""
        if found := _DIGESTS.match(text, at):
            digests, at = found[1].replace(b" ", b"") + b" ", found.end()
        begin, at = at, ends.end(at)
        command = text[begin:at].strip(b" ")
        if not command:
            raise NotARuleError("no command")
        said = b"".join(b"%s=%s " % each for each in sorted(options.items()))
        said += b"".join(tags[each] + b": " for each in sorted(tags))
        yield runas + said + digests, command, at
        if text[at : at + 1] != b",":
            return
        at += 2 if text[at + 1 : at + 2] == b" " else 1


def _runas(text: bytes) -> bytes:
    return b":".join(normal_list(each) for each in split_at(text, b":"))


def normal_list(text: bytes) -> bytes:
    """Return a list with a comma and a blank between each two of its members."""
    return b", ".join(each for each in split_at(text, b",") if each)
