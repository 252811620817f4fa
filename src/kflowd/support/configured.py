# SPDX-License-Identifier: Apache-2.0
"""The settings of a run as text, with their origin and without secrets."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from kflowd.redact import redact_args
from kflowd.redact.text import redact_text
from kflowd.settings import Settings
from kflowd.settings.changes import HIDDEN
from kflowd.settings.walk import Place, Setting, members
from kflowd.settings.written import written

T = TypeVar("T", bound=msgspec.Struct)


def settings_text(settings: Settings, origin: Callable[[Place], str]) -> str:
    """Return a file of settings; what a field calls a secret, or looks like one, is `***`."""
    text = written(without_secrets(settings), origin)
    return "".join(f"{redacted(line)}\n" for line in text.splitlines())


def without_secrets(settings: T) -> T:
    """Return settings with three asterisks in place of each value that is a secret."""
    values: dict[str, object] = {}
    for member in members(type(settings)).values():
        value = getattr(settings, member.field)
        if isinstance(member, Setting):
            if member.option.secret and value is not None:
                values[member.field] = HIDDEN
        elif member.limits is None:
            values[member.field] = without_secrets(value)
        else:
            values[member.field] = tuple(map(without_secrets, value))
    return msgspec.structs.replace(settings, **values)


def redacted(line: str) -> str:
    """Return a line without what would be a secret among the arguments of a program."""
    raw = line.encode("utf-8", "surrogateescape")
    return redact_text(redact_args(raw), line=True).decode("utf-8", "replace")
