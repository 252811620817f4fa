# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.constants import ALIGNMENT
from kflowd.contract import constants
from kflowd.model import ProcessFlag, ProcessSeen
from kflowd.older import Filler, Found
from kflowd.records import Decoder
from kflowd.redact.stream import redactor
from tests.unit.make import record

HERTZ, TICK_NS = 100, 10_000_000
MOST = constants()["KF_ARGS_MAX"]
EXE = b"mysql\0bin\0usr\0"
WORKDIR = b"db\0var\0"
FOUND = Found(5, b"/usr/bin/mysql", b"mysql\0db\0")
UNTIL = 1000
TICK = record("TICK", ts_ns=9)


def listed(exe: bytes = EXE, **members: Any) -> bytes:
    """Return the record of a process that was found at the start."""
    values = {"source": 3, "exe_len": len(exe), "hdr__ts_ns": UNTIL, "proc__tgid": 7}
    values |= {"proc__start_ns": 5 * TICK_NS, "workdir_len": len(WORKDIR)}
    return record("PROC", exe + WORKDIR, **(values | members))


def filler(found: Found = FOUND, ahead_ns: int = 0) -> Filler:
    return Filler({7: found}, HERTZ, ahead_ns, UNTIL)


def seen(batch: bytes) -> list[ProcessSeen]:
    return [it for it in Decoder().decode(batch) if isinstance(it, ProcessSeen)]


def test_arguments_are_filled_in() -> None:
    """All else is the same, and so are the records around it."""
    other = listed(proc__tgid=8)
    batch = other + listed(pid_ns=3) + other
    filled = filler().fill(batch)
    assert len(filled) % ALIGNMENT == 0
    first, second, third = seen(filled)
    assert (second.exe, second.args, second.pid_ns) == ("/usr/bin/mysql", ("mysql", "db"), 3)
    assert not second.flags & ProcessFlag.ARGS_TRUNCATED
    assert second.workdir == "/var/db"
    assert first.args == third.args == ()
    assert filled.startswith(other)
    assert filled.endswith(other)


@pytest.mark.parametrize(
    "raw",
    [
        listed(proc__tgid=8),
        listed(proc__start_ns=5 * TICK_NS - 1),
        listed(proc__start_ns=6 * TICK_NS),
        listed(b"mysqld\0bin\0usr\0"),
        listed(b""),
        listed(hdr__ts_ns=UNTIL + 1),
        listed(source=1),
        listed(source=2),
        listed(EXE, exe_len=len(EXE) - 8, args_len=8),
        listed(exe_len=60000),
        listed(workdir_len=60000),
        listed()[:-9],
    ],
    ids=[
        *("another number", "began earlier", "began later", "another program", "no program"),
        *("listed later", "exec", "fork", "has some", "contradicts itself"),
        *("contradicts itself, too", "cut"),
    ],
)
def test_what_is_not_sure_is_left(raw: bytes) -> None:
    """The same object comes back."""
    assert filler().fill(raw) is raw


@pytest.mark.parametrize("start_ns", [5 * TICK_NS, 6 * TICK_NS - 1])
def test_the_whole_tick_counts(start_ns: int) -> None:
    """Proc rounds down."""
    (it,) = seen(filler().fill(listed(proc__start_ns=start_ns)))
    assert it.args == ("mysql", "db")


def test_a_time_namespace_is_reckoned_with() -> None:
    """Proc tells starts by the clock of who reads it."""
    (it,) = seen(filler(ahead_ns=3 * TICK_NS).fill(listed(proc__start_ns=2 * TICK_NS)))
    assert it.args == ("mysql", "db")


def test_a_removed_program_is_the_same() -> None:
    """Proc says so behind the path, and a record by a flag."""
    (it,) = seen(filler(FOUND._replace(exe=b"/usr/bin/mysql (deleted)")).fill(listed()))
    assert it.args == ("mysql", "db")


@pytest.mark.parametrize(("size", "cut"), [(MOST - 1, False), (MOST, True), (MOST + 1, True)])
def test_long_arguments_are_cut_as_those_of_exec(size: int, cut: bool) -> None:
    """At 2048 bytes, with the note."""
    (it,) = seen(filler(FOUND._replace(args=b"x" * size)).fill(listed()))
    assert sum(map(len, it.args)) == min(size, MOST)
    assert bool(it.flags & ProcessFlag.ARGS_TRUNCATED) == cut


def test_secrets_go_behind_it() -> None:
    """Redaction finds them as in the arguments of an exec."""
    found = FOUND._replace(args=b"mysql\0-pZq7vXk29\0db\0")
    (it,) = seen(redactor()(filler(found).fill(listed())))
    assert it.args == ("mysql", "-p***", "db")


def test_nothing_is_filled_behind_the_first_sweep() -> None:
    """All was listed ahead of it; a later listing is of other programs."""
    it = filler()
    batch = listed() + TICK + listed()
    assert [each.args for each in seen(it.fill(batch))] == [("mysql", "db"), ()]
    assert it.fill(batch) is batch
