# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of programs: how they run, and why it has refused some."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kflowd.bpf.statistics import Program

# Of each program that was refused: the end of the log has the reason.
MOST_LINES = 120
SECONDS = 1.0
_HEAD = ("ID", "TYPE", "NAME", "BYTES", "RUNS", "NS/RUN", "SKIPPED")


def running(seconds: float = SECONDS) -> "list[Program]":
    """Return all programs in the kernel, with what they ran in a while.

    Raises:
        KflowdError: The kernel does not tell, or kflowd is not built.
    """
    # what is not built is one part's failure
    from kflowd.bpf import statistics

    return statistics.over(seconds)


def programs_text(programs: "Iterable[Program]", seconds: float = SECONDS) -> str:
    """Return programs as a table: runs and time of a while, skipped runs since they were loaded."""
    rows = [
        (
            str(it.id), it.type, _printable(it.name), str(it.bytes), str(it.runs),
            f"{it.run_ns / it.runs:.0f}" if it.runs else "-", str(it.misses),
        )
        for it in programs
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (_HEAD, *rows)
    ]
    return "\n".join((f"all programs of the host; runs of {seconds:g} s", "", *lines, ""))


def verifier_text(refused: Mapping[str, str]) -> str:
    """Return the last words of the kernel on each program that it refused.

    Args:
        refused: What libbpf said, by program.
    """
    if not refused:
        return "no program was refused\n"
    texts = []
    for name, log in refused.items():
        lines = log.splitlines()
        left = len(lines) - MOST_LINES
        head = [f"[{left} lines are left out]"] if left > 0 else []
        texts.append("\n".join((f"== {name}", *head, *lines[-MOST_LINES:], "")))
    return "\n".join(texts)


def _printable(name: str) -> str:
    # others have named them
    return "".join(letter if letter.isprintable() else "?" for letter in name)
