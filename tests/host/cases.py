# SPDX-License-Identifier: Apache-2.0
"""The workloads for files of test_one_run.py: what each does and the exact events that follow."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.host import operations, workloads
from tests.host.operations import COPIES
from tests.host.workloads import READ_BYTES, READS, WRITES, Facts

Events = dict[str, dict[str, int]]

# Which event class an event belongs to, where the case does not say otherwise.
CLASS_OF = {
    "CREATE": "file.create",
    "OPEN": "file.open",
    "OPEN_EXEC": "file.exec",
    "ACCESS": "file.read",
    "MODIFY": "file.write",
    "ATTRIB": "file.attribute",
    "CLOSE_WRITE": "file.close",
    "CLOSE_NOWRITE": "file.close",
    "MOVED_FROM": "file.rename",
    "MOVED_TO": "file.rename",
    "DELETE": "file.unlink",
}
NAMES = (
    b'q"uo\\te',
    b"new\nline\r\ttab",
    b"\x01\x1e\x7f",
    b"in\xff\xfe\xc3valid",
    "h\u00f6\u00df-\u540d\u524d".encode(),
    b"\n\x1e\n",
    b'x", "ProcUID": 99, "y": "',
    b"{[,]}: ",
)


class Case(NamedTuple):
    """A workload for files.

    Attributes:
        name: Of the case and of its folder.
        workload: What runs, in a process of its own.
        arguments: Prepares the folder and returns the arguments.
        events: By path below the folder; what several records say is added up.
        classes: Of events whose class is not that of CLASS_OF.
        fields: Further fields of the last record, by path below the folder.
        refused: Classes of what is tried and fails.
    """

    name: str
    workload: Callable[..., Facts]
    arguments: Callable[[Path], list[Path | str]]
    events: Events
    classes: dict[str, str] = {}  # noqa: RUF012 - never changed
    fields: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - never changed
    refused: tuple[str, ...] = ()

    def class_of(self, event: str) -> str:
        """Return the class that an event belongs to in this case."""
        return self.classes.get(event, CLASS_OF[event])

    def event_classes(self) -> tuple[str, ...]:
        """Return the classes that the case proves, in the order of its events."""
        events = (event for counts in self.events.values() for event in counts)
        return tuple(dict.fromkeys(self.class_of(event) for event in events))

    def all_classes(self) -> tuple[str, ...]:
        """Return the classes of what is done and of what fails."""
        return self.event_classes() + self.refused


def _file(path: Path) -> Path:
    path.write_bytes(b"k" * READS * READ_BYTES)
    path.chmod(0o644)
    return path


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def _program(path: Path) -> Path:
    shutil.copy(shutil.which("true") or "/bin/true", path)
    path.chmod(0o755)
    return path


def _open_to_all(path: Path) -> Path:
    """Let another user reach a folder below the tests' own."""
    for folder in (path, *path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return path


def _shared_memory(path: Path) -> Path:
    """Put a folder on tmpfs in the place of the case's own."""
    target = Path("/dev/shm") / f"kflowd-{os.getpid()}-{path.name}"
    target.mkdir()
    return target


DEEP = "/".join(f"{number:02}-" + "d" * 23 for number in range(41))
LONG, LONGER = "n" * 254, "m" * 255
WRITTEN = {"CREATE": 1, "OPEN": 1, "MODIFY": WRITES, "CLOSE_WRITE": 1}
READ = {"OPEN": 1, "ACCESS": READS, "CLOSE_NOWRITE": 1}
COPY_FROM = {"OPEN": 1, "ACCESS": COPIES, "CLOSE_NOWRITE": 1}
COPY_TO = {"CREATE": 1, "OPEN": 1, "MODIFY": COPIES, "CLOSE_WRITE": 1}
COPY = {"ACCESS": "file.copy", "MODIFY": "file.copy"}
MOVED = {"MOVED_FROM": 1, "MOVED_TO": 1}
BY_NAME = ("file.open", "file.attribute", "file.rename", "file.link", "file.unlink")
ONCE = {"CREATE": 1, "OPEN": 1, "MODIFY": 1, "CLOSE_WRITE": 1}

CASES = (
    Case("write", workloads.write_file, lambda d: [d / "w"], {"w": WRITTEN}),
    Case("read", workloads.read_file, lambda d: [_file(d / "r")], {"r": READ}),
    Case(
        "vectors",
        operations.vectors,
        lambda d: [d / "v"],
        {"v": {"CREATE": 1, "OPEN": 1, "MODIFY": 3, "ACCESS": 3, "CLOSE_WRITE": 1}},
    ),
    Case(
        "attributes",
        workloads.change_attributes,
        lambda d: [_file(d / "a")],
        {"a": {"ATTRIB": 3, "MODIFY": 1}},
        classes={"MODIFY": "file.attribute"},
        fields={"a": {"FileSize": 3, "FileUID": workloads.NOBODY}},
    ),
    Case(
        "fchmod",
        workloads.one_chmod,
        lambda d: [_file(d / "c")],
        {"c": {"OPEN": 1, "ATTRIB": 1, "CLOSE_NOWRITE": 1}},
    ),
    Case(
        "truncate",
        operations.resize,
        lambda d: [_file(d / "t")],
        {"t": {"OPEN": 2, "MODIFY": 3, "CLOSE_WRITE": 2}},
        classes={"MODIFY": "file.attribute"},
        fields={"t": {"FileSize": 0}},
    ),
    Case(
        "rename",
        workloads.rename,
        lambda d: [_file(d / "old"), d / "new"],
        {"new": MOVED},
        fields={"new": {"FileOrigin": "old"}},
    ),
    Case(
        "move",
        workloads.rename,
        lambda d: [_file(_folder(d / "from") / "old"), _folder(d / "to") / "new"],
        {"to/new": MOVED},
        fields={"to/new": {"FileOrigin": "old"}},
    ),
    Case(
        "link",
        workloads.link,
        lambda d: [_file(d / "first"), d / "second"],
        {"second": {"CREATE": 1}},
        classes={"CREATE": "file.link"},
        fields={"second": {"FileMode": "hardlink", "FileInodeLinkCount": 2}},
    ),
    Case(
        "symlink",
        workloads.symlink,
        lambda d: ["a-target-of-23-letters!", d / "s"],
        {"s": {"CREATE": 1}},
        classes={"CREATE": "file.symlink"},
        fields={"s": {"FileMode": "symlink", "FileSize": 23}},
    ),
    Case("unlink", workloads.unlink, lambda d: [_file(d / "u")], {"u": {"DELETE": 1}}),
    Case(
        "copy",
        operations.copy_range,
        lambda d: [_file(d / "from"), d / "to"],
        {"from": COPY_FROM, "to": COPY_TO},
        classes=COPY,
    ),
    Case(
        "sendfile",
        operations.send_file,
        lambda d: [_file(d / "from"), d / "to"],
        {"from": COPY_FROM, "to": COPY_TO},
        classes=COPY,
    ),
    Case(
        "allocate",
        operations.allocate,
        lambda d: [d / "f"],
        {"f": {"CREATE": 1, "OPEN": 1, "MODIFY": 3, "CLOSE_WRITE": 1}},
        classes={"MODIFY": "file.allocate"},
        fields={"f": {"FileSize": 12288}},
    ),
    Case(
        "descriptors",
        workloads.two_descriptors,
        lambda d: [d / "t"],
        {"t": {"CREATE": 1, "OPEN": 2, "MODIFY": 2, "CLOSE_WRITE": 2}},
    ),
    # OPEN is one for each descriptor, as upstream counts it
    Case(
        "dup",
        operations.duplicate,
        lambda d: [d / "d"],
        {"d": {"CREATE": 1, "OPEN": 2, "MODIFY": 2, "CLOSE_WRITE": 1}},
    ),
    Case("inherit", operations.inherit, lambda d: [d / "i"], {"i": ONCE | {"MODIFY": 2}}),
    Case("stay_open", workloads.stay_open, lambda d: [d / "o"], {"o": ONCE}),
    Case(
        "execute",
        workloads.execute,
        lambda d: [_program(d / "kf-program")],
        {"kf-program": {"OPEN_EXEC": 1}},
    ),
    Case("thread", workloads.thread_write, lambda d: [d / "thread"], {"thread": WRITTEN}),
    Case("fork", operations.fork_write, lambda d: [d / "forked"], {"forked": ONCE}),
    Case(
        "names",
        workloads.create_named,
        lambda d: [d, *(name.hex() for name in NAMES)],
        {
            name.decode(errors="replace"): {"CREATE": 1, "OPEN": 1, "CLOSE_WRITE": 1}
            for name in NAMES
        },
    ),
    Case("long_name", workloads.write_file, lambda d: [d / LONG], {LONG: WRITTEN}),
    Case(
        "long_rename",
        workloads.rename,
        lambda d: [_file(d / LONG), d / LONGER],
        {LONGER: MOVED},
        fields={LONGER: {"FileOrigin": LONG}},
    ),
    Case(
        "deep",
        workloads.write_file,
        lambda d: [_folder(d / DEEP) / "leaf"],
        {f"{DEEP}/leaf": WRITTEN},
    ),
    Case(
        "bind",
        operations.write_bound,
        lambda d: [_folder(d / "source"), _folder(d / "mounted")],
        {"mounted/bound": ONCE},
    ),
    Case("tmpfs", workloads.write_file, lambda d: [d / "on-tmpfs"], {"on-tmpfs": WRITTEN}),
    Case("missing", workloads.failed_changes, lambda d: [d], {}, refused=BY_NAME),
    Case(
        "denied",
        operations.denied,
        lambda d: [_file(_open_to_all(d) / "k"), d],
        {},
        refused=(*BY_NAME, "file.create", "file.symlink"),
    ),
)


def proofs() -> Iterator[tuple[Case, str]]:
    """Yield each case with each class that it proves."""
    for case in CASES:
        for event_class in case.event_classes():
            yield case, event_class


def folder_of(case: Case, base: Path) -> Path:
    """Make the folder of a case."""
    folder = base / case.name
    if case.name == "tmpfs":
        return _shared_memory(folder)
    folder.mkdir()
    return folder
