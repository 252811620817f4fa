# SPDX-License-Identifier: Apache-2.0
"""Sockets that several programs use: SockUsers lists each with its bytes, and nobody else.

tests/matrix runs this file too, once for each kernel and attach mode.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.host import users
from tests.host.agent import ATTACH_MODE, Agent, Record, Result, health_records, losses, part, run
from tests.host.ledger import (
    MOST,
    UNIX,
    users_of,
)
from tests.host.one_run import IDLE
from tests.host.operations import end_forked, start_forked
from tests.host.users_calls import PID_BYTES, PREFORK_ASKED
from tests.host.users_programs import BANNER, CAT, SHELL
from tests.host.views import SOCKET_KEY, proves
from tests.host.workloads import Done, Facts

OLDER = ("server", "udp", "udp6")
EXE = Path("/proc/self/exe").resolve().name
TASK = Path("/proc/self/comm").read_text().strip()
# what this test runs, as records name it
PYTHON = EXE if EXE.startswith(TASK) or TASK.startswith(EXE) else f"{EXE}/{TASK}"


class Seen(NamedTuple):
    """What one agent saw of all workloads, and the recording of its run."""

    result: Result
    done: dict[str, Done]
    tape: Path
    by_results: bool


def programs(folder: Path) -> Path:
    """Put programs with names of their own into a folder."""
    for name, program in ((CAT, "cat"), (SHELL, "dash")):
        shutil.copy(shutil.which(program) or program, folder / name)
    return folder


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Run every workload once under one agent."""
    folder = programs(tmp_path_factory.mktemp("users").resolve())
    done: dict[str, Done] = {}
    made, begin = os.pipe(), os.pipe()
    older = {f"older-{kind}": start_forked(users.older, kind, made[1], begin[0]) for kind in OLDER}
    assert sum(len(os.read(made[0], 1)) for _ in OLDER) == len(OLDER)
    with Agent("-m", "socket", "-t", IDLE, "--record", str(folder / "tape")) as agent:
        os.write(begin[1], b"b" * len(OLDER))
        for name, (pid, facts) in older.items():
            done[name] = end_forked(pid, facts)
        for name in CHOSEN:
            done[name] = end_forked(*users.start(name, folder))
        result = agent.stop()
    for descriptor in (*made, *begin):
        os.close(descriptor)
    return Seen(result, done, folder / "tape", by_results())


def matching(records: list[Record], end: Facts) -> list[Record]:
    """Return the records of a socket: one of UNIX is known by its owner and by what it moved."""
    where = end["where"]
    found = [each for each in records if part(each, *where) == where]
    if "SockProtocol" in where:
        return found
    known = (end["owner"][1], *moved(end))
    names = "ProcPID", "SockTxBytes", "SockRxBytes"
    return [each for each in found if tuple(each.get(name, 0) for name in names) == known]


def moved(end: Facts) -> tuple[int, int]:
    """Return what all images together sent and received."""
    return sum(move[2] for move in end["moves"]), sum(move[3] for move in end["moves"])


def by_results() -> bool:
    """Say whether the agent has nothing but the results of system calls to tell users."""
    if ATTACH_MODE:
        return ATTACH_MODE == ["--attach=tracepoint"]
    rows = json.loads(run("doctor", "--json", timeout=300).stdout)["rows"]
    return any(row["event"] == "socket.use" and row["attach_mode"] == "tracepoint" for row in rows)


def wanted(end: Facts, *, by_results: bool) -> list[Record]:
    """Return what SockUsers must be; empty: there is no such key."""
    program, pid = end["owner"]
    if by_results and end.get("by_results") is not None:
        return [({"Proc": PYTHON} if "ProcPID" in it else {}) | it for it in end["by_results"]]
    moves = [(name, number, sent, received) for name, number, sent, received in end["moves"]]
    return users_of(moves, (program, pid), PYTHON)


def in_order(found: list[Record], *, known: bool) -> list[Record]:
    """Return users as they are compared, by process if their order is not known."""
    return found if known else found[:1] + sorted(found[1:], key=lambda it: it.get("ProcPID", 0))


CHOSEN = users.FEW if os.environ.get("KFLOWD_TEST_MACHINE") else users.WORKLOADS
ALL = [f"older-{kind}" for kind in OLDER] + list(CHOSEN)
# workloads in which nobody but the owner moves bytes; the latter over UNIX sockets alone
ALONE = {"alone", "threads_alone", "only_peek", "accept_in_child"}
FIRST = {"fork_server", "other_user", "grandchild", "passed", "execute", "partly"}


def kind_of(name: str) -> str:
    """Return which sockets a workload has: inet, unix, or those of one process alone."""
    workload, _, rest = name.partition("-")
    is_unix = workload == "destinations" or rest.partition("-")[0] in UNIX
    alone = workload in ALONE or (is_unix and workload in FIRST)
    return "alone" if alone else "unix" if is_unix else "inet"


def failures(check: Callable[[str, Seen], None], names: Iterable[str], seen: Seen) -> Facts:
    """Return what a check says of the workloads that do not hold; a test of each takes too long."""
    said = {}
    for name in names:
        try:
            check(name, seen)
        except AssertionError as error:
            said[name] = str(error)
    return said


@proves("socket.use")
def test_users(seen: Seen) -> None:
    """Each image that moved bytes is listed with just these, the owner first."""
    assert failures(check_users, [name for name in ALL if kind_of(name) == "inet"], seen) == {}


@proves("unix.send", "unix.receive")
def test_users_of_unix(seen: Seen) -> None:
    """The same over UNIX sockets."""
    assert failures(check_users, [name for name in ALL if kind_of(name) == "unix"], seen) == {}


def test_an_owner_alone_is_no_user(seen: Seen) -> None:
    """Where nobody else moved bytes there is no such key."""
    assert failures(check_users, [name for name in ALL if kind_of(name) == "alone"], seen) == {}


def check_users(name: str, seen: Seen) -> None:
    """Compare what each record of a workload says of users, the key's absence too."""
    facts = seen.done[name].facts
    known = not facts.get("unordered")
    for end in facts["ends"]:
        found = matching(seen.result.records, end)
        assert len(found) == 1, (end, [part(each, *end["where"], "ProcPID") for each in found])
        (record,) = found
        entries = record.get("SockUsers", [])
        expected = wanted(end, by_results=seen.by_results)
        assert in_order(entries, known=known) == in_order(expected, known=known), (end, entries)
        assert ("SockUsers" in record) == bool(entries)


def test_users_move_what_the_socket_moved(seen: Seen) -> None:
    """The bytes of users add up to those of the socket."""
    assert failures(check_sums, ALL, seen) == {}


def check_sums(name: str, seen: Seen) -> None:
    """Compare the sums of users with those of their socket, and both with what was moved."""
    for end in seen.done[name].facts["ends"]:
        for record in matching(seen.result.records, end):
            sums = record.get("SockTxBytes", 0), record.get("SockRxBytes", 0)
            assert sums == moved(end), (end, sums)
            complete = not seen.by_results or end.get("by_results") is None
            if complete and (entries := record.get("SockUsers")):
                added = [sum(each[f"{way}Bytes"] for each in entries) for way in ("Tx", "Rx")]
                assert tuple(added) == sums, (end, entries)


def test_the_record_stays_the_owners(seen: Seen) -> None:
    """Program and process of the record are the owner's, whoever else uses the socket."""
    assert failures(check_owner, ALL, seen) == {}


def check_owner(name: str, seen: Seen) -> None:
    """Compare who the records of a workload belong to."""
    for end in seen.done[name].facts["ends"]:
        program, pid = end["owner"]
        for record in matching(seen.result.records, end):
            said = record["Proc"], record["ProcPID"]
            assert said == (program or PYTHON, pid), (end, said)


@proves("socket.use")
def test_order_is_that_of_first_use(seen: Seen) -> None:
    """The same as above, in plain numbers: who accepted, then the children in their order."""
    done = seen.done["in_turns-server"]
    (record,) = matching(seen.result.records, done.facts["ends"][0])
    first, second = (move[1] for move in done.facts["ends"][0]["moves"][1:3])
    assert record["SockUsers"] == [
        {"Proc": PYTHON, "ProcPID": done.pid, "TxBytes": 17, "RxBytes": 43},
        {"Proc": PYTHON, "ProcPID": first, "TxBytes": 29, "RxBytes": 23},
        {"Proc": PYTHON, "ProcPID": second, "TxBytes": 37, "RxBytes": 31},
    ]
    assert [list(each) for each in record["SockUsers"]] == [
        ["Proc", "ProcPID", "TxBytes", "RxBytes"]
    ] * 3


@proves("socket.use")
def test_what_exceeds_the_bound_is_one_entry_of_sums(seen: Seen) -> None:
    """Of 17 processes at one UDP socket eight have an entry; the last one adds up nine."""
    (record,) = matching(seen.result.records, seen.done["prefork-1"].facts["ends"][0])
    *named, sums = record["SockUsers"]
    assert len(named) == MOST
    assert list(sums.items()) == [("TxBytes", 9 * PID_BYTES), ("RxBytes", 9 * PREFORK_ASKED)]


@proves("socket.use")
def test_an_exec_is_another_image(seen: Seen) -> None:
    """Who connected, spoke and became another program is there twice with one pid."""
    done = seen.done[f"execute_owner-{BANNER}"]
    (record,) = matching(seen.result.records, done.facts["ends"][1])
    assert [(each["Proc"], each["ProcPID"]) for each in record["SockUsers"]] == [
        (PYTHON, record["ProcPID"]),
        (CAT, record["ProcPID"]),
    ]


@proves("socket.use")
def test_nobody_else_is_a_user(seen: Seen) -> None:
    """No other record of these processes has users, and none names one of them."""
    ends = [end for done in seen.done.values() for end in done.facts["ends"]]
    pids = {pid for end in ends for pid in (end["owner"][1], *(move[1] for move in end["moves"]))}
    expected = {
        record["InfoSequenceNumber"]
        for end in ends
        if wanted(end, by_results=seen.by_results)
        for record in matching(seen.result.records, end)
    }
    others = [
        part(each, "Proc", "ProcPID", "SockUsers", *SOCKET_KEY)
        for each in seen.result.records
        if "SockUsers" in each
        and each["InfoSequenceNumber"] not in expected
        and pids & {each.get("ProcPID"), *(it.get("ProcPID") for it in each["SockUsers"])}
    ]
    assert others == []


def test_nothing_was_lost(seen: Seen) -> None:
    """No loss is counted. Alone in its test: on a preempted kernel this may be all that fails."""
    assert losses(seen.result.records) == {}


def test_what_was_seen_is_reported(seen: Seen) -> None:
    """The run ends well, and each socket that was seen is in a record."""
    assert seen.result.exit_code == 0
    assert "Traceback" not in seen.result.stderr
    health = health_records(seen.result.records)[-1]
    assert health["HealthSockCreated"] == health["HealthSockReported"]
    assert health["HealthUnixCreated"] == health["HealthUnixReported"]


def test_a_replay_has_the_same_users(seen: Seen) -> None:
    """A recording says who used a socket, but not by --strict: the key goes beyond the contract."""
    replayed = run("replay", "-o", "json-min", str(seen.tape))
    assert replayed.stdout.encode() == seen.result.stdout
    assert "SockUsers" in replayed.stdout
    assert "SockUsers" not in run("replay", "-o", "json-min", "--strict", str(seen.tape)).stdout
