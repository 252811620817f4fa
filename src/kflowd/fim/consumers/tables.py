# SPDX-License-Identifier: Apache-2.0
"""Files of lines with fields between colons: passwd, shadow, group, gshadow."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from kflowd.fim.consumers.entries import Malformed
from kflowd.fim.consumers.texts import fingerprint, lines

# what useradd takes for a name, and nothing that a hash could be
NAME = re.compile(rb"[a-z_][a-z0-9_.-]{0,31}\$?\Z")
# NIS: "+", "+name", "-name", "+@netgroup", with or without fields
COMPAT = (b"+", b"-")


class Line(NamedTuple):
    """A line with as many fields as its file has."""

    fields: list[bytes]


def table(content: bytes, count: int, key: bytes) -> Iterator[Line | Malformed]:
    """Yield the lines of a file; those that are empty or comments say nothing.

    Args:
        content: Of the file.
        count: Of the fields of a line.
        key: Of keyed fingerprints.
    """
    for raw in lines(content):
        line = raw.strip(b" \t\0")
        if not line or line.startswith(b"#"):
            continue
        fields = line.split(b":")
        if line.startswith(COMPAT):
            yield malformed(line, "an entry of NIS", key)
        elif len(fields) != count:
            yield malformed(line, f"{len(fields)} fields instead of {count}", key)
        elif not fields[0]:
            yield malformed(line, "no name", key)
        else:
            yield Line(fields)


def malformed(line: bytes, cause: str, key: bytes) -> Malformed:
    """Return a line that is none, of which no more than its name is shown: the rest may be a hash.

    Args:
        line: All of it.
        cause: What is wrong.
        key: Of its fingerprint.
    """
    name, apart, _ = line.partition(b":")
    text = name.decode() if apart and NAME.match(name) else ""
    return Malformed("account", cause, text, fingerprint(key, line))
