# SPDX-License-Identifier: Apache-2.0
"""Findings as texts of a form."""

import os
import time
from collections.abc import Iterable, Iterator

import kflowd
from kflowd.delivery.formats import make_format
from kflowd.delivery.formats.screen import LEAST_WIDTH, Screen
from kflowd.enrich.host import host_facts
from kflowd.fim.numbering import Stored
from kflowd.fim.telling import Records
from kflowd.serialize.hosts import host_block

STDOUT = 1


class Printer:
    """Makes texts.

    Args:
        form: Of `kflowd.delivery.formats`.
        token: What the host is to be called, "" nothing.
        strict: Only the fields of the contract.
    """

    def __init__(self, form: str, token: str, *, strict: bool = False) -> None:
        facts = host_facts(f"kflowd-v{kflowd.__version__}", token)
        self._records = Records(host_block(facts), time.time_ns(), strict=strict)
        self._format = make_format(form, _screen())

    def text(self, stored: Stored) -> str:
        """Return the text of a finding."""
        return self._format(self._records(stored)).decode()

    def texts(self, findings: Iterable[Stored]) -> Iterator[str]:
        """Yield the texts of findings."""
        return map(self.text, findings)


def _screen() -> Screen:
    if not os.isatty(STDOUT):
        return Screen(width=200)
    try:
        width = os.get_terminal_size(STDOUT).columns
    except OSError:
        width = LEAST_WIDTH
    return Screen(width=max(width, LEAST_WIDTH), colours=True)
