# SPDX-License-Identifier: Apache-2.0
"""What `kflowd doctor` shows: each class of events, what serves it here, and what is missing.

It really loads and attaches, on the configuration that a run would have, and takes all of it down.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from kflowd.bpf.kernel.coverage import COVERED, NOT_COVERED, PARTIAL, Coverage, CoverageRow
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.loading.loader import ASK_DOCTOR
from kflowd.bpf.source import Source
from kflowd.errors import KflowdError

if TYPE_CHECKING:
    from rich.table import Table

MARKS = {True: "yes", False: "no"}
KIB = 1024
# the class of events that payload comes with
PACKETS = "socket.packet"
COLOURS = {COVERED: "green", PARTIAL: "yellow", NOT_COVERED: "red", MARKS[False]: "yellow"}
ANY_WIDTH = 10_000  # no line is as long


def run(source: Source) -> Coverage:
    """Load and attach, see what came of it, and take it down.

    Args:
        source: Of a run; not yet open.

    Returns:
        The table. Where the agent cannot run, `problem`, `hint` and `exit_code` say why.
    """
    try:
        with source:
            source.snapshot()
            return msgspec.structs.replace(source.coverage, hz=source.hz())
    except KflowdError as error:
        return msgspec.structs.replace(
            source.coverage,
            problem=str(error),
            hint="" if error.hint in (None, ASK_DOCTOR) else error.hint,
            exit_code=error.exit_code,
        )


def render_json(coverage: Coverage) -> str:
    """Return the table as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(coverage), indent=2).decode()


def render_text(coverage: Coverage, *, terminal: bool = False) -> str:
    """Return the table as text.

    Args:
        coverage: What to show.
        terminal: Fit it to the terminal's width and use its colours; else lines are of any length.
    """
    # a run that only warns needs no tables
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out, force_terminal=terminal, width=None if terminal else ANY_WIDTH,
        markup=False, emoji=False, highlight=False,
    )  # fmt: skip
    parts = (
        _result(coverage),
        _features(coverage.features),
        _rows(coverage.rows),
        _gaps(coverage.rows),
        _left_out(coverage),
        _messages(coverage),
        "\n".join(f"plugin {each}" for each in coverage.plugins),
        "\n".join(coverage.filters),
        _memory(coverage),
    )
    for number, part in enumerate(filter(None, parts)):
        if number:
            console.print()
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def warning(coverage: Coverage, attach_mode: str | None) -> str:
    """Return a line that names the classes nothing serves, "" if there is none.

    Args:
        coverage: Of a run.
        attach_mode: The attach mode that it was bound to, None if it had the choice.
    """
    missing = [row.event for row in coverage.rows if row.status == NOT_COVERED]
    if not missing:
        return ""
    command = f"kflowd doctor --attach {attach_mode}" if attach_mode else "kflowd doctor"
    return f"not covered on this kernel: {', '.join(missing)} ({command} tells why)"


def _result(coverage: Coverage) -> str:
    if coverage.problem:
        hint = f"\n  {coverage.hint}" if coverage.hint else ""
        return f"kflowd cannot run here: {coverage.problem}{hint}"
    full = sum(row.status == COVERED for row in coverage.rows)
    return f"kflowd can run here: {full} of {len(coverage.rows)} event classes fully covered"


def _features(features: Iterable[Feature]) -> Table | None:
    cells = [(it.title, MARKS[it.ok], it.why or "-") for it in features]
    return _table(("KERNEL FEATURE", "THERE", "FOUND"), cells)


def _rows(rows: Iterable[CoverageRow]) -> Table | None:
    cells = [(row.event, row.status, row.attach_mode or "-", row.hook or "-") for row in rows]
    return _table(("EVENT CLASS", "STATUS", "MODE", "HOOKS"), cells)


def _gaps(rows: Iterable[CoverageRow]) -> str:
    """Return what is not covered, classes with the same reason together."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.status != COVERED:
            reasons.setdefault((row.status, row.why, row.change), []).append(row.event)
    lines: list[str] = []
    for (status, why, change), events in reasons.items():
        lines.append(f"{status}: {', '.join(events)}")
        lines.append(f"  why: {why}")
        if change:
            lines.append(f"  full cover needs: {change}")
    return "\n".join(lines)


def _left_out(coverage: Coverage) -> str:
    if coverage.problem:
        return ""
    return f"left out: {', '.join(('kflowd itself', *coverage.left_out))}"


def _messages(coverage: Coverage) -> str:
    """Return whose messages are read, "" if nobody's; without packets there are none."""
    seen = any(row.event == PACKETS and row.status != NOT_COVERED for row in coverage.rows)
    if not (seen and coverage.messages):
        return ""
    return f"messages are read of {'; '.join(coverage.messages)}"


def _memory(coverage: Coverage) -> Table | None:
    cells = [(it.name, f"{it.entries:,}", _kib(it.bytes)) for it in coverage.maps]
    if cells:
        cells.append(("programs", "-", _kib(coverage.program_bytes)))
        cells.append(("total", "-", _kib(coverage.map_bytes + coverage.program_bytes)))
    return _table(("KERNEL MEMORY", "ENTRIES", "KiB"), cells, numbers=True)


def _kib(size: int) -> str:
    return f"{-(-size // KIB):,}"


def _table(
    head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, numbers: bool = False
) -> Table | None:
    """Return a table without lines, None without rows.

    Args:
        head: Of the columns; the last may need several lines.
        rows: Their cells.
        numbers: All columns but the first hold numbers.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in head:
        right = numbers and title != head[0]
        table.add_column(title, justify="right" if right else "left", no_wrap=title != head[-1])
    for row in rows:
        table.add_row(*(Text(cell, COLOURS.get(cell, "")) for cell in row))
    return table if rows else None
