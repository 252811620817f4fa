# SPDX-License-Identifier: Apache-2.0
"""What a command did to files, as strace saw it: the oracle of test_real_loads.py."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALLS = "trace=%file,%desc,%process"
PSEUDO = re.compile(r"(^|/container/root)/(proc|sys|dev)/")
LINE = re.compile(r"^(\w+)\((.*)\) += (-?\d+)(?:<((?:[^>\\]|\\.)*)>)?")
OPENED = re.compile(r"\d+<((?:[^<>\\]|\\.)*)>")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
READS = ("read", "readv", "pread64", "preadv", "preadv2")
WRITES = ("write", "writev", "pwrite64", "pwritev", "pwritev2")
CHANGES = ("chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utimensat", "utimes")
CHANGES_OPEN = ("fchmod", "fchown", "fsetxattr", "fremovexattr")
NAMES = ("rename", "renameat", "renameat2")
LINKS = ("link", "linkat", "symlink", "symlinkat")


class Key(NamedTuple):
    """A process, what it did, and the last component of the file's name."""

    pid: int
    event: str
    name: str


class Call(NamedTuple):
    """A system call that succeeded."""

    name: str
    arguments: str
    result: int
    opened: str  # path of the descriptor that it returned

    @property
    def open_paths(self) -> list[str]:
        """The paths of the descriptors among its arguments."""
        return OPENED.findall(self.arguments)

    @property
    def paths(self) -> list[str]:
        """Its arguments that are text."""
        return QUOTED.findall(self.arguments)


class Trace(NamedTuple):
    """What a command did.

    Attributes:
        pids: Of all processes.
        events: How often each happened.
        made: Files that open(2) has made, if they were not there.
        made_or_cut: Files that open(2) has made or cut.
        replaced: Deletions by a rename, if it has found a file.
        by_link: Changes by /proc/self/fd: of which file is not in the call.
        executed: Names of programs: what the kernel reads of them is in no system call.
    """

    pids: set[int]
    events: Counter[Key]
    made: Counter[Key]
    made_or_cut: Counter[Key]
    replaced: Counter[Key]
    by_link: Counter[int]
    executed: set[str]


def run(folder: Path, *command: str) -> Trace:
    """Run a command under strace, with files of the trace in a folder, and return what it did."""
    folder.mkdir()
    options = ["-ff", "-y", "-qq", "-s", "0", "-e", CALLS, "-o", str(folder / "trace")]
    subprocess.run(
        ["strace", *options, *command], check=True, stdin=subprocess.DEVNULL, capture_output=True
    )
    threads = {int(path.suffix[1:]): list(_calls(path)) for path in folder.iterdir()}
    return _Reader(threads).read()


def _calls(path: Path) -> Iterator[Call]:
    for line in path.read_text(errors="surrogateescape").splitlines():
        if (match := LINE.match(line)) and int(match[3]) >= 0:
            yield Call(match[1], match[2], int(match[3]), match[4] or "")


def _last(path: str) -> str:
    return path.rpartition("/")[2]


class _Reader:
    """Turns system calls into events."""

    def __init__(self, threads: dict[int, list[Call]]) -> None:
        self.threads = threads
        self.leaders = {
            call.result: thread
            for thread, calls in threads.items()
            for call in calls
            if "CLONE_THREAD" in call.arguments
        }
        self.folders = set(self._folders())
        self.trace = Trace(set(), Counter(), Counter(), Counter(), Counter(), Counter(), set())
        self.pid = 0

    def _folders(self) -> Iterator[str]:
        """Yield the last components of all that is no file: what has events is files alone."""
        for call in (call for calls in self.threads.values() for call in calls):
            if call.name.startswith("mkdir"):
                yield _last(call.paths[-1])
            elif call.name.startswith("getdents"):
                yield _last(call.open_paths[0])
            elif "O_DIRECTORY" in call.arguments:
                yield _last(call.opened)
            elif "S_IFDIR" in call.arguments:
                yield _last((call.paths and call.paths[0]) or (call.open_paths or [""])[0])

    def read(self) -> Trace:
        """Return all that happened."""
        for thread, calls in self.threads.items():
            self.pid = thread
            while self.pid in self.leaders:
                self.pid = self.leaders[self.pid]
            self.trace.pids.add(self.pid)
            for call in calls:
                self._one(call)
        return self.trace

    def _add(self, path: str, *events: str, of: Counter[Key] | None = None) -> None:
        counter = self.trace.events if of is None else of
        is_file = _last(path) not in self.folders and not PSEUDO.search(path)
        for event in events if is_file and _last(path) else ():
            counter[Key(self.pid, event, _last(path))] += 1

    def _add_open(self, call: Call, event: str, place: int = 0) -> None:
        path = call.open_paths[place]
        if path.startswith("/"):
            self._add(path, event)

    def _one(self, call: Call) -> None:
        if call.name in ("open", "openat", "openat2", "creat"):
            self._open(call)
        elif call.name == "dup" or "F_DUPFD" in call.arguments:
            self._add_open(call, "OPEN")  # another descriptor
        elif call.name in READS and call.result > 0:
            self._add_open(call, "ACCESS")
        elif (call.name in WRITES and call.result > 0) or call.name in ("ftruncate", "fallocate"):
            self._add_open(call, "MODIFY")
        elif call.name in ("copy_file_range", "sendfile") and call.result > 0:
            source, target = (0, 1) if call.name == "copy_file_range" else (1, 0)
            self._add_open(call, "ACCESS", source)
            self._add_open(call, "MODIFY", target)
        elif call.name in CHANGES_OPEN or (call.name == "utimensat" and not call.paths):
            self._add_open(call, "ATTRIB")
        else:
            self._on_names(call)

    def _open(self, call: Call) -> None:
        if not call.opened.startswith("/") or "O_PATH" in call.arguments:
            return
        self._add(call.opened, "OPEN")
        if "O_EXCL" in call.arguments:
            self._add(call.opened, "CREATE")
        elif call.name == "creat" or ("O_CREAT" in call.arguments and "O_TRUNC" in call.arguments):
            self._add(call.opened, "CREATE", of=self.trace.made_or_cut)
        elif "O_CREAT" in call.arguments:
            self._add(call.opened, "CREATE", of=self.trace.made)
        elif "O_TRUNC" in call.arguments:
            self._add(call.opened, "MODIFY")

    def _on_names(self, call: Call) -> None:
        if call.name in CHANGES and call.paths[0].startswith("/proc/self/fd/"):
            self.trace.by_link[self.pid] += 1
        elif call.name in CHANGES:
            self._add(call.paths[0], "ATTRIB")
        elif call.name == "truncate":
            self._add(call.paths[0], "MODIFY")
        elif call.name in ("unlink", "unlinkat") and "AT_REMOVEDIR" not in call.arguments:
            self._add(call.paths[0], "DELETE")
        elif call.name in NAMES:
            self._add(call.paths[1], "DELETE", of=self.trace.replaced)
            self._add(call.paths[1], "MOVED_FROM", "MOVED_TO")
        elif call.name in LINKS:
            self._add(call.paths[1], "CREATE")
        elif call.name in ("execve", "execveat"):
            self.trace.executed.add(_last(call.paths[0]))
