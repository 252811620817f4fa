# SPDX-License-Identifier: Apache-2.0
"""authorized_keys of sshd(8): all types, options as data, fingerprints.

A line is [options] type base64 [comment]. Options have no blanks but in double quotes, in which a
backslash is ahead of a quote that is part of the text.
"""

import re

from kflowd.fim.consumers.entries import Entries, Key, Malformed
from kflowd.fim.consumers.sensitive import private_key
from kflowd.fim.consumers.texts import HIDDEN, fingerprint, lines, visible
from kflowd.fim.consumers.wire import fingerprint as key_fingerprint
from kflowd.fim.consumers.wire import is_type, plain_type

BLANK = b" \t"
# sshd has some thirty; more are told in one piece
MOST_OPTIONS = 256
# As sshd reads it: a backslash hides a quote and nothing else, in quotes and beside them. A quote
# that nobody closes ends nothing.
_QUOTED = rb'"(?:[^"\\]++|\\"|\\)*+"'
_OPTIONS = re.compile(rb'(?:[^ \t"\\]++|\\"|\\|' + _QUOTED + rb")++", re.DOTALL)
_OPTION = re.compile(rb'(?:[^,"\\]++|\\"|\\|' + _QUOTED + rb")++", re.DOTALL)
_BLANKS = re.compile(rb"[ \t]+")


def keys(content: bytes, key: bytes) -> Entries:
    """Return the keys of a file, and lines that are none, in their order.

    Args:
        content: Of the file.
        key: Of keyed fingerprints of what is not shown.
    """
    # somebody has put a private key there: none of its lines may be shown
    private = private_key(content)
    found: list[Key | Malformed] = []
    for raw in lines(content):
        line = raw.strip(BLANK)
        if line and not line.startswith(b"#"):
            found.append(_key(line, key) or _malformed(line, key, private=private))
    return tuple(found)


def _key(line: bytes, key: bytes) -> Key | None:
    made = _made(b"", line, key)
    if made is not None:
        return made
    options = _OPTIONS.match(line)
    if options is None:
        return None
    return _made(options[0], line[options.end() :].lstrip(BLANK), key)


def _made(options: bytes, rest: bytes, key: bytes) -> Key | None:
    """Return the key of a line without its options, None if it is none."""
    name, text, *comment = [*_BLANKS.split(rest, 2), b"", b""][:3]
    if not is_type(name) or not text:
        return None
    found = key_fingerprint(name, text)
    if found is None:
        return None
    parts = [each.strip(BLANK) for each in _OPTION.findall(options)]
    authority = any(each.lower() == b"cert-authority" for each in parts)
    if len(parts) > MOST_OPTIONS:
        parts = [options]
    told = [visible(each, key) for each in parts if each]
    said, hidden = visible(comment[0], key)
    secrets = hidden + "".join(each for _, each in told)
    return Key(
        type=name.decode(),
        fingerprint=found,
        options=tuple(each for each, _ in told),
        comment=said,
        authority=authority,
        certificate=plain_type(name) != name,
        hidden=fingerprint(key, secrets.encode()) if secrets else "",
    )


def _malformed(line: bytes, key: bytes, *, private: bool) -> Malformed:
    told, hidden = visible(line, key)
    if private or HIDDEN in told:
        return Malformed("key", "not a key", "", hidden or fingerprint(key, line))
    return Malformed("key", "not a key", told, hidden)
