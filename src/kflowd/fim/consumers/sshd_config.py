# SPDX-License-Identifier: Apache-2.0
"""Where sshd finds the authorized keys of an account, by sshd_config(5).

All variants are found, those of each Match block too: which of them holds is sshd's to decide when
somebody comes, and a file that is watched in vain costs little.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from kflowd.fim.consumers.texts import hide, lines, shown

DEFAULT = (".ssh/authorized_keys", ".ssh/authorized_keys2")
DIRECTORY = "/etc/ssh"
# keys that are in no file which could be read here
ELSEWHERE = {
    "authorizedkeyscommand",
    "authorizedprincipalscommand",
    "authorizedprincipalsfile",
    "trustedusercakeys",
}
_KEYWORD = re.compile(rb"[ \t]*([A-Za-z]+)(?:[ \t]*=[ \t]*|[ \t]+)(.*)", re.DOTALL)
_ARGUMENT = re.compile(rb"(?:[^\s\"'\\]++|\\.|\"(?:[^\"\\]++|\\.)*+\"|'(?:[^'\\]++|\\.)*+')++")
_PIECE = re.compile(rb"\"((?:[^\"\\]++|\\.)*+)\"|'((?:[^'\\]++|\\.)*+)'|([^\"']+)")
_ESCAPED = re.compile(rb"\\([\"'\\ ])")
_TOKEN = re.compile(r"%(.?)", re.DOTALL)
MAX_VARIANTS = 1024


class Variant(NamedTuple):
    """One AuthorizedKeysFile.

    Attributes:
        match: Of which Match block, "" none: `User bob`.
        patterns: Its arguments; none where no file is read.
    """

    match: str
    patterns: tuple[str, ...]


class KeyFiles(NamedTuple):
    """What one file says of authorized keys.

    Attributes:
        includes: Patterns of further files, absolute.
        variants: In their order, 1024 at most.
        elsewhere: Settings by which keys come from elsewhere, or count by other files.
    """

    includes: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    elsewhere: tuple[str, ...] = ()


def key_files(content: bytes) -> KeyFiles:
    """Return what a file of sshd's settings says of authorized keys."""
    includes: list[str] = []
    variants: list[Variant] = []
    elsewhere: list[str] = []
    match = ""
    for raw in lines(content):
        found = _KEYWORD.match(raw)
        if found is None:
            continue
        keyword, arguments = found[1].decode().lower(), _arguments(found[2])
        if keyword == "match":
            match = " ".join(arguments)
            match = "" if match.lower() == "all" else match
        elif keyword == "include":
            includes += (it if it.startswith("/") else f"{DIRECTORY}/{it}" for it in arguments)
        elif keyword == "authorizedkeysfile" and arguments and len(variants) < MAX_VARIANTS:
            none = len(arguments) == 1 and arguments[0].lower() == "none"
            variants.append(Variant(match, () if none else tuple(arguments)))
        elif keyword in ELSEWHERE:
            elsewhere.append(shown(hide(raw.strip())))
    return KeyFiles(tuple(includes), tuple(variants), tuple(elsewhere))


def combined(files: Iterable[KeyFiles]) -> tuple[Variant, ...]:
    """Return all variants of a host, with sshd's own if no file has one beside Match blocks.

    Args:
        files: sshd_config, and all that it includes.
    """
    found = tuple(dict.fromkeys(variant for each in files for variant in each.variants))
    if all(each.match for each in found):
        return (Variant("", DEFAULT), *found)
    return found


def paths(variants: Iterable[Variant], name: str, home: str, uid: int) -> tuple[str, ...]:
    """Return where the keys of an account may be.

    A pattern with a token that is none of %% %h %u %U is one that sshd refuses: it has no path.

    Args:
        variants: Of the host.
        name: Of the account.
        home: Its home directory.
        uid: Its number.
    """
    tokens = {"%": "%", "h": home, "u": name, "U": str(uid)}
    found: dict[str, None] = {}
    for variant in variants:
        for pattern in variant.patterns:
            if any(each not in tokens for each in _TOKEN.findall(pattern)):
                continue
            path = _TOKEN.sub(lambda token: tokens[token[1]], pattern)
            found[path if path.startswith("/") else f"{home.rstrip('/')}/{path}"] = None
    return tuple(found)


def _arguments(raw: bytes) -> list[str]:
    """Return the arguments of a line; quotes part them from each other, a "#" ends them."""
    found: list[str] = []
    for argument in _ARGUMENT.findall(raw):
        if argument.startswith(b"#"):
            break
        pieces = (b"".join(groups) for groups in _PIECE.findall(argument))
        found.append(shown(b"".join(_ESCAPED.sub(rb"\1", piece) for piece in pieces)))
    return found
