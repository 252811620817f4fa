# SPDX-License-Identifier: Apache-2.0
"""Sockets that several programs use: SockUsers lists each with its bytes, and nobody else.

tests/matrix runs this file too, once for each kernel and attach mode.
"""

import json
import os
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.host import users
from tests.host.agent import ATTACH_MODE, Agent, Record, Result, health_records, parse, part, run
from tests.host.ledger import (
    MOST,
    SECONDS,
    STREAMS,
    UNIX,
    End,
    end_child,
    pair,
    start_child,
    take,
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
ACTIVE = 1.0
Sums = dict[tuple[str, int], tuple[int, int]]


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
        for name in users.WORKLOADS:
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
    rows = json.loads(run("doctor", "--json", *ATTACH_MODE).stdout)["rows"]
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


ALL = [f"older-{kind}" for kind in OLDER] + list(users.WORKLOADS)
# workloads in which nobody but the owner moves bytes; the latter over UNIX sockets alone
ALONE = {"alone", "threads_alone", "only_peek", "accept_in_child"}
FIRST = {"fork_server", "other_user", "grandchild", "passed", "execute", "partly"}


def kind_of(name: str) -> str:
    """Return which sockets a workload has: inet, unix, or those of one process alone."""
    workload, _, rest = name.partition("-")
    is_unix = workload == "destinations" or rest.partition("-")[0] in UNIX
    alone = workload in ALONE or (is_unix and workload in FIRST)
    return "alone" if alone else "unix" if is_unix else "inet"


@proves("socket.use")
@pytest.mark.parametrize("name", [name for name in ALL if kind_of(name) == "inet"])
def test_users(name: str, seen: Seen) -> None:
    """Each image that moved bytes is listed with just these, the owner first."""
    check_users(name, seen)


@proves("unix.send", "unix.receive")
@pytest.mark.parametrize("name", [name for name in ALL if kind_of(name) == "unix"])
def test_users_of_unix(name: str, seen: Seen) -> None:
    """The same over UNIX sockets."""
    check_users(name, seen)


@pytest.mark.parametrize("name", [name for name in ALL if kind_of(name) == "alone"])
def test_an_owner_alone_is_no_user(name: str, seen: Seen) -> None:
    """Where nobody else moved bytes there is no such key."""
    check_users(name, seen)


def check_users(name: str, seen: Seen) -> None:
    """Compare what each record of a workload says of users, the key's absence too."""
    facts = seen.done[name].facts
    known = not facts.get("unordered")
    for end in facts["ends"]:
        found = matching(seen.result.records, end)
        assert len(found) == 1, (end, [part(each, *end["where"], "ProcPID") for each in found])
        (record,) = found
        entries = record.get("SockUsers", [])
        assert in_order(entries, known=known) == in_order(
            wanted(end, by_results=seen.by_results), known=known
        )
        assert ("SockUsers" in record) == bool(entries)


@pytest.mark.parametrize("name", ALL)
def test_users_move_what_the_socket_moved(name: str, seen: Seen) -> None:
    """The bytes of users add up to those of the socket."""
    for end in seen.done[name].facts["ends"]:
        for record in matching(seen.result.records, end):
            sums = record.get("SockTxBytes", 0), record.get("SockRxBytes", 0)
            assert sums == moved(end)
            complete = not seen.by_results or end.get("by_results") is None
            if complete and (entries := record.get("SockUsers")):
                added = [sum(each[f"{way}Bytes"] for each in entries) for way in ("Tx", "Rx")]
                assert tuple(added) == sums


@pytest.mark.parametrize("name", ALL)
def test_the_record_stays_the_owners(name: str, seen: Seen) -> None:
    """Program and process of the record are the owner's, whoever else uses the socket."""
    for end in seen.done[name].facts["ends"]:
        program, pid = end["owner"]
        for record in matching(seen.result.records, end):
            assert (record["Proc"], record["ProcPID"]) == (program or PYTHON, pid)


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
    health = health_records(seen.result.records)[-1]
    words = ("Lost", "Missed", "Failed", "Decode")
    lost = {name: n for name, n in health.items() if n and any(word in name for word in words)}
    assert lost == {}


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


# --- more than a process may have

# more than half of the entries, each with two ends, and fewer than half of the owners
ENTRIES, CONNECTIONS = 32, 13


def test_folded_connections_have_no_users() -> None:
    """Beyond the share of a process they are one record; of the others each has its users."""
    with Agent("-m", "socket", "-t", IDLE, "--sock-entries", str(ENTRIES)) as agent:
        done = end_forked(*start_forked(users.forking_server, CONNECTIONS))
        result = agent.stop()

    mine = [
        each
        for each in result.records
        if (each.get("ProcPID"), each.get("SockRole")) == (done.pid, "SERVER")
    ]
    children = {move[1] for end in done.facts["ends"] for move in end["moves"]}
    folded = [each for each in mine if "FOLDED" in each.get("SockNotes", ())]
    assert folded
    assert not any("SockUsers" in each for each in folded)
    for record in (each for each in mine if each not in folded):
        entries = record["SockUsers"]
        assert {each["ProcPID"] for each in entries if "ProcPID" in each} <= children
        for way in ("Tx", "Rx") if entries else ():
            assert sum(each[f"{way}Bytes"] for each in entries) == record[f"Sock{way}Bytes"]
    assert sum(each["SockTxBytes"] for each in mine) == CONNECTIONS * users.ANSWERED
    assert sum(each["SockRxBytes"] for each in mine) == CONNECTIONS * users.ASKED


# --- a connection that lasts


def shares(records: list[Record]) -> Sums:
    """Return who moved what by records of one socket; without users it is the owner."""
    added: Counter[tuple[str, int, str]] = Counter()
    for record in records:
        owner = {"Proc": record["Proc"], "ProcPID": record["ProcPID"]}
        owner |= {f"{way}Bytes": record.get(f"Sock{way}Bytes", 0) for way in ("Tx", "Rx")}
        for each in record.get("SockUsers", [owner]):
            for way in ("Tx", "Rx"):
                added[each["Proc"], each["ProcPID"], way] += each[f"{way}Bytes"]
    images = {(name, pid) for (name, pid, _), size in added.items() if size}
    return {image: (added[*image, "Tx"], added[*image, "Rx"]) for image in images}


class Lasting:
    """Rounds over one socket under an agent that reports each second, and their records."""

    def __init__(self, agent: Agent, near: End, far: End) -> None:
        self._agent = agent
        self._near, self._far = near, far
        self._taken = 0
        self.rounds: list[list[Record]] = []

    def records(self) -> list[Record]:
        """Return all records of the near end so far."""
        output = os.pread(self._agent._stdout.fileno(), 1 << 24, 0)
        whole = output[: output.rfind(b"\x1e\n") + 2]
        return self.of(parse(whole))

    def of(self, records: list[Record]) -> list[Record]:
        """Return those of the near end: of UNIX sockets both, which are told apart by the sizes."""
        where = self._near.facts["where"]
        return [each for each in records if part(each, *where) == where]

    def end_round(self) -> None:
        """Wait until what was moved is in records, and keep them."""
        sent, received = moved(self._near.facts)
        end = time.monotonic() + SECONDS / 2
        while time.monotonic() < end:
            found = self.records()
            sums = [sum(each.get(f"Sock{way}Bytes", 0) for each in found) for way in ("Tx", "Rx")]
            if sums == [sent, received]:
                self.rounds.append(found[self._taken :])
                self._taken = len(found)
                return
            time.sleep(0.1)
        raise AssertionError(f"no record of the round: {found}")


@pytest.mark.parametrize("kind", ["server", "client", "udp"])
def test_each_record_has_what_happened_since_the_one_before(kind: str) -> None:
    """Of a connection that lasts: owner, child, both, nobody, child; and the sums are exact."""
    with Agent("-m", "socket", "-t", f"{IDLE},{ACTIVE}") as agent:
        with pair(kind) as (near, far):
            child = start_child(lambda: _answer(near, kind))
            lasting = Lasting(agent, near, far)
            _speak(near, far, child, lasting)
            if kind in STREAMS:
                far.channel.shutdown(1)
            end_child(child)
        result = agent.stop()

    owner, user = (PYTHON, os.getpid()), (PYTHON, child)
    wanted_rounds: list[Sums] = [
        {owner: (13, 0)},
        {user: (19, 17)},
        {owner: (23, 0), user: (31, 29)},
        {user: (41, 37)},
    ]
    assert [shares(each) for each in lasting.rounds] == wanted_rounds
    assert [any("SockUsers" in it for it in each) for each in lasting.rounds] == [
        False,
        True,
        True,
        True,
    ]
    everything = lasting.of(result.records)
    assert shares(everything) == {owner: (36, 0), user: (91, 83)}
    assert {each["ProcPID"] for each in everything} == {os.getpid()}
    for record in everything:
        entries = record.get("SockUsers", [])
        assert len(entries) <= 2
        assert all(each["TxBytes"] or each["RxBytes"] for each in entries)
        for way in ("Tx", "Rx") if entries else ():
            assert sum(each[f"{way}Bytes"] for each in entries) == record.get(f"Sock{way}Bytes", 0)


TAKEN, GIVEN = (17, 29, 37), (19, 31, 41)


def _answer(near: End, kind: str) -> None:
    """Answer three times, then wait for the end of the connection."""
    for asked, answered in zip(TAKEN, GIVEN, strict=True):
        take(near.channel, asked)
        assert near.channel.send(bytes(answered)) == answered
    assert kind not in STREAMS or near.channel.recv(1) == b""


def _speak(near: End, far: End, child: int, lasting: Lasting) -> None:
    """Move bytes in four rounds."""
    near.send(13)
    far.take(13)
    lasting.end_round()
    for number, (asked, answered) in enumerate(zip(TAKEN, GIVEN, strict=True)):
        if number == 1:
            near.send(23)
            far.take(23)
        far.send(asked)
        far.take(answered)
        near.note(child, answered, asked)
        lasting.end_round()
