# SPDX-License-Identifier: Apache-2.0
"""Figures as tables, for the terminal and for docs/cost.md. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.cost.figures import MEMORY, RECORD_KINDS, REPORTED, STAGES, WORKLOADS, Figures, number

BEGIN = "<!-- cost: begin, written by make cost DOCS=1 -->"
END = "<!-- cost: end -->"
BEFORE, NOW = "before", "now"


class Row(NamedTuple):
    """A line of a table: its title, and the figure that it shows, without the attach mode."""

    title: str
    figure: str


def sections() -> Iterator[tuple[str, list[Row]]]:
    """Yield the heading and the rows of each table."""
    work = WORKLOADS.items()
    yield "Slowdown, all-in", [Row(title, f"{kind}.all_in") for kind, title in work]
    yield "Slowdown, kernel", [Row(title, f"{kind}.kernel") for kind, title in work]
    yield "BPF instructions per operation", [Row(title, f"{kind}.bpf") for kind, title in work]
    yield (
        "User instructions per record",
        [Row(title, f"{kind}.user") for kind, title in RECORD_KINDS.items()],
    )
    yield "Records per operation", [Row(WORKLOADS[kind], f"{kind}.records") for kind in REPORTED]
    for kind, title in RECORD_KINDS.items():
        yield (
            f"User instructions per {title}, by stage",
            [Row(stage, f"{kind}.stage.{stage}") for stage in STAGES],
        )
    yield "Memory", [Row(title, f"memory.{name}") for name, title in MEMORY.items()]
    yield "Start", [Row("CPU to the first record", "start.first_record")]


def table(columns: Mapping[str, Figures], modes: Sequence[str]) -> str:
    """Return the tables: a column for each attach mode and set of figures, if it has any of it.

    Args:
        columns: Heading, such as "before", to figures.
        modes: Attach modes.
    """
    shown_columns = [
        (mode, name, figures)
        for mode in modes
        for name, figures in columns.items()
        if any(figure.startswith(f"{mode}.") for figure in figures)
    ]
    heads = [f"{mode}, {name}" for mode, name, _ in shown_columns]
    parts = []
    for heading, rows in sections():
        lines = [["", *heads]]
        for row in rows:
            cells = (_cell(f"{mode}.{row.figure}", each) for mode, _, each in shown_columns)
            lines.append([row.title, *cells])
        shown = [line for line in lines if any(text != "-" for text in line[1:])]
        if len(shown) > 1:
            parts.append(f"### {heading}\n\n{markdown(shown)}")
    return "\n\n".join(parts)


def _cell(name: str, figures: Mapping[str, float]) -> str:
    return number(name, figures[name]) if name in figures else "-"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns are aligned in the source too; numbers stand to the right."""
    widths = [max(3, *(len(row[at]) for row in rows)) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("| " + " | ".join(cells) + " |")
    rule = ["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]
    lines.insert(1, "|" + "|".join(rule) + "|")
    return "\n".join(lines)


def page(text: str, columns: Mapping[str, Figures], modes: Sequence[str]) -> str:
    """Return a document with the tables between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(columns, modes)}\n\n{END}{after}"
