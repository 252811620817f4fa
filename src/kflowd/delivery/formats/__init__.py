# SPDX-License-Identifier: Apache-2.0
"""Formats: pure functions from a record to its text, called once per record and form."""

from collections.abc import Callable

from kflowd.delivery.formats.compact import CompactFormat
from kflowd.delivery.formats.json import PRETTY, SHORT, JsonFormat
from kflowd.delivery.formats.screen import PAPER, Screen
from kflowd.delivery.formats.table import TableFormat, head_line
from kflowd.serialize import Record

Format = Callable[[Record], bytes]
# every form, by its name; each run has its own, because they keep what is constant
FORMATS: dict[str, Callable[[], Format]] = {
    "json": lambda: JsonFormat(PRETTY),
    "json-min": lambda: JsonFormat(SHORT),
    "compact": CompactFormat,
    "table": TableFormat,
}
# those whose lines suit where they are read, and what stands above them
FOR_PEOPLE: dict[str, Callable[[Screen], Format]] = {
    "compact": CompactFormat,
    "table": TableFormat,
}
HEAD_LINES: dict[str, Callable[[Screen], bytes]] = {"table": head_line}


def make_format(form: str, screen: Screen = PAPER) -> Format:
    """Return a new one of a form.

    Args:
        form: Name of the form.
        screen: Where it is read.
    """
    made = FOR_PEOPLE.get(form)
    return FORMATS[form]() if made is None else made(screen)
