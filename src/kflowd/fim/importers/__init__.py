# SPDX-License-Identifier: Apache-2.0
"""Configurations of other tools for file integrity as `[fim]`: `kflowd fim import-config`.

Bytes in, rules and notes out. What a rule cannot say is a note: nothing is dropped silently.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from kflowd.fim.importers import aide, auditbeat, bpfink, toml, wazuh
from kflowd.fim.importers.imported import FormatError, Imported

MAX_CONTENT = 4 << 20
MOST_RULES = 256


class Format(NamedTuple):
    """A format that is read.

    Attributes:
        name: As people say it.
        looks: What a file of it has, and no other.
        read: Its reader.
    """

    name: str
    looks: re.Pattern[bytes]
    read: Callable[[bytes], Imported]


# in the order in which a file is asked
FORMATS = (
    Format("syscheck of Wazuh", re.compile(rb"<syscheck[\s>]"), wazuh.read),
    Format("Auditbeat", re.compile(rb"^\s*(?:-\s+)?module\s*:", re.MULTILINE), auditbeat.read),
    Format(
        "bpfink",
        re.compile(rb"(?im)^\s*(?:\[?\s*consumers\b|\[\s*metricsconfig|bcc\s*=)"),
        bpfink.read,
    ),
    Format(
        "aide.conf",
        re.compile(rb"^\s*(?:[=!-]?/\S|@@|database(?:_in|_out)?\s*=)", re.MULTILINE),
        aide.read,
    ),
)


class Result(NamedTuple):
    """What was made of a file.

    Attributes:
        text: TOML of `[fim]`.
        notes: A line for each thing that it does not say.
    """

    text: str
    notes: tuple[str, ...]


def converted(content: bytes) -> Result:
    """Return a configuration as `[fim]`.

    Args:
        content: Of the file; its format is told by what stands in it.

    Raises:
        FormatError: It is none that is known, or damaged.
    """
    if len(content) > MAX_CONTENT:
        raise FormatError(f"more than {MAX_CONTENT} bytes")
    for each in FORMATS:
        if each.looks.search(content):
            imported = each.read(content)
            rules = sum(1 for _ in imported.finished())
            if not rules:
                imported.note(0, "no rule has come of it")
            if rules > MOST_RULES:
                imported.note(0, f"{rules} rules, of which kflowd takes {MOST_RULES}: join some")
            return Result(toml.text(imported, each.name), tuple(map(str, imported.notes)))
    names = ", ".join(each.name for each in FORMATS)
    raise FormatError(f"none of the formats that are read: {names}")
