# SPDX-License-Identifier: Apache-2.0
"""Nobody hides others: floods of each table of sockets, beside a victim that has all its records.

Small tables keep it quick, and with the default sizes each flood is as large as those that were
found to hide everybody. What a flood sent is in its records to the byte, however they are folded.
"""

import secrets
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.host import floods, remote
from tests.host.agent import Agent, Record
from tests.host.flooded import (
    IDLE,
    SMALL,
    bounded,
    check_accounts,
    check_victim,
    folded,
    nothing_missed,
    of,
    total,
    victim,
)
from tests.host.link import link
from tests.host.readers import Pipe
from tests.host.running import own_cgroup, running

SENT = len(floods.REQUEST) + len(floods.REPLY)

# name of the flood -> its arguments with small tables and with those of the default size
FLOODS = {
    "pairs": (("processes", "pairs", "2", "300"), ("processes", "pairs", "2", "6000")),
    "ports": (("ports", "700"), ("ports", "20000")),
    "connections": (("connections", "600"), ("connections", "12000")),
    # the last of the small ones, and the spill of owners is full but for a few
    "idle": (("processes", "idle", "2", "150"), ("processes", "idle", "2", "17000")),
}
# the same for many processes, and the protocol of what they use
MANY = {
    "pairs": (("pairs", "40", "20"), None),
    "ports": (("ports", "40", "40"), "UDP"),
    "connections": (("connections", "25", "20", "hold"), "TCP"),
}
STOPPED_SECONDS = 10


@pytest.mark.parametrize("name", FLOODS)
def test_a_local_flood_hides_nobody(name: str) -> None:
    """What a user without privileges opens leaves the records of others as they are."""
    with Agent("-m", "socket", *IDLE) as agent:
        before = victim("default")
        with running(*FLOODS[name][1]) as flood, bounded(agent, name):
            said = flood.said()
            after = victim("default")
        result = agent.stop()
    assert result.exit_code == 0
    check_victim(result.records, before, "default")
    check_victim(result.records, after, "default")
    check_accounts(result.records, result.stderr)
    with nothing_missed(result.records):
        CHECKS[name](result.records, said)


def all_floods(*options: str, stopped: bool = False, stalled: bool = False) -> None:
    """Run all floods under one agent with small tables: those of strangers, too.

    What a user does is in a cgroup of its own.

    Args:
        options: Of the agent.
        stopped: The agent takes nothing meanwhile, for ten seconds at least.
        stalled: Nobody reads what the agent writes meanwhile.
    """
    with (
        link() as net,
        own_cgroup() as prefix,
        ExitStack() as floods_end,
        Pipe() as pipe,
        Agent("-m", "socket", *IDLE, *SMALL, *options, stdout=pipe.writer) as agent,
    ):
        if not stalled:
            pipe.read()
        before = victim("small")
        with bounded(agent, "all floods"):
            if stopped:
                agent.process.send_signal(signal.SIGSTOP)
            end = time.monotonic() + STOPPED_SECONDS
            said: dict[str, Record] = {}
            for name, (arguments, _) in FLOODS.items():
                said[name] = floods_end.enter_context(running(*arguments, prefix=prefix)).said()
            said["forged"] = receive_forged(1000, "127.0.0.1", ())
            for name, (flood, _) in remote.FLOODS.items():
                said[f"remote {name}"] = flood(net, remote.SMALL)
            after = victim("small")
            floods_end.close()
            if stopped:
                time.sleep(max(0, end - time.monotonic()))
            agent.process.send_signal(signal.SIGCONT)
        if stalled:
            assert len(pipe) == 0
            pipe.read()
        result = agent.stop()
        records = pipe.records()
    assert result.exit_code == 0
    check_victim(records, before, "small")
    check_victim(records, after, "small")
    check_accounts(records, result.stderr)
    with nothing_missed(records):
        for name, done in said.items():
            CHECKS[name](records, done)


def test_all_floods_at_once_hide_nobody() -> None:
    """With small tables, and all floods under one agent: for slow machines, too."""
    all_floods()


def test_a_full_ring_hides_nobody() -> None:
    """What a ring of 64 KiB refuses, while nobody takes anything for 10 s, waits in the tables."""
    all_floods("--ring-bytes", "64KiB", stopped=True)


def test_an_output_that_stalls_hides_nobody() -> None:
    """What nobody reads waits behind the tables."""
    all_floods(stalled=True)


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


def assert_members(fold: Record, key: str) -> None:
    """Of peers with one packet each, a fold counts most: a bit of 2,048 for each, by a hash.

    How many are folded depends on how many became idle meanwhile, and gave their place to others.
    """
    count = fold[key]
    assert 0 < min(0.6 * count, 1000) < fold["SockPeersFolded"] <= count


def check_ports(records: list[Record], said: Record) -> None:
    """All datagrams of a socket to many ports are in its records."""
    mine = of(records, [said["pid"]], "UDP")
    (fold,) = folded(mine)
    assert total(mine, "SockTxBytes") == said["size"]
    assert fold["SockRole"] == "CLIENT"
    assert fold["SockTxPackets"] + len(mine) - 1 == said["count"]
    assert_members(fold, "SockTxPackets")


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


@pytest.mark.parametrize("name", MANY)
def test_many_processes_of_one_user_hide_nobody(name: str) -> None:
    """Each process has little: their user has a share, too, of the folds as well."""
    arguments, protocol = MANY[name]
    with Agent("-m", "socket", *IDLE, *SMALL) as agent:
        with running("processes", *arguments) as flood, bounded(agent, f"many {name}"):
            said = flood.said()
            done = victim("small")
        result = agent.stop()
    check_victim(result.records, done, "small")
    check_accounts(result.records, result.stderr)
    pids = [each[who] for each in said["each"] for who in ("pid", "server") if who in each]
    mine = of(result.records, pids, protocol)
    assert len(folded(mine)) > 10
    # more processes than folds: the rest is their user's
    of_user = [each for each in folded(result.records) if "ProcPID" not in each]
    assert len(of_user) == (2 if protocol == "TCP" else 1)  # one for each role
    with nothing_missed(result.records):
        for way, size in ways(name, said).items():
            assert total([*mine, *of_user], f"Sock{way}Bytes") == size


def ways(name: str, said: Record) -> Record:
    """Return what many processes have sent and received."""
    if name == "connections":
        return dict.fromkeys(("Tx", "Rx"), total(said["each"], "count") * SENT)
    size = total(said["each"], "size")
    return {"Tx": size, "Rx": 0 if name == "ports" else size}


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
    assert_members(fold, "SockRxPackets")


CHECKS = {
    "pairs": check_pairs,
    "idle": check_idle,
    "ports": check_ports,
    "connections": check_connections,
    "forged": check_forged,
    **{f"remote {name}": check for name, (_, check) in remote.FLOODS.items()},
}


def flood_from(target: str, prefix: Iterable[str]) -> None:
    """Send as many datagrams as were found to hide everybody, a victim before and after."""
    with Agent("-m", "socket", *IDLE) as agent:
        before = victim("default")
        with bounded(agent, f"forged, to {target}"):
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
