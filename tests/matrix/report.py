# SPDX-License-Identifier: Apache-2.0
"""The matrix as text: the table, what is not covered, what failed, what programs cost. Pure."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.matrix.cells import Cell
from tests.matrix.verdict import FAIL, NOT_COVERED, PARTIAL, PASS, UNTESTED, Column

BEGIN = "<!-- matrix: begin, written by make matrix DOCS=1 -->"
END = "<!-- matrix: end -->"
WHY_LINES = 12


def document(cells: Sequence[Cell], columns: Sequence[Column]) -> str:
    """Return the table, and what loads if built by other compilers, with the notes."""
    both = list(zip(cells, columns, strict=True))
    run = [pair for pair in both if not pair[0].load_only]
    parts = []
    if run:
        parts += [table([cell for cell, _ in run], [column for _, column in run])]
        parts += [notes([column for _, column in run])]
    parts.append("\n".join(_loads(cell, column) for cell, column in both if cell.load_only))
    return "\n\n".join(part for part in parts if part)


def _loads(cell: Cell, column: Column) -> str:
    word = "fails" if column.failures else f"{len(column.verified)} programs load and attach"
    return f"- {cell.note}, {cell.kernel} {cell.attach_mode}: {word}"


def table(cells: Sequence[Cell], columns: Sequence[Column]) -> str:
    """Return the table of event classes and cells."""
    classes = dict.fromkeys(name for column in columns for name in column.judged)
    rows = [
        ["event class", *(cell.kernel for cell in cells)],
        ["", *(cell.heading for cell in cells)],
    ]
    for name in classes:
        texts = (column.judged.get(name) for column in columns)
        rows.append([name, *(it.text if it else UNTESTED for it in texts)])
    rows.append(["tests passed", *(_passed(column) for column in columns)])
    rows.append(["most verified instructions", *(_most_verified(column) for column in columns)])
    rows.append(["seconds", *(f"{column.seconds:.0f}" for column in columns)])
    return _markdown(rows)


def _passed(column: Column) -> str:
    return f"{sum(test.passed for test in column.tests)}/{len(column.tests)}"


def _most_verified(column: Column) -> str:
    most = max(column.verified.values(), default=0)
    return f"{most:,}" if most else "-"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def totals(columns: Sequence[Column]) -> str:
    """Return how often each verdict was given."""
    texts = [it.text for column in columns for it in column.judged.values()]
    counts = (f"{texts.count(text)} {text}" for text in (PASS, PARTIAL, NOT_COVERED, FAIL))
    tests = sum(len(column.tests) for column in columns)
    return f"{len(columns)} cells, {tests} tests: {', '.join(counts)}"


def notes(columns: Sequence[Column]) -> str:
    """Return what is covered in part and what is not at all, with the reason, each once."""
    reasons: dict[tuple[str, str], dict[str, list[str]]] = {}
    for column in columns:
        for name, it in column.judged.items():
            if it.text in (PARTIAL, NOT_COVERED):
                classes = reasons.setdefault((it.text, it.why), {})
                classes.setdefault(name, []).append(column.name)
    lines = []
    for (text, why), classes in reasons.items():
        where = dict.fromkeys(cell for cells in classes.values() for cell in cells)
        lines.append(f"- `{text}` {', '.join(classes)} ({', '.join(where)}): {why}")
    return "\n".join(lines)


def failures(columns: Iterable[Column]) -> str:
    """Return what failed, with the first lines of why."""
    lines = []
    for column in columns:
        for text in column.failures:
            head, *rest = text.splitlines()
            lines += [f"FAIL {column.name}: {head}", *(f"    {line}" for line in rest[:WHY_LINES])]
    return "\n".join(lines)


def verified(columns: Sequence[Column], limit: int | None = None) -> str:
    """Return the verified instructions of programs, the most of all cells first.

    Args:
        columns: The cells.
        limit: Only so many programs.
    """
    most: dict[str, tuple[int, str]] = {}
    for column in columns:
        for program, count in column.verified.items():
            most[program] = max(most.get(program, (0, "")), (count, column.name))
    ordered = sorted(most.items(), key=lambda item: -item[1][0])
    return "\n".join(
        f"{count:9,}  {name} ({cell})" for name, (count, cell) in ordered[:limit] if count
    )


def write_docs(path: Path, text: str) -> None:
    """Put the text between the two marks of a document."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
