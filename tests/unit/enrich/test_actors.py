# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from kflowd.enrich import Enrichment, actors
from kflowd.enrich.actors import Actors
from kflowd.enrich.processes import Processes
from kflowd.enrich.users import IdNames, Users
from kflowd.faults import Faults
from kflowd.model import Actor, Process, ProcessExit, ProcessSource
from tests.unit.make import SECOND, file, process, seen

SHELL = process(tgid=50, start_ns=3 * SECOND, ppid=1, parent_start_ns=1, comm="bash")


def made(processes: Processes) -> Actors:
    """Return actors that nobody adds anything to."""
    return Actors(processes, ())


def said(actor: Actor) -> tuple[str, str]:
    return actor.proc, actor.parent


def shell_and_child(source: int = ProcessSource.EXEC, execs: int = 0) -> Processes:
    """Return a table of a shell and of a process that it started."""
    processes = Processes()
    processes.add(seen(ts_ns=3 * SECOND, process=SHELL, exe="/usr/bin/bash"))
    forked = {"creator": (50, 3 * SECOND)} if source == ProcessSource.FORK else {}
    processes.add(seen(source=source, process=process(execs=execs), **forked))
    return processes


def test_records_of_one_image_share_an_actor() -> None:
    """Their names are found once, and what is made of the actor is made once."""
    asked: list[str] = []
    found = Actors(shell_and_child(), [lambda actor: asked.append(actor.proc)])
    of = process()
    first = found.at(of, 6 * SECOND)
    assert said(first) == ("curl", "bash")
    assert first.seen is not None
    assert first.seen.exe == "/usr/bin/curl"
    assert found.at(of, 60 * SECOND) is first
    assert asked == ["curl"]


def test_an_exec_between_two_records_makes_another_actor() -> None:
    """Records after it name the new program, a late record of before it names the old one."""
    processes = shell_and_child()
    found, of = made(processes), process()
    before = found.at(of, 6 * SECOND)
    processes.add(seen(ts_ns=8 * SECOND, exe="/usr/bin/wget"))
    after = found.at(of, 9 * SECOND)
    assert said(before) == ("curl", "bash")
    assert said(after) == ("wget/curl", "bash")
    assert found.at(of, 9 * SECOND) is after
    assert said(found.at(of, 7 * SECOND)) == ("curl", "bash")
    assert said(found.at(of, 9 * SECOND)) == ("wget/curl", "bash")


def test_the_moment_of_an_exec_is_after_it() -> None:
    """What begins with an exec belongs to the new program."""
    processes = shell_and_child()
    processes.add(seen(ts_ns=8 * SECOND, exe="/usr/bin/wget"))
    found, of = made(processes), process(comm="")
    assert found.at(of, 8 * SECOND).proc == "wget"
    assert found.at(of, 8 * SECOND - 1).proc == "curl"


def test_an_exec_of_the_parent_makes_another_actor() -> None:
    """The parent of a record is what it ran at that time."""
    processes = shell_and_child()
    found, of = made(processes), process()
    assert said(found.at(of, 6 * SECOND)) == ("curl", "bash")
    processes.add(seen(ts_ns=8 * SECOND, process=SHELL, exe="/usr/bin/python3"))
    assert said(found.at(of, 9 * SECOND)) == ("curl", "python3")
    assert said(found.at(of, 7 * SECOND)) == ("curl", "bash")


def test_a_process_that_nobody_knows_has_its_task_name() -> None:
    """Each of its records is counted, until it is known."""
    processes = Processes()
    found, of = made(processes), process()
    unknown = found.at(of, 6 * SECOND)
    assert (said(unknown), unknown.seen) == (("curl", ""), None)
    assert found.at(of, 6 * SECOND) is unknown
    assert processes.stats.unknown == 2
    processes.add(seen(exe="/usr/bin/dash"))
    known = found.at(of, 6 * SECOND)
    assert said(known) == ("dash/curl", "")
    assert known.seen is not None
    assert processes.stats.unknown == 2


def test_a_parent_that_becomes_known_is_named() -> None:
    """A snapshot may come after the first records."""
    processes = Processes()
    processes.add(seen())
    found, of = made(processes), process()
    assert found.at(of, 6 * SECOND).parent == ""
    processes.add(seen(ts_ns=7 * SECOND, process=SHELL, exe="/bin/bash", source=3))
    assert found.at(of, 8 * SECOND).parent == "bash"


def test_a_process_that_fell_out_of_the_table_is_unknown() -> None:
    """An actor does not outlive what it was made of."""
    processes = Processes(max_exited=0)
    processes.add(seen())
    found, of = made(processes), process()
    assert found.at(of, 6 * SECOND).seen is not None
    processes.exit(ProcessExit(7 * SECOND, of))
    assert found.at(of, 6 * SECOND).seen is None
    assert processes.stats.unknown == 1


def test_another_thread_or_user_is_another_actor() -> None:
    """An actor has the process as the record carries it."""
    found = made(shell_and_child())
    one, other = process(tid=100, uid=5), process(tid=102, uid=6)
    assert found.at(one, 6 * SECOND).process is one
    assert found.at(other, 6 * SECOND).process is other


def test_names_that_changed_make_actors_anew(tmp_path: Path) -> None:
    """A user that is renamed has the new name in the next record."""
    passwd = tmp_path / "passwd"
    passwd.write_text("dirk:x:0:0::/:/bin/sh\n")
    users = Users(IdNames(str(passwd)), IdNames("/nonexistent"))
    enrichment, of = Enrichment([Processes(), users]), process()
    enrichment.refresh(0)
    first = enrichment.file(file(process=of)).actor
    assert first.user == "dirk"
    passwd.write_text("annabel:x:0:0::/:/bin/sh\n")
    assert enrichment.file(file(process=of)).actor is first
    enrichment.refresh(SECOND)
    assert enrichment.file(file(process=of)).actor.user == "annabel"
    assert first.user == "dirk"


def test_forgetting_makes_all_actors_anew() -> None:
    """That of sockets without an owner too."""
    found, of = made(shell_and_child()), process()
    first, unowned = found.at(of, 6 * SECOND), found.unowned
    found.forget()
    assert found.at(of, 6 * SECOND) is not first
    assert found.unowned is not unowned
    assert found.unowned == Actor(None)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of processes takes no more room than the limit, and each gets its own actor."""
    monkeypatch.setattr(actors, "MAX_KEPT", 10)
    found = made(Processes())
    for number in range(100):
        assert found.at(process(comm=f"p{number}"), SECOND).proc == f"p{number}"
        assert len(found._known) <= 10


def test_an_object_that_takes_the_place_of_another_is_not_taken_for_it() -> None:
    """Actors are known by the identity of an object, which is kept as long as its actor."""
    found = made(Processes())
    for number in range(1000):
        assert found.at(process(comm=f"p{number}"), SECOND).proc == f"p{number}"


def caller() -> Process:
    """Return a process as the first event of an exec carries it: with the name before."""
    return process(comm="python3")


def test_an_exec_is_what_it_starts() -> None:
    """Program and task name are those after the exec, the parent is that of the process."""
    processes = shell_and_child(execs=1)
    processes.add(seen(ts_ns=5 * SECOND - 1, exe="/usr/bin/python3"))
    processes.add(seen(ts_ns=6 * SECOND, process=process(execs=2), exe="/usr/bin/later"))
    found, of = made(processes), caller()
    actor = found.executed(of, 1, 6 * SECOND)
    assert said(actor) == ("curl", "bash")
    assert actor.process == process(execs=1)
    assert actor.seen is not None
    assert actor.seen.exe == "/usr/bin/curl"
    # other records of the same process object are of the program that called exec
    assert said(found.at(of, 6 * SECOND)) == ("python3", "bash")
    assert said(found.executed(of, 1, 6 * SECOND)) == ("curl", "bash")


def test_an_exec_that_was_not_seen_has_the_name_of_its_task() -> None:
    """A file opened to be executed tells of an exec only if there is a record of it."""
    forked = shell_and_child(ProcessSource.FORK)
    assert said(made(forked).executed(caller(), 1, 6 * SECOND)) == ("bash/python3", "bash")
    unknown = Processes()
    assert said(made(unknown).executed(caller(), 1, 6 * SECOND)) == ("python3", "")
    assert unknown.stats.unknown == 1


def test_an_exec_is_enriched_like_any_other() -> None:
    """Its user is looked up too."""
    asked: list[str] = []
    found = Actors(shell_and_child(execs=1), [lambda actor: asked.append(actor.proc)])
    found.executed(caller(), 1, 6 * SECOND)
    assert asked == ["curl"]


def test_a_program_that_did_not_act_is_not_named() -> None:
    """Without the record of an exec it is not known what acts; once it comes, it is."""
    processes = shell_and_child()
    found = made(processes)
    other = process(execs=1, comm="evil")
    actor = found.at(other, 6 * SECOND)
    assert said(actor) == ("evil", "bash")
    assert actor.incomplete
    assert actor.seen is None
    assert found.at(other, 6 * SECOND).incomplete
    assert (processes.stats.incomplete, processes.stats.unknown) == (2, 0)
    processes.add(
        seen(ts_ns=9 * SECOND, process=other, exe="/tmp/evil", source=ProcessSource.SNAPSHOT)
    )
    assert said(found.at(other, 6 * SECOND)) == ("evil", "bash")
    assert not found.at(other, 6 * SECOND).incomplete
    assert said(found.at(process(), 6 * SECOND)) == ("curl", "bash")


def test_a_record_names_the_program_that_acted() -> None:
    """However much later its record is made, and whatever its process has run since."""
    processes = shell_and_child()
    found, of = made(processes), process()
    processes.add(seen(ts_ns=8 * SECOND, exe="/usr/bin/wget", process=process(execs=1)))
    assert said(found.at(of, 9 * SECOND)) == ("curl", "bash")
    assert said(found.at(process(execs=1), 9 * SECOND)) == ("wget/curl", "bash")
    assert found.at(process(execs=2), 9 * SECOND).incomplete


def test_an_error_costs_one_name_of_each_record() -> None:
    """What other enrichers know is there, and the next record tries again."""
    faults = Faults()
    met: list[str] = []

    def fails_once(actor: Actor) -> None:
        if not met:
            met.append(actor.proc)
            raise ZeroDivisionError
        actor.user = "dirk"

    def knows(actor: Actor) -> None:
        actor.group = "users"

    found, of = Actors(shell_and_child(), [fails_once, knows], faults), process()
    first, second = found.at(of, 6 * SECOND), found.at(of, 6 * SECOND)
    assert [(each.user, each.group) for each in (first, second)] == [
        ("", "users"),
        ("dirk", "users"),
    ]
    assert (faults.names, faults.records) == (1, 0)
    assert found.at(of, 6 * SECOND) is second


def test_an_exec_shares_the_actor_of_what_follows() -> None:
    """Its program, its loader and what it does are of one actor: made once."""
    processes = shell_and_child(execs=1)
    found, of = made(processes), caller()
    actor = found.executed(of, 1, 6 * SECOND)
    assert found.executed(of, 1, 6 * SECOND) is actor
    (image,) = processes.images[of.tgid, of.start_ns]
    assert found.at(image.seen.process, 7 * SECOND) is actor


def test_an_exec_as_another_user_is_of_the_caller() -> None:
    """So is that of a thread, which becomes the first one by it."""
    for ids in ({"uid": 7}, {"gid": 7}, {"tid": 7}):
        found, of = made(shell_and_child(execs=1)), process(comm="python3", **ids)
        actor = found.executed(of, 1, 6 * SECOND)
        assert said(actor) == ("curl", "bash")
        assert actor.process is of


def test_a_child_of_an_unknown_program_is_incomplete_too() -> None:
    """A fork inherits what its parent runs, if that is known."""
    processes = Processes()
    processes.add(seen(ts_ns=3 * SECOND, process=SHELL, exe="/usr/bin/bash"))
    child = process(execs=1)
    processes.add(seen(source=ProcessSource.FORK, process=child, exe=""))
    assert made(processes).at(child, 6 * SECOND).incomplete
