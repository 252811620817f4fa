# SPDX-License-Identifier: Apache-2.0
from typing import Any

from kflowd.aggregate.followed import Followed
from kflowd.faults import Faults
from kflowd.model import (
    Process,
    ProcessExit,
    ProcessSeen,
    ProcessSource,
    SocketAggregate,
    SocketFlag,
    SocketUsage,
    SocketUser,
    Tick,
    Value,
)
from tests.unit.make import file, lived, process, seen, socket, unix

ROOT, START = 100, 7
KFLOWD = (50, 3)


def one(tgid: int, parent: tuple[int, int] = (1, 0), start_ns: int = START) -> Process:
    """Return a process, by default a child of the first one."""
    return process(tgid=tgid, start_ns=start_ns, ppid=parent[0], parent_start_ns=parent[1])


def listed(tgid: int, parent: tuple[int, int] = (1, 0)) -> ProcessSeen:
    """Return the record of a process from before the start."""
    return seen(process=one(tgid, parent), source=ProcessSource.SNAPSHOT)


def forked(tgid: int, by: int, parent: tuple[int, int] = (1, 0), start_ns: int = START) -> Value:
    """Return the record of a fork by a process that began at START."""
    child = one(tgid, parent, start_ns)
    return seen(process=child, source=ProcessSource.FORK, creator=(by, START))


def begun(**limits: Any) -> Followed:
    """Return what follows a process that kflowd has made."""
    followed = Followed(ROOT, **limits)
    assert len(followed.feed([listed(9), listed(ROOT, KFLOWD)])) == 2
    return followed


def shown(followed: Followed, tgid: int, **changes: Any) -> bool:
    """Say whether the record of a file is shown."""
    return bool(followed.feed([file(process=one(tgid, **changes))]))


def test_records_of_others_are_left_out() -> None:
    """Of all kinds, and counted; what names are made of passes, and so does the rest."""
    followed = begun()
    for make in (file, socket, unix, lived):
        mine, other = make(process=one(ROOT)), make(process=one(9))
        assert followed.feed([other, mine, Tick(1)]) == [mine, Tick(1)]
    assert followed.hidden == 4
    values: list[Value] = [seen(process=one(9)), ProcessExit(1, one(9))]
    assert followed.feed(values) == values
    assert (followed.hidden, followed.lost) == (4, 0)


def test_a_number_that_comes_again_is_another_process() -> None:
    """A process is known by its number and start."""
    followed = begun()
    assert not shown(followed, ROOT, start_ns=START + 1)
    followed.feed([listed(ROOT)])
    assert not shown(followed, ROOT, start_ns=START + 1)


def test_descendants_are_followed() -> None:
    """Children and their children; not the parent, and not the child of another."""
    followed = begun()
    followed.feed([forked(101, ROOT), forked(102, 101), forked(200, 9)])
    assert [shown(followed, it) for it in (101, 102, 200, 50)] == [True, True, False, False]


def test_a_child_whose_parent_is_another_is_followed() -> None:
    """Of CLONE_PARENT, and of a parent that has ended when it forks on."""
    followed = begun()
    followed.feed([forked(101, ROOT, KFLOWD), forked(102, 101), ProcessExit(1, one(101))])
    followed.feed([forked(103, 102)])
    assert [shown(followed, it) for it in (101, 102, 103)] == [True, True, True]


def test_a_child_that_kflowd_did_not_hear_of_is_followed_by_its_parent() -> None:
    """The record of its fork was lost: the next of it says whose child it is."""
    followed = begun()
    assert shown(followed, 101, parent=(ROOT, START))
    followed.feed([listed(102, (ROOT, START)), forked(103, 102)])
    assert shown(followed, 102)
    assert shown(followed, 103)
    assert not shown(followed, 104, parent=(ROOT, START + 1))
    assert followed.hidden == 1


def test_what_has_ended_is_followed_on() -> None:
    """Its files and sockets come behind its end; a zombie that is listed does not begin anew."""
    followed = begun(max_ended=2)
    followed.feed([forked(101, ROOT), ProcessExit(1, one(101)), listed(101)])
    assert shown(followed, 101)
    assert not followed._running & followed._ended.keys()
    for tgid in (102, 103):
        followed.feed([forked(tgid, ROOT), ProcessExit(1, one(tgid))])
    assert [shown(followed, it) for it in (101, 102, 103)] == [False, True, True]
    assert followed.lost == 0


def test_who_finds_no_room_is_counted() -> None:
    """Nobody who runs makes room; who ends does."""
    followed = begun(max_running=2)
    followed.feed([forked(101, ROOT), forked(102, ROOT)])
    assert followed.lost == 1
    assert [shown(followed, it) for it in (ROOT, 101, 102)] == [True, True, False]
    followed.feed([ProcessExit(1, one(101)), forked(103, ROOT)])
    assert shown(followed, 103)
    assert followed.lost == 1


def test_a_socket_that_one_of_them_uses_is_shown() -> None:
    """Whoever made it; and not one without an owner."""
    followed = begun()
    used = SocketUsage(0, 0, 0, 0, (SocketUser(one(9), 1, 1), SocketUser(one(ROOT), 1, 1)))
    others = SocketUsage(0, 0, 0, 0, (SocketUser(one(9), 1, 1),))
    for make in (socket, unix):
        assert followed.feed([make(process=one(9), usage=used)])
        assert not followed.feed([make(process=one(9), usage=others)])
        assert not followed.feed([make(process=one(ROOT), flags=SocketFlag.NO_OWNER)])


def test_sums_of_several_processes_are_shown() -> None:
    """One of them may be one of these."""
    followed = begun()
    flags = SocketFlag.FOLDED | SocketFlag.NO_OWNER
    for make in (socket, unix):
        assert followed.feed([make(process=one(9), flags=flags)])
        assert not followed.feed([make(process=one(9), flags=SocketFlag.FOLDED)])


def test_a_value_that_fails_costs_itself() -> None:
    """The others pass."""
    faults = Faults()
    followed = begun(faults=faults)
    broken = socket(usage=1)
    assert isinstance(broken, SocketAggregate)
    mine = file(process=one(ROOT))
    assert followed.feed([broken, mine]) == [mine]
    assert faults.records == 1
