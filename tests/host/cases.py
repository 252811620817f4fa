# SPDX-License-Identifier: Apache-2.0
"""The workloads for files of test_one_run.py: what each does and the exact events that follow."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.host import (
    aio_files,
    attributes,
    compat,
    edges,
    executed,
    mapped_files,
    operations,
    ring_files,
    ring_names,
    spliced,
    unopened,
    workloads,
)
from tests.host.case import Case, Claim, Untraced
from tests.host.operations import COPIES
from tests.host.workloads import READ_BYTES, READS, WRITE_BYTES, WRITES

NAMES = (
    b'q"uo\\te',
    b"new\nline\r\ttab",
    b"\x01\x1e\x7f",
    b"in\xff\xfe\xc3valid",
    "h\u00f6\u00df-\u540d\u524d-\U0001f98a".encode(),
    b"\n\x1e\n",
    b'x", "ProcUID": 99, "y": "',
    b"{[,]}: ",
    b"n" * 255,
)


def _file(path: Path, size: int = READS * READ_BYTES) -> Path:
    path.write_bytes(b"k" * size)
    path.chmod(0o644)
    return path


def _linked(path: Path, name: Path) -> Path:
    name.hardlink_to(path)
    return name


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def _program(path: Path, content: bytes = b"") -> Path:
    path.write_bytes(content or Path(shutil.which("true") or "/bin/true").read_bytes())
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


DEEP = "/".join(f"{number:02}-" + "d" * 33 for number in range(31))
LONG, LONGER = "n" * 254, "m" * 255
WRITTEN = {"CREATE": 1, "OPEN": 1, "MODIFY": WRITES, "CLOSE_WRITE": 1}
READ = {"OPEN": 1, "ACCESS": READS, "CLOSE_NOWRITE": 1}
COPY_FROM = {"OPEN": 1, "ACCESS": COPIES, "CLOSE_NOWRITE": 1}
COPY_TO = {"CREATE": 1, "OPEN": 1, "MODIFY": COPIES, "CLOSE_WRITE": 1}
COPY = {"ACCESS": "file.copy", "MODIFY": "file.copy"}
MOVED = {"MOVED_FROM": 1, "MOVED_TO": 1}
BY_NAME = ("file.open", "file.attribute", "file.rename", "file.link", "file.unlink")
TMPFS = "tmpfs"  # the end of the name of a case whose folder lies there
SHARING = "sharing"  # the same, where files can share blocks
CHANGES = ("FileSizeChange", "FileModificationTimeChange")
MODES = ("FilePermissions", "FilePermissionsBefore")
UNREAD = {"OPEN": 1, "CLOSE_NOWRITE": 1}
EXECUTED = {"OPEN_EXEC": 1, "CLOSE_NOWRITE": 1}
IMAGE = {"Proc": Claim.ANY, "ProcExe": Claim.ANY, "ProcArgs": Claim.MAYBE}
ONCE = {"CREATE": 1, "OPEN": 1, "MODIFY": 1, "CLOSE_WRITE": 1}

CASES = (
    Case(
        "write",
        workloads.write_file,
        lambda d: [d / "w"],
        {"w": WRITTEN},
        fields={
            "w": {
                "FileMode": "regular",
                "FileInodeLinkCount": 1,
                "FilePermissions": "0640/-rw-r-----",
                "FileSize": WRITES * WRITE_BYTES,
                "FileSizeChange": WRITES * WRITE_BYTES,
            }
        },
    ),
    Case(
        "read",
        workloads.read_file,
        lambda d: [_file(d / "r")],
        {"r": READ},
        fields={
            "r": {
                "FileSize": READS * READ_BYTES,
                "FileSizeChange": Claim.ABSENT,
                "FileModificationTimeChange": Claim.ABSENT,
            }
        },
    ),
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
        fields={
            "a": {
                "FilePermissions": "0604/-rw----r--",
                "FileUID": workloads.NOBODY,
                "FileGID": workloads.DAEMON,
                "FileSize": 3,
                "FileSizeChange": 3 - READS * READ_BYTES,
                "FileAccessTime": "Thu, Jan 01 1970 00:00:01.000000007 UTC",
            }
        },
    ),
    Case(
        "fchmod",
        workloads.one_chmod,
        lambda d: [_file(d / "c")],
        {"c": {"OPEN": 1, "ATTRIB": 1, "CLOSE_NOWRITE": 1}},
        fields={
            "c": {
                "FilePermissions": "4711/-rws--x--x",
                "FilePermissionsBefore": "0644/-rw-r--r--",
            }
        },
    ),
    # a mode that was set and set back is seen by the one before, which is that of the end
    Case(
        "setuid_and_back",
        workloads.modes_by_descriptor,
        lambda d: [_file(d / "m"), "4755", "644"],
        {"m": {"OPEN": 1, "ATTRIB": 2, "CLOSE_NOWRITE": 1}},
        fields={"m": dict.fromkeys(MODES, "0644/-rw-r--r--")},
    ),
    Case(
        "setuid_and_back_by_name",
        workloads.modes_by_name,
        lambda d: [_file(d / "m"), "4755", "644"],
        {"m": {"ATTRIB": 2}},
        fields={"m": {MODES[0]: "0644/-rw-r--r--", MODES[1]: Untraced("0644/-rw-r--r--")}},
    ),
    Case(
        "same_mode",
        workloads.modes_by_descriptor,
        lambda d: [_file(d / "m"), "644", "644"],
        {"m": {"OPEN": 1, "ATTRIB": 2, "CLOSE_NOWRITE": 1}},
        fields={"m": {MODES[1]: Claim.ABSENT}},
    ),
    # the first mode of several, and a change by name of a file that is held open
    Case(
        "three_modes",
        workloads.modes_by_descriptor,
        lambda d: [_file(d / "m"), "600", "2711", "/755"],
        {"m": {"OPEN": 1, "ATTRIB": 3, "CLOSE_NOWRITE": 1}},
        fields={"m": {MODES[1]: "0644/-rw-r--r--"}},
    ),
    Case(
        "denied_chmod",
        workloads.denied_chmod,
        lambda d: [_file(_open_to_all(d) / "k")],
        {"k": {"OPEN": 1, "CLOSE_NOWRITE": 1}},
        fields={
            "k": {
                "ProcUID": workloads.NOBODY,
                "ProcGID": workloads.DAEMON,
                "FilePermissions": "0644/-rw-r--r--",
            }
        },
        refused=("file.attribute",),
    ),
    Case(
        "xattrs",
        attributes.xattrs_by_path,
        lambda d: [_file(d / "x")],
        {"x": {"ATTRIB": 7}},
        classes={"ATTRIB": "file.xattr"},
    ),
    Case(
        "fxattrs",
        attributes.xattrs_by_descriptor,
        lambda d: [_file(d / "x")],
        {"x": {"OPEN": 1, "ATTRIB": 5, "CLOSE_NOWRITE": 1}},
        classes={"ATTRIB": "file.xattr"},
    ),
    Case(
        "acls",
        attributes.acls,
        lambda d: [_file(d / "a")],
        {"a": {"OPEN": 1, "ATTRIB": 5, "CLOSE_NOWRITE": 1}},
        classes={"ATTRIB": "file.acl"},
        fields={"a": {"FilePermissions": "0640/-rw-r-----"}},
    ),
    Case(
        "flags",
        attributes.flags,
        lambda d: [_file(d / "f")],
        {"f": {"OPEN": 1, "ATTRIB": 5, "CLOSE_NOWRITE": 1}},
        classes={"ATTRIB": "file.flags"},
    ),
    Case(
        "mknod",
        unopened.mknod,
        lambda d: [d],
        {name: {"CREATE": 1} for name in ("one", "two", "three")},
        classes={"CREATE": "file.mknod"},
        refused=("file.mknod",),
    ),
    Case(
        "handle",
        unopened.handle,
        lambda d: [_file(d / "h").parent, "h"],
        {"h": {"OPEN": 2, "ACCESS": 3, "MODIFY": 2, "CLOSE_WRITE": 1, "CLOSE_NOWRITE": 1}},
    ),
    Case(
        f"clone-{SHARING}",
        unopened.clone,
        lambda d: [_file(d / "from", 3 * unopened.BLOCK), d / "whole", d / "part"],
        {
            "from": {"OPEN": 1, "ACCESS": 3, "CLOSE_NOWRITE": 1},
            "whole": {"CREATE": 1, "OPEN": 1, "MODIFY": 1, "CLOSE_WRITE": 1},
            "part": {"CREATE": 1, "OPEN": 1, "MODIFY": 2, "CLOSE_WRITE": 1},
        },
        classes={"ACCESS": "file.clone", "MODIFY": "file.clone"},
        fields={
            "whole": {"FileSize": 3 * unopened.BLOCK},
            "part": {"FileSize": 2 * unopened.BLOCK},
        },
    ),
    Case(
        f"copy-{SHARING}",
        unopened.copy_blocks,
        lambda d: [_file(d / "from", 3 * unopened.BLOCK), d / "to"],
        {"from": COPY_FROM, "to": COPY_TO},
        classes=COPY,
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
    # one inode: each name has what was done by it, and nothing of the other
    Case(
        "two_names",
        operations.two_names,
        lambda d: [_file(d / "first"), _linked(d / "first", d / "second")],
        {
            "second": {"OPEN": 1, "MODIFY": 3, "CLOSE_WRITE": 1},
            "first": {"OPEN": 1, "ACCESS": 3, "CLOSE_NOWRITE": 1},
        },
    ),
    Case(
        "symlink",
        workloads.symlink,
        lambda d: ["a-target-of-23-letters!", d / "s"],
        {"s": {"CREATE": 1}},
        classes={"CREATE": "file.symlink"},
        fields={
            "s": {
                "FileMode": "symlink",
                "FilePermissions": "0777/lrwxrwxrwx",
                "FileSize": 23,
                # it is seen when it is made
                "FileModificationTimeChange": Claim.ABSENT,
                "FileSizeChange": Claim.ABSENT,
            }
        },
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
        "splice",
        spliced.splice,
        lambda d: [_file(d / "from"), d / "to"],
        {
            "from": {
                "OPEN": 1,
                "ACCESS": spliced.INTO_PIPE + spliced.TO_PIPE,
                "CLOSE_NOWRITE": 1,
            },
            "to": {"CREATE": 1, "OPEN": 2, "MODIFY": spliced.OUT_OF_PIPE, "CLOSE_WRITE": 2},
        },
        classes={"ACCESS": "file.splice", "MODIFY": "file.splice"},
    ),
    *ring_files.CASES,
    *ring_names.CASES,
    *aio_files.CASES,
    *mapped_files.CASES,
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
    Case(
        "inherit",
        operations.inherit,
        lambda d: [d / "i"],
        {"i": ONCE | {"MODIFY": 2}},
        fields={"i": {"FileNotes": Claim.MAYBE}},  # of parent or child, whoever is last
    ),
    Case("stay_open", workloads.stay_open, lambda d: [d / "o"], {"o": ONCE}),
    Case(
        "execute",
        workloads.execute,
        lambda d: [_program(d / "kf-program")],
        {"kf-program": EXECUTED},
        untold=("ACCESS",),  # how often the kernel and its loader read a program, and when first
        fields={"kf-program": {"FileAccessTime": Claim.ANY}},
    ),
    # whose image it is, the one that ran exec or the one that it made, differs by mode
    Case(
        "script",
        executed.script,
        executed.prepare,
        dict.fromkeys((executed.SCRIPT, executed.PROGRAM, executed.LOADER), EXECUTED),
        untold=("ACCESS",),
        fields=dict.fromkeys(
            (executed.SCRIPT, executed.PROGRAM, executed.LOADER),
            IMAGE | {"FileAccessTime": Claim.ANY},
        ),
    ),
    Case(
        "failed_exec",
        executed.failed,
        lambda d: [_program(d / "no-program", b"no program")],
        {"no-program": EXECUTED},
        untold=("ACCESS",),
        fields={"no-program": {"FileAccessTime": Claim.ANY}},
    ),
    Case(
        "closed_by_exec",
        executed.closed_by_exec,
        lambda d: [d / "closed", d / "kept"],
        {"closed": ONCE, "kept": ONCE},
        fields=dict.fromkeys(("closed", "kept"), IMAGE),
    ),
    Case(
        "mapped",
        executed.mapped,
        lambda d: [_file(d / "unmapped"), _file(d / "left"), _file(d / "both")],
        dict.fromkeys(("unmapped", "both", "left"), UNREAD),
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
        real={name.decode(errors="replace"): os.fsdecode(name) for name in NAMES},
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
        fields={"mounted/bound": {"ProcMntNS": Claim.ANY}},  # it has just got another
        real={"mounted/bound": "source/bound"},
    ),
    Case(TMPFS, workloads.write_file, lambda d: [d / "on-tmpfs"], {"on-tmpfs": WRITTEN}),
    # two descriptors that are left open are closed once, when the process ends
    Case("shared", edges.shared_to_the_end, lambda d: [d / "s"], {"s": ONCE}),
    # dup3, close_range and dup2 that fail leave the file open: it is closed once, by its close
    Case(
        "failed_closes",
        edges.failed_closes,
        lambda d: [_file(d / "first"), _file(d / "second")],
        {
            "first": {"OPEN": 1, "CLOSE_NOWRITE": 1},
            "second": {"OPEN": 1, "ACCESS": 1, "CLOSE_NOWRITE": 1},
        },
    ),
    # the size before an open that cuts is known in some modes only: it is right, or absent
    Case(
        "cut_open",
        edges.cut_and_write,
        lambda d: [_file(d / "c")],
        {"c": {"OPEN": 1, "MODIFY": 2, "CLOSE_WRITE": 1}},
        fields={"c": {"FileSize": 3} | dict.fromkeys(CHANGES, Claim.RIGHT)},
    ),
    # directories, pipes and devices have no record, whatever is done to them
    Case("kinds", edges.other_kinds, lambda d: [d], {}),
    # the path is that of the mount namespace, not of the process's root
    Case(
        "chroot",
        edges.changed_root,
        lambda d: [_file(d / "inside").parent],
        {"inside": {"ATTRIB": 1}},
    ),
    *(
        Case(
            "compat",
            compat.calls,
            lambda d: [
                *(d / "w", _file(d / "r"), d / "c", _file(d / "old"), d / "new"),
                *(_file(d / "gone"), _file(d / "mode"), d / "made", d / "made-at"),
            ],
            {
                "w": WRITTEN,
                "r": {"OPEN": 2, "ACCESS": READS + 1, "CLOSE_NOWRITE": 2},
                "c": ONCE,
                "made": {"CREATE": 1},
                "made-at": {"CREATE": 1},
                "new": MOVED,
                "gone": {"DELETE": 1},
                "mode": {"ATTRIB": 3},
            },
            fields={"new": {"FileOrigin": "old"}},
        ),
    )
    * compat.HAS_COMPAT,
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
    if case.name.endswith(TMPFS):
        return _shared_memory(folder)
    if case.name.endswith(SHARING):
        folder = base / SHARING / case.name
    folder.mkdir()
    return folder
