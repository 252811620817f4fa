# SPDX-License-Identifier: Apache-2.0
"""Nobody hides others: floods of each table of sockets, beside a victim that has all its records.

Small tables keep it quick, and with the default sizes each flood is as large as those that were
found to hide everybody. What a flood sent is in its records to the byte, however they are folded.
"""

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.host import floods
from tests.host.agent import AS_NOBODY, Agent, Record, socket_records

SMALL = ("--sock-entries", "512", "--unix-entries", "512")
# longer than a slow machine takes: nothing is cut in two because nobody used it
IDLE = ("-t", "600")
# few enough for the processes that the reserve of a small table is for
VICTIM = {"small": (3, 3, 2), "default": (200, 100, 50)}
SENT = len(floods.REQUEST) + len(floods.REPLY)

# name of the flood -> its arguments with small tables and with those of the default size
FLOODS = {
    "pairs": (("processes", "pairs", "2", "300"), ("processes", "pairs", "2", "6000")),
    "ports": (("ports", "700"), ("ports", "20000")),
    "connections": (("connections", "600"), ("connections", "12000")),
    # the last of the small ones, and the spill of owners is full but for a few
    "idle": (("processes", "idle", "2", "150"), ("processes", "idle", "2", "17000")),
}


class Running:
    """A workload that runs until it is told to end."""

    def __init__(self, *arguments: str, prefix: Iterable[str] = AS_NOBODY) -> None:
        command = [*prefix, sys.executable, "-I", "-S", floods.__file__, *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def said(self) -> dict[str, Any]:
        """Return what it tells next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the workload failed"
        return dict(json.loads(line))

    def go_on(self) -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Let it end, and wait."""
        self._process.communicate(timeout=120)
        assert self._process.returncode == 0


@contextmanager
def running(*arguments: str, prefix: Iterable[str] = AS_NOBODY) -> Iterator[Running]:
    """A workload; it is told to end when the block does."""
    it = Running(*arguments, prefix=prefix)
    try:
        yield it
    finally:
        it.end()


def victim(size: str) -> Record:
    """Run the victim, as root, and return what it did."""
    with running("victim", *map(str, VICTIM[size]), prefix=()) as it:
        return it.said()


def check_victim(records: list[Record], done: Record, size: str) -> None:
    """Each connection, peer and stream of the victim has a record of its own, and is exact."""
    connections, peers, pairs = VICTIM[size]
    mine = socket_records(records, done["pid"])
    assert not [each for each in mine if "SockNotes" in each]
    tcp = [each for each in mine if each.get("SockProtocol") == "TCP"]
    assert len(tcp) == 2 * connections
    clients = [each for each in tcp if each["SockRole"] == "CLIENT"]
    assert sorted(each["SockLocalPort"] for each in clients) == sorted(done["tcp"])
    assert {(each["SockTxBytes"], each["SockRxBytes"]) for each in clients} == {
        (len(floods.REQUEST), len(floods.REPLY))
    }
    sent = [each for each in mine if each.get("SockProtocol") == "UDP" and "SockTxBytes" in each]
    assert sorted(each["SockLocalPort"] for each in sent) == sorted(done["udp"])
    received = [each for each in mine if each.get("SockProtocol") == "UDP" and each not in sent]
    assert sorted(each["SockRemotePort"] for each in received) == sorted(done["udp"])
    assert len([each for each in mine if each["SockFamily"] == "AF_UNIX"]) == 2 * pairs
    assert len(sent) == peers


def check_accounts(records: list[Record], stderr: str) -> None:
    """Seen is reported and lost, and nothing is lost."""
    health = records[-1]
    for kind in ("Sock", "Unix"):
        lost = health[f"Health{kind}LostMap"]
        assert health[f"Health{kind}Created"] == health[f"Health{kind}Reported"] + lost
        assert lost == 0
    assert ": 0 seen" not in stderr.partition("sockets")[2].partition("\n")[0]


@contextmanager
def nothing_missed(records: list[Record]) -> Iterator[None]:
    """Of counts that are exact: say with a failure that the kernel skipped program runs, if it did.

    A preempted kernel skips a program that runs on the same processor already (kernel:
    bpf_prog_enter), so that a message is in no table; the agent's last record says how often.
    It is a failure all the same: such a run proves nothing, and the matrix repeats it.
    """
    try:
        yield
    except AssertionError as error:
        if runs := records[-1].get("HealthMissedRuns", 0):
            error.add_note(f"'HealthMissedRuns': {runs}")
        raise


def of(records: list[Record], pids: Iterable[int], protocol: str | None) -> list[Record]:
    """Return the records of processes with a protocol; None: UNIX."""
    found = [each for pid in pids for each in socket_records(records, pid)]
    return [each for each in found if each.get("SockProtocol") == protocol]


def folded(records: list[Record]) -> list[Record]:
    """Return those that are folded: without a remote end, and with a number of members."""
    found = [each for each in records if "FOLDED" in each.get("SockNotes", ())]
    for each in found:
        assert not {"SockRemoteIP", "SockRemotePort"} & set(each)
        assert {"SockPeersFolded", "SockSocketsFolded"} & set(each)
    return found


def total(records: list[Record], key: str) -> int:
    """Return the sum of a key."""
    return sum(each.get(key, 0) for each in records)


@pytest.mark.parametrize("name", FLOODS)
def test_a_local_flood_hides_nobody(name: str) -> None:
    """What a user without privileges opens leaves the records of others as they are."""
    with Agent("-m", "socket", *IDLE) as agent:
        before = victim("default")
        with running(*FLOODS[name][1]) as flood:
            said = flood.said()
            after = victim("default")
        result = agent.stop()
    assert result.exit_code == 0
    check_victim(result.records, before, "default")
    check_victim(result.records, after, "default")
    check_accounts(result.records, result.stderr)
    with nothing_missed(result.records):
        CHECKS[name](result.records, said)


def all_floods(*options: str, stopped: bool = False) -> None:
    """Run all floods of a user under one agent with small tables.

    Args:
        options: Of the agent.
        stopped: The agent takes nothing meanwhile.
    """
    with ExitStack() as floods_end, Agent("-m", "socket", *IDLE, *SMALL, *options) as agent:
        before = victim("small")
        if stopped:
            agent.process.send_signal(signal.SIGSTOP)
        said: dict[str, Record] = {}
        for name, (arguments, _) in FLOODS.items():
            said[name] = floods_end.enter_context(running(*arguments)).said()
        said["forged"] = receive_forged(1000, "127.0.0.1", ())
        after = victim("small")
        floods_end.close()
        agent.process.send_signal(signal.SIGCONT)
        result = agent.stop()
    assert result.exit_code == 0
    check_victim(result.records, before, "small")
    check_victim(result.records, after, "small")
    check_accounts(result.records, result.stderr)
    with nothing_missed(result.records):
        for name, done in said.items():
            CHECKS[name](result.records, done)


def test_all_floods_at_once_hide_nobody() -> None:
    """With small tables, and all of a user's floods under one agent: for slow machines, too."""
    all_floods()


def test_a_full_ring_hides_nobody() -> None:
    """What the smallest ring refuses, while nobody takes anything, waits in the tables."""
    all_floods("--ring-bytes", "65536", stopped=True)


def check_pairs(records: list[Record], said: Record) -> None:
    """All messages of all socket pairs are in the records of their process."""
    for each in said["each"]:
        mine = of(records, [each["pid"]], None)
        assert len(folded(mine)) == 1
        assert total(mine, "SockTxBytes") == total(mine, "SockRxBytes") == each["size"]
        assert total(mine, "SockTxMessages") == total(mine, "SockRxMessages") == each["messages"]


def check_idle(records: list[Record], said: Record) -> None:
    """What is sent by the last of many idle sockets has its process all the same."""
    for pid in said["pids"]:
        (sent,) = (each for each in of(records, [pid], "UDP") if "SockTxBytes" in each)
        assert sent["SockTxBytes"] == len(floods.DATAGRAM)


def check_ports(records: list[Record], said: Record) -> None:
    """All datagrams of a socket to many ports are in its records."""
    mine = of(records, [said["pid"]], "UDP")
    (fold,) = folded(mine)
    assert total(mine, "SockTxBytes") == said["size"]
    assert fold["SockRole"] == "CLIENT"
    assert fold["SockTxPackets"] >= fold["SockPeersFolded"] > 100


def check_connections(records: list[Record], said: Record) -> None:
    """All connections, and all bytes of them, are in the records of client and server."""
    count = total([said], "count")
    for pid, role, key in (
        (said["pid"], "CLIENT", "SockTxBytes"),
        (said["server"], "SERVER", "SockRxBytes"),
    ):
        mine = of(records, [pid], "TCP")
        (fold,) = folded(mine)
        assert fold["SockRole"] == role
        assert len(mine) - 1 + fold["SockSocketsFolded"] == count
        assert total(mine, key) == count * len(floods.REQUEST)
        assert total(mine, "SockTxBytes") + total(mine, "SockRxBytes") == count * SENT
        flags = fold["SockTxFlags"] if role == "CLIENT" else fold["SockRxFlags"]
        assert flags["SYN"] == fold["SockSocketsFolded"]
    assert fold["SockLocalPort"] == said["port"]


def test_many_processes_of_one_user_hide_nobody() -> None:
    """Each process has little: their user has a share, too, of the folds as well."""
    with Agent("-m", "socket", *IDLE, *SMALL) as agent:
        with running("processes", "pairs", "40", "20") as flood:
            said = flood.said()
            done = victim("small")
        result = agent.stop()
    check_victim(result.records, done, "small")
    check_accounts(result.records, result.stderr)
    mine = of(result.records, said["pids"], None)
    assert len(folded(mine)) > 10
    # more processes than folds: the rest is their user's
    of_user = [each for each in folded(result.records) if "ProcPID" not in each]
    assert len(of_user) == 1
    size = sum(each["size"] for each in said["each"])
    with nothing_missed(result.records):
        assert total([*mine, *of_user], "SockTxBytes") == size
        assert total([*mine, *of_user], "SockRxBytes") == size


def test_a_flooded_listener_leaves_owners_to_others() -> None:
    """Children of one listener of root's, all folded, are more than the spill of owners holds."""
    with Agent("-m", "socket", *IDLE, *SMALL) as agent:
        with running("accepted", "1400", prefix=()) as flood:
            flood.said()
            with running("processes", "idle", "1", "600") as late:
                said = late.said()
        result = agent.stop()
    check_accounts(result.records, result.stderr)
    with nothing_missed(result.records):
        check_idle(result.records, said)


def test_owners_of_many_processes_are_kept() -> None:
    """Each has few sockets and all together more than the table of owners has room for."""
    with Agent("-m", "socket", *IDLE, *SMALL) as agent:
        with running("processes", "idle", "80", "16", prefix=()) as flood:
            said = flood.said()
        result = agent.stop()
    check_accounts(result.records, result.stderr)
    with nothing_missed(result.records):
        check_idle(result.records, said)


def test_shares_are_given_back() -> None:
    """Who has closed its sockets may have as many again, and each has a record of its own."""
    own = []
    with Agent("-m", "socket", *IDLE, *SMALL) as agent:
        pids = []
        for _ in range(3):
            with running("pairs", "300") as flood:
                pids.append(flood.said()["pid"])
            time.sleep(2.5)  # the sweep has taken what the end of the process left
        result = agent.stop()
    for pid in pids:
        mine = of(result.records, [pid], None)
        assert len(folded(mine)) == 1
        own.append(len(mine) - 1)
    assert own == [256] * 3


@contextmanager
def namespace() -> Iterator[tuple[str, str]]:
    """A network namespace beside ours: its name, and our address on the way to it."""
    name = f"kf{secrets.token_hex(4)}"
    ours, theirs = f"{name}a", f"{name}b"
    setup = [
        ["ip", "netns", "add", name],
        ["ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name],
        ["ip", "address", "add", "198.18.77.1/30", "dev", ours],
        ["ip", "link", "set", ours, "up"],
        ["ip", "route", "add", "10.64.0.0/10", "dev", ours],
        ["ip", "-n", name, "address", "add", "198.18.77.2/30", "dev", theirs],
        ["ip", "-n", name, "link", "set", theirs, "up"],
    ]
    try:
        for command in setup:
            subprocess.run(command, check=True, capture_output=True)
        yield name, "198.18.77.1"
    finally:
        for command in (["ip", "link", "delete", ours], ["ip", "netns", "delete", name]):
            subprocess.run(command, check=False, capture_output=True)


def receive_forged(count: int, target: str, prefix: Iterable[str]) -> Record:
    """Send datagrams from forged sources to a socket of nobody's."""
    with running("datagrams", "0") as receiver:
        said = receiver.said()
        sender = ("forged", target, str(said["port"]), str(count), str(count))
        with running(*sender, prefix=prefix) as flood:
            sent = flood.said()
        receiver.go_on()
        return said | {"sent": sent, "got": receiver.said()}


def check_forged(records: list[Record], said: Record) -> None:
    """Each datagram is in a record of the socket: kept or dropped."""
    mine = of(records, [said["pid"]], "UDP")
    (fold,) = folded(mine)
    sent, got = said["sent"], said["got"]
    assert (total(mine, "SockRxPackets"), total(mine, "SockRxBytes")) == (
        sent["count"],
        sent["size"],
    )
    assert total(mine, "SockRxPacketsDrop") == sent["count"] - got["count"]
    assert fold["SockRole"] == "SERVER"
    assert fold["SockLocalPort"] == said["port"]
    assert 100 < fold["SockPeersFolded"] <= fold["SockRxPackets"]


CHECKS = {
    "pairs": check_pairs,
    "idle": check_idle,
    "ports": check_ports,
    "connections": check_connections,
    "forged": check_forged,
}


def flood_from(target: str, prefix: Iterable[str]) -> None:
    """Send as many datagrams as were found to hide everybody, a victim before and after."""
    with Agent("-m", "socket", *IDLE) as agent:
        before = victim("default")
        said = receive_forged(20000, target, prefix)
        after = victim("default")
        result = agent.stop()
    check_victim(result.records, before, "default")
    check_victim(result.records, after, "default")
    check_accounts(result.records, result.stderr)
    check_forged(result.records, said)


def test_forged_sources_hide_nobody() -> None:
    """20,000 datagrams with other sources to one open port leave all others as they are."""
    flood_from("127.0.0.1", ())


def test_a_remote_sender_hides_nobody() -> None:
    """The same from another host, which here is a namespace behind a veth."""
    with namespace() as (name, target):
        flood_from(target, ("ip", "netns", "exec", name))
