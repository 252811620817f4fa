# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/fields.md from the blocks in kflowd.serialize.blocks."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kflowd.serialize.blocks import file, health, info, lifetime, process, socket
from kflowd.serialize.keys import Block, Key, keys_of
from kflowd.serialize.record import BEYOND_CONTRACT

PAGE = Path(__file__).parents[1] / "docs" / "fields.md"
BEGIN = "<!-- fields: begin, written by make docs -->"
END = "<!-- fields: end -->"

TYPES = {
    "str": "text",
    "int": "integer",
    "duration": "seconds",
    "change": "seconds",
    "time": "time",
    "instant": "RFC 3339 time",
    "counts": "counts",
    "strings": "list of texts",
    "ints": "list of integers",
    "object": "object of texts",
    "objects": "list of objects",
}
SECTIONS: tuple[tuple[str, tuple[type[Block], ...]], ...] = (
    ("In every record", (info.Stamp, info.Host, info.Uptime, info.Moment)),
    (
        "The process, in file, socket and process records",
        (process.ProcessBlock, process.ProcessAge, process.ProcessDetails),
    ),
    (
        "File records",
        (file.FileBlock, file.InodeBlock, file.FileDigests, file.FileNotes),
    ),
    (
        "TCP and UDP records",
        (
            *(socket.SocketBlock, socket.SocketTx, socket.SocketRx, socket.SocketRoundTrip),
            *(socket.SocketAge, socket.App, socket.AppTx, socket.AppRx, socket.SocketExtra),
        ),
    ),
    (
        "UNIX socket records",
        (
            *(socket.UnixBlock, socket.SocketAge),
            *(socket.App, socket.AppTx, socket.AppRx, socket.UnixExtra),
        ),
    ),
    ("Process records", (lifetime.ProcessLifetime,)),
    ("Health records", (health.HealthKernel, health.HealthUser, health.HealthDelivery)),
)

EXTRA = {key.name for block in BEYOND_CONTRACT for key in keys_of(block)} | {
    key.name for _, blocks in SECTIONS for block in blocks for key in keys_of(block) if key.extra
}


def table(keys: Iterable[Key]) -> Iterator[str]:
    """Yield the lines of a table of keys."""
    yield "| Key | Type | When | Meaning |"
    yield "|---|---|---|---|"
    for key in keys:
        name = f"`{key.name}`" + (" +" if key.name in EXTRA else "")
        yield f"| {name} | {TYPES[key.kind]} | {key.when or 'always'} | {key.legend} |"


def words(head: str, named: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a table of words."""
    yield f"| {head} | Meaning |"
    yield "|---|---|"
    for word, meaning in named.items():
        yield f"| `{word}` | {meaning} |"


def generated() -> str:
    """Return all tables."""
    parts: list[str] = []
    for title, blocks in SECTIONS:
        keys = [key for block in blocks for key in keys_of(block)]
        parts += [f"## {title}", "", *table(keys), ""]
    for title, head, named in (
        ("The events in FileEvents", "Event", dict(file.FILE_EVENTS)),
        ("The words of FileNotes", "Word", file.FILE_NOTES),
        ("The words of SockNotes", "Word", socket.SOCK_NOTES),
        ("The events in ProcEvents", "Event", lifetime.PROCESS_EVENTS),
        ("The words of ProcNotes", "Word", process.PROC_NOTES | lifetime.LIFE_NOTES),
        ("An entry of HealthOutputs", "Key", health.OUTPUT),
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
