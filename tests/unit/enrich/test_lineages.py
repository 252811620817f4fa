# SPDX-License-Identifier: Apache-2.0
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kflowd.enrich.actors import Actors
from kflowd.enrich.lineages import MAX_ANCESTORS, Ancestors
from kflowd.enrich.processes import Processes
from kflowd.model import Process, ProcessExit, ProcessFlag, ProcessSeen, ProcessSource
from kflowd.serialize.process import details_of
from tests.unit.make import SECOND, process, seen

# pid -> second in which it started; a pid that is given again has another
Born = tuple[int, int]


def of(born: Born, parent: Born, **changes: int | str) -> Process:
    """Return a process and who its parent is."""
    return process(
        tgid=born[0], start_ns=born[1] * SECOND, ppid=parent[0],
        parent_start_ns=parent[1] * SECOND, **changes,
    )  # fmt: skip


def told(born: Born, parent: Born, exe: str, at: int = 0, source: int = 1) -> ProcessSeen:
    """Return what is told of a process when it starts, or in another second."""
    ts_ns = (at or born[1]) * SECOND
    creator = (parent[0], parent[1] * SECOND)
    return seen(
        ts_ns=ts_ns, process=of(born, parent), source=source, exe=exe, args=(), creator=creator
    )


INIT, SHELL, MAKE, CC = (1, 1), (50, 3), (60, 5), (70, 7)
FROM_BEFORE = [
    told(INIT, (0, 0), "/sbin/init", at=9, source=ProcessSource.SNAPSHOT),
    told(SHELL, INIT, "/bin/bash", at=9, source=ProcessSource.SNAPSHOT),
    told(MAKE, SHELL, "/bin/make", at=9, source=ProcessSource.SNAPSHOT),
    told(CC, MAKE, "/bin/cc", at=9, source=ProcessSource.SNAPSHOT),
]
OF_CC = ((60, "make"), (50, "bash"), (1, "init"))


def table(*values: ProcessSeen, size: int = 1000) -> Processes:
    made = Processes(max_processes=size)
    for value in values:
        made.add(value)
    return made


def above(known: Processes, born: Born, parent: Born, at: int = 100) -> Ancestors:
    return known.lineages.of(of(born, parent), at * SECOND)


def test_the_parent_is_first_and_init_last() -> None:
    """Names are those of the executables; init itself has nobody above it."""
    known = table(*FROM_BEFORE)
    assert above(known, CC, MAKE) == OF_CC
    assert above(known, INIT, (0, 0)) == ()
    assert above(known, SHELL, INIT) == ((1, "init"),)


@given(st.permutations(FROM_BEFORE))
def test_what_ran_before_may_be_told_in_any_order(values: list[ProcessSeen]) -> None:
    """Process numbers wrap around: a child may be found before its parent."""
    known = table(*values)
    assert above(known, CC, MAKE) == OF_CC
    assert known.lineages._open.keys() <= {(1, SECOND), (50, 3 * SECOND), (60, 5 * SECOND)}


def test_who_is_adopted_keeps_the_ancestors_of_its_birth() -> None:
    """Its parent ends, and it runs another program as a child of init."""
    known = table(*FROM_BEFORE)
    known.exit(ProcessExit(20 * SECOND, of(MAKE, SHELL)))
    known.add(told(CC, INIT, "/bin/later", at=21))
    assert above(known, CC, INIT, at=22) == OF_CC
    known = table(*FROM_BEFORE, size=3)  # make is not in the table any more
    assert above(known, CC, MAKE) == OF_CC


def test_a_pid_that_was_given_again_is_no_ancestor() -> None:
    """Another process with the number of the parent is known: it is not taken for it."""
    other = told((60, 8), INIT, "/bin/other")
    assert above(table(*FROM_BEFORE[:2], other, FROM_BEFORE[3]), CC, MAKE) == ()
    both = table(*FROM_BEFORE, other)
    assert above(both, CC, MAKE) == OF_CC
    assert above(both, (80, 9), (60, 8)) == ((60, "other"), (1, "init"))


def test_names_are_those_of_the_birth() -> None:
    """What a parent runs later is not what has started the child."""
    fork = told((80, 12), SHELL, "", source=ProcessSource.FORK)
    known = table(*FROM_BEFORE, fork, told(SHELL, INIT, "/bin/later", at=13))
    assert above(known, (80, 12), SHELL) == ((50, "bash"), (1, "init"))
    known.add(told((81, 14), SHELL, "/bin/x"))
    assert above(known, (81, 14), SHELL) == ((50, "later"), (1, "init"))


def test_the_parent_is_not_the_creator() -> None:
    """CLONE_PARENT: what made it is its sibling."""
    fork = msgspec.structs.replace(
        told((80, 12), SHELL, "", source=ProcessSource.FORK), creator=(70, 7 * SECOND)
    )
    known = table(*FROM_BEFORE, fork)
    assert above(known, (80, 12), SHELL) == ((50, "bash"), (1, "init"))


def test_a_process_without_a_record_has_the_ancestors_of_its_own() -> None:
    """What acts tells its parent; nothing is kept of it."""
    known = table(*FROM_BEFORE)
    assert above(known, (90, 10), CC) == ((70, "cc"), *OF_CC)
    assert above(known, (90, 10), (71, 7)) == ()
    assert (90, 10 * SECOND) not in known.lineages._known


def test_kernel_threads_have_the_names_of_their_tasks() -> None:
    """They have no executable; a program that is not known has no name."""
    thread = seen(
        process=of((2, 1), (0, 0), flags=ProcessFlag.KTHREAD, comm="kthreadd"), exe="", args=()
    )
    known = table(thread, told((9, 3), (2, 1), ""))
    assert above(known, (9, 3), (2, 1)) == ((2, "kthreadd"),)
    assert above(known, (10, 4), (9, 3)) == ((9, ""), (2, "kthreadd"))


def test_no_more_than_some_and_nothing_stays_of_who_is_gone() -> None:
    """A chain of a thousand is cut; the table's limit holds for the ancestors too."""
    chain = [told((n, n), (n - 1, n - 1), f"/bin/p{n}") for n in range(1, 1000)]
    known = table(*chain, size=10)
    assert above(known, (999, 999), (998, 998)) == tuple(
        (n, f"p{n}") for n in range(998, 998 - MAX_ANCESTORS, -1)
    )
    assert known.lineages._known.keys() == known.images.keys()
    assert known.lineages._open.keys() <= known.images.keys()


def test_ancestors_are_looked_up_for_an_image_and_not_for_a_record() -> None:
    """The actor has them, and so the block that is made of it once."""
    known = table(*FROM_BEFORE)
    asked: list[int] = []
    real = known.lineages._at

    def at(identity: tuple[int, int], at_ns: int) -> ProcessSeen | None:
        asked.append(at_ns)
        return real(identity, at_ns)

    known.lineages._at = at
    found, acting = Actors(known, ()), of(CC, MAKE)
    actors = [found.at(acting, at * SECOND) for at in range(10, 100)]
    assert all(each is actors[0] for each in actors)
    assert details_of(actors[0]).ProcAncestors == [
        {"Pid": 60, "Name": "make"},
        {"Pid": 50, "Name": "bash"},
        {"Pid": 1, "Name": "init"},
    ]
    assert asked == []  # they were noted with the process


Step = tuple[int, int, int, int]


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3, st.sampled_from((1, 2, 3))), max_size=60))
def test_any_stream_gives_lists_of_processes_that_were(steps: list[Step]) -> None:
    """Numbers given again, parents unknown, their own parents, in circles: bounded, no error."""
    known = Processes(max_processes=8, max_exited=2)
    were = set()
    for at, (pid, start, ppid, source) in enumerate(steps, 1):
        value = told((pid, start), (ppid, start // 2), f"/bin/{pid}-{start}", at, source)
        known.add(value)
        were.add(pid)
        known.exit(ProcessExit(at * SECOND, value.process))
        listed = known.lineages.of(value.process, at * SECOND)
        assert len(listed) <= MAX_ANCESTORS
        assert {each for each, _ in listed} <= were
        assert known.lineages._known.keys() == known.images.keys()
