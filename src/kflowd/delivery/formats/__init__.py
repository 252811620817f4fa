# SPDX-License-Identifier: Apache-2.0
"""Formats: pure functions from a record to its text, called once per record and form."""

from collections.abc import Callable, Sequence
from typing import Literal

from kflowd.delivery.formats.compact import CompactFormat
from kflowd.delivery.formats.ecs import EcsFormat
from kflowd.delivery.formats.exchanges import exchange_records
from kflowd.delivery.formats.journal import JournalFormat
from kflowd.delivery.formats.json import PRETTY, SHORT, JsonFormat
from kflowd.delivery.formats.ocsf import OcsfFormat
from kflowd.delivery.formats.otlp import OtlpFormat
from kflowd.delivery.formats.screen import PAPER, Screen
from kflowd.delivery.formats.syslog import SyslogFormat
from kflowd.delivery.formats.table import TableFormat, head_line
from kflowd.serialize import Record

Format = Callable[[Record], bytes]
# every form, by its name; each run has its own, because they keep what is constant
FORMATS: dict[str, Callable[[], Format]] = {
    "json": lambda: JsonFormat(PRETTY),
    "json-min": lambda: JsonFormat(SHORT),
    "ecs": EcsFormat,
    "ocsf": OcsfFormat,
    "otlp": OtlpFormat,
    "compact": CompactFormat,
    "table": TableFormat,
}
# what a form has texts of beside each record
MORE: dict[str, Callable[[Record], Sequence[Record]]] = {"ocsf": exchange_records}
# those whose lines suit where they are read, and what stands above them
FOR_PEOPLE: dict[str, Callable[[Screen], Format]] = {
    "compact": CompactFormat,
    "table": TableFormat,
}
HEAD_LINES: dict[str, Callable[[Screen], bytes]] = {"table": head_line}

# what stands around a text for a way out: a message of syslog, that with its length in front, or an
# entry of the journal
Wrap = Literal["syslog", "syslog-counted", "journal"]
WRAPS: dict[Wrap, Callable[[Format, int], Format]] = {
    "syslog": lambda text, process: SyslogFormat(text, process, counted=False),
    "syslog-counted": lambda text, process: SyslogFormat(text, process, counted=True),
    "journal": lambda text, _: JournalFormat(text),
}


def make_format(
    form: str, screen: Screen = PAPER, wrap: Wrap | None = None, process: int = 0
) -> Format:
    """Return a new one of a form.

    Args:
        form: Name of the form.
        screen: Where it is read.
        wrap: What stands around each text, None: nothing.
        process: Number of the process that sends it.
    """
    made = FOR_PEOPLE.get(form)
    text = FORMATS[form]() if made is None else made(screen)
    return text if wrap is None else WRAPS[wrap](text, process)
