# SPDX-License-Identifier: Apache-2.0
"""What `kflowd doctor` shows: each class of events, what serves it here, and what is missing.

It really loads and attaches, on the configuration that a run would have, and takes all of it down.
"""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources.abc import Traversable

import msgspec

from kflowd.bpf.config import SourceConfig
from kflowd.bpf.kernel.coverage import COVERED, NOT_COVERED, Coverage, CoverageRow
from kflowd.bpf.loading.builds import OBJECTS
from kflowd.bpf.loading.loader import ASK_DOCTOR
from kflowd.bpf.source import Source
from kflowd.errors import KflowdError

MARKS = {True: "yes", False: "no"}
KIB = 1024


def run(config: SourceConfig | None = None, folder: Traversable = OBJECTS) -> Coverage:
    """Load and attach, see what came of it, and take it down.

    Args:
        config: What a run would observe; None: the defaults.
        folder: Where the BPF objects are.

    Returns:
        The table. Where the agent cannot run, `problem`, `hint` and `exit_code` say why.
    """
    source = Source(config or SourceConfig(), folder)
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


def render_text(coverage: Coverage) -> str:
    """Return the table as text for a terminal."""
    parts = (
        _result(coverage),
        _features(coverage),
        _rows(coverage.rows),
        _gaps(coverage.rows),
        _memory(coverage),
    )
    return "\n\n".join("\n".join(part) for part in parts if part)


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


def _result(coverage: Coverage) -> list[str]:
    if coverage.problem:
        lines = [f"kflowd cannot run here: {coverage.problem}"]
        return [*lines, f"  {coverage.hint}"] if coverage.hint else lines
    full = sum(row.status == COVERED for row in coverage.rows)
    return [f"kflowd can run here: {full} of {len(coverage.rows)} event classes fully covered"]


def _features(coverage: Coverage) -> list[str]:
    if not coverage.features:
        return []
    rows = [(feature.title, MARKS[feature.ok], feature.why or "-") for feature in coverage.features]
    return list(_table(("KERNEL FEATURE", "THERE", "FOUND"), rows))


def _rows(rows: Iterable[CoverageRow]) -> list[str]:
    cells = [(row.event, row.status, row.attach_mode or "-", row.hook or "-") for row in rows]
    return list(_table(("EVENT CLASS", "STATUS", "MODE", "HOOKS"), cells)) if cells else []


def _gaps(rows: Iterable[CoverageRow]) -> list[str]:
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
    return lines


def _memory(coverage: Coverage) -> list[str]:
    if not coverage.maps:
        return []
    rows = [(it.name, f"{it.entries:,}", _kib(it.bytes)) for it in coverage.maps]
    rows.append(("programs", "-", _kib(coverage.program_bytes)))
    rows.append(("total", "-", _kib(coverage.map_bytes + coverage.program_bytes)))
    return list(_table(("KERNEL MEMORY", "ENTRIES", "KiB"), rows, right=(1, 2)))


def _kib(size: int) -> str:
    return f"{-(-size // KIB):,}"


def _table(
    head: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: tuple[int, ...] = ()
) -> Iterator[str]:
    """Yield aligned lines; the columns in `right` are aligned to the right."""
    columns = range(len(head))
    widths = [max(len(row[column]) for row in (head, *rows)) for column in columns]
    for row in (head, *rows):
        cells = (
            row[column].rjust(widths[column])
            if column in right
            else row[column].ljust(widths[column])
            for column in columns
        )
        yield "  ".join(cells).rstrip()
