# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/fields.md from the declarations in kflowd.serialize.fields."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kflowd.serialize import fields
from kflowd.serialize.fields import Field

PAGE = Path(__file__).parents[1] / "docs" / "fields.md"
BEGIN = "<!-- fields: begin, written by make docs -->"
END = "<!-- fields: end -->"

TYPES = {
    "str": "text",
    "int": "integer",
    "duration": "seconds",
    "time": "time",
    "counts": "counts",
    "strings": "list of texts",
    "messages": "list of objects",
}
EXTRA = {
    field.name
    for block in (
        fields.PROCESS_EXTRA,
        fields.FILE_EXTRA,
        fields.SOCKET_EXTRA,
        fields.UNIX_EXTRA,
    )
    for field in block
}
SECTIONS = (
    ("In every record", (*fields.INFO,)),
    ("The process, in file and socket records", (*fields.PROCESS, *fields.PROCESS_EXTRA)),
    ("File records", (*fields.FILE, *fields.FILE_EXTRA)),
    (
        "TCP and UDP records",
        (
            *(*fields.SOCKET, *fields.SOCKET_TX, *fields.SOCKET_RX, *fields.SOCKET_AGE),
            *(*fields.APP, *fields.APP_TX, *fields.APP_RX, *fields.SOCKET_EXTRA),
        ),
    ),
    (
        "UNIX socket records",
        (
            *(*fields.UNIX, *fields.SOCKET_AGE),
            *(*fields.APP, *fields.APP_TX, *fields.APP_RX, *fields.UNIX_EXTRA),
        ),
    ),
    ("Health records", (*fields.HEALTH_KERNEL, *fields.HEALTH_USER)),
)


def table(members: Iterable[Field]) -> Iterator[str]:
    """Yield the lines of a table of keys."""
    yield "| Key | Type | When | Meaning |"
    yield "|---|---|---|---|"
    for field in members:
        key = f"`{field.name}`" + (" +" if field.name in EXTRA else "")
        yield f"| {key} | {TYPES[field.kind]} | {field.when or 'always'} | {field.legend} |"


def words(head: str, named: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a table of words."""
    yield f"| {head} | Meaning |"
    yield "|---|---|"
    for word, meaning in named.items():
        yield f"| `{word}` | {meaning} |"


def generated() -> str:
    """Return all tables."""
    parts: list[str] = []
    for title, members in SECTIONS:
        parts += [f"## {title}", "", *table(members), ""]
    for title, head, named in (
        ("The events in FileEvents", "Event", dict(fields.FILE_EVENTS)),
        ("The words of FileNotes", "Word", fields.FILE_NOTES),
        ("The words of SockNotes", "Word", fields.SOCK_NOTES),
        ("The entries of HealthOutputs", "Key", fields.OUTPUT),
        ("The words of ProcNotes", "Word", fields.PROC_NOTES),
    ):
        parts += [f"## {title}", "", *words(head, named), ""]
    left_out = ", ".join(f"`{name}`" for name in sorted(EXTRA))
    parts += ["## What --strict leaves out", "", f"The keys marked with +: {left_out}.", ""]
    return "\n".join(parts)


def page(text: str) -> str:
    """Return a page with the tables between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{generated()}\n{END}{after}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    main()
