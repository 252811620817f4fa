# SPDX-License-Identifier: Apache-2.0
"""Whether calls on names are seen by tracepoint."""

import functools

from tests.host.agent import run
from tests.host.one_run import ATTACH_MODE


@functools.cache
def is_traced() -> bool:
    """Say whether calls on names are seen by tracepoint."""
    if ATTACH_MODE:
        return ATTACH_MODE == "tracepoint"
    rows = run("doctor", "-m", "file", timeout=120).stdout.splitlines()
    (row,) = (each.split() for each in rows if each.startswith("file.rename "))
    return row[2] == "tracepoint"
