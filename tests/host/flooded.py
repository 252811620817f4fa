# SPDX-License-Identifier: Apache-2.0
"""What all floods of sockets have in common: a victim, its records, and what must add up."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.host import floods
from tests.host.agent import Agent, Record, socket_records
from tests.host.running import running

# longer than a slow machine takes: nothing is cut in two because nobody used it
IDLE = ("-t", "600")
SMALL = ("--sock-entries", "512", "--unix-entries", "512")
# few enough for the processes that the reserve of a small table is for
VICTIM = {"small": (3, 3, 2), "default": (200, 100, 50)}
MIB = 1 << 20


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


@contextmanager
def bounded(agent: Agent, what: str) -> Iterator[None]:
    """Print what a flood costs the agent: time, and the kernel's memory, which does not grow."""
    cpu, maps = agent.cpu_seconds(), agent.map_bytes()
    yield
    spent, now = agent.cpu_seconds() - cpu, agent.map_bytes()
    print(f"{what}: CPU {spent:.2f} s, maps {maps / MIB:.1f} MiB, then {now / MIB:.1f} MiB")
    assert now == maps
