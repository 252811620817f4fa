# SPDX-License-Identifier: Apache-2.0
"""The database of rpm, read by a child: the `rpm` command, or a Python that has librpm's module.

A child, as librpm takes over signal handlers, and holds Python's lock while it reads.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator

from kflowd.enrich.packages.index import Package
from kflowd.enrich.packages.stamps import DatabaseError, Stamp, stamp_of

HOMES = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
# of sqlite, with its log; of ndb; of Berkeley DB
FILES = ("rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages")
TIMEOUT_S = 120
# A line for each package, P name, version and what tells its installation from others; behind it
# one for each file, F and its state: 0 is in place.
FORMAT = (
    r"P%{NAME}.%{ARCH}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{INSTALLTIME} %{DBINSTANCE}\n"
    r"[F%{FILESTATES}%{FILENAMES}\n]"
)
_MODULE = """\
import os, rpm, sys
rpm.addMacro("_dbpath", sys.argv[2])
for header in rpm.TransactionSet().dbMatch():
    sys.stdout.buffer.write(os.fsencode(header.sprintf(sys.argv[1])))
"""


def parse_query(data: bytes) -> Iterator[tuple[Package, list[bytes]]]:
    """Yield packages and their paths from what FORMAT makes of them; other lines are skipped."""
    package: Package | None = None
    paths: list[bytes] = []
    for line in data.split(b"\n"):
        if line[:1] == b"P":
            if package is not None:
                yield package, paths
            fields = line[1:].decode("utf-8", "replace").split("\t")
            package, paths = None, []
            if len(fields) == 3 and fields[1]:
                package = Package(fields[0], fields[1], f"{fields[1]} {fields[2]}")
        elif line[:3] == b"F0/" and b"\0" not in line:
            paths.append(line[2:])
    if package is not None:
        yield package, paths


class Rpm:
    """Reads the database of rpm.

    Args:
        homes: Directories where it may be.
        command: How it is asked, what it prints as in FORMAT; (): by what is installed.
        timeout_s: How long that may take.
    """

    name = "rpm"

    def __init__(
        self,
        homes: tuple[str, ...] = HOMES,
        command: tuple[str, ...] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._homes = homes
        self._command = command
        self._timeout_s = timeout_s

    def stamp(self) -> Stamp | None:
        """Return what is another one whenever the database is; None if there is none."""
        home = self._home()
        return (home, *_stamps(home)) if home else None

    def read(self) -> Iterator[tuple[Package, list[bytes]]]:
        """Yield each package with the paths that are in place.

        Raises:
            DatabaseError: If rpm fails, or nothing can read the database.
        """
        home = self._home()
        if not home:
            return
        command = self._command or query(home)
        if not command:
            raise DatabaseError("neither the rpm command nor a python3 with its module is there")
        # not a pipe's limit but memory: 100,000 paths are 6 MB
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command
                command,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=self._timeout_s,
                env=environment,
                cwd="/",
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DatabaseError(f"rpm took more than {self._timeout_s} s") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise DatabaseError(said or "rpm failed")
        yield from parse_query(done.stdout)

    def _home(self) -> str:
        """Return the first directory with a database, "" if there is none."""
        return next((home for home in self._homes if any(_stamps(home))), "")


def _stamps(home: str) -> Stamp:
    """Return those of the files with something in them: readers make an empty log of sqlite."""
    stamps = (stamp_of(f"{home}/{file}") for file in FILES)
    return tuple(stamp if stamp and stamp[2] else None for stamp in stamps)


def query(home: str) -> tuple[str, ...]:
    """Return the command that asks a database with what is on this host, () if nothing can."""
    path = f"{os.environ.get('PATH', '')}:/usr/bin:/bin"
    if rpm := shutil.which("rpm", path=path):
        return (rpm, "--dbpath", home, "-qa", "--qf", FORMAT)
    if python := shutil.which("python3", path=path):
        return module_query(python, home)
    return ()


def module_query(python: str, home: str) -> tuple[str, ...]:
    """Return the command that asks a database by librpm's module of a Python."""
    return (python, "-I", "-c", _MODULE, FORMAT, home)
