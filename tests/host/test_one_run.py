# SPDX-License-Identifier: Apache-2.0
"""All workloads under one agent, by event class: the ground truth of the kernel matrix.

tests/matrix runs this file in virtual machines, once for each kernel and attach mode;
KFLOWD_TEST_ATTACH_MODE names the latter. A test says by `event_class` or `proves` which classes it
proves.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host import connections, directories, fragments, lives, older, unix_sockets, whole
from tests.host.agent import (
    Record,
    file_records,
    health_records,
    losses,
    part,
    process_records,
    socket_records,
)
from tests.host.case import Case
from tests.host.cases import CASES, SHARING, proofs
from tests.host.flows import flow_id, wrong_ids
from tests.host.mapped_files import BY_CHILD
from tests.host.one_run import (
    ATTACH_MODE,
    DROP_BYTES,
    DROPS,
    Run,
    destinations,
    rename_places,
    run_all,
)
from tests.host.operations import BATCH, BATCH_BYTES
from tests.host.renames import UNSURE
from tests.host.unopened import sharing_volume
from tests.host.views import by_file, by_path, events_of, one_socket, proves
from tests.host.workloads import REPLY, REQUEST, ROUNDS, Facts

ASKED, ANSWERED = ROUNDS * len(REQUEST), ROUNDS * len(REPLY)
# how many calls of a case fail
FAILED = {
    "missing": 5,
    "denied": 7,
    "denied_chmod": 1,
    "failed_closes": 3,
    "failed_exec": 1,
    "xattrs": 3,
    "fxattrs": 2,
    "acls": 2,
    "flags": 1,
    "mknod": 3,
    "splice": 5,
    "ring": 3,
    "aio": 10,
    "aio-tmpfs": 10,
    "aio-straight": 1,
    "aio-compat": 1,
    f"clone-{SHARING}": 3,
    "not_mapped": 7,
}
ADDRESSES = {"inet": "127.0.0.1", "inet6": "::1", "dual": "127.0.0.1", "reset": "127.0.0.1"}


def tcp_id(name: str, facts: Facts) -> str:
    """Return the ID of a connection: one for both of its ends."""
    address = ADDRESSES[name]
    return flow_id("TCP", (address, facts["client_port"]), (address, facts["server_port"]))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run every workload once under one agent."""
    base = tmp_path_factory.mktemp("one-run").resolve()
    with sharing_volume(base / SHARING):
        yield run_all(base)


@pytest.mark.parametrize(
    ("case", "event_class"), list(proofs()), ids=lambda it: it.name if isinstance(it, Case) else it
)
def test_file_events(case: Case, event_class: str, run: Run) -> None:
    """The events of a class are exactly those that happened."""
    found = {path: events_of(records) for path, records in by_file(run, case).items()}
    real, *expected = (
        {
            path: {event: n for event, n in counts.items() if case.class_of(event) == event_class}
            for path, counts in events.items()
        }
        for events in (found, *whole.seen(case))
    )
    assert real in expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_else_is_claimed(case: Case, run: Run) -> None:
    """No other file, event or process appears in the folder of a case; files keep their order."""
    records = by_file(run, case)
    assert list(records) == [path for path in case.events if path in records]
    for path, found in records.items():
        assert set(events_of(found)) <= {*case.events[path], *case.untold}
    facts = run.done[case.name].facts
    pids = {each["ProcPID"] for found in records.values() for each in found}
    assert pids <= {run.done[case.name].pid, facts.get("child")}
    assert facts.get("failed", 0) == FAILED.get(case.name, 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_records_are_whole(case: Case, run: Run) -> None:
    """A record has all keys in their order, the right values, and nothing that was not so."""
    for path, found in by_file(run, case).items():
        real, wanted = whole.claimed(found[-1]), whole.expected(run, case, path, found)
        assert whole.differences(real, wanted) == {}
        assert list(real) == list(wanted)
        assert whole.of_one_file(found)


@proves("file.rename", "file.unlink")
@pytest.mark.parametrize("place", range(3), ids=("usual", "sharing", "tmpfs"))
def test_renames_of_two_files(place: int, run: Run) -> None:
    """Both files of an exchange have their names, what is replaced is gone, and no more is told.

    The tracepoint mode may know neither the inode nor the second file, and what changes nothing.
    """
    name, where = list(rename_places(run.base).items())[place]
    facts = run.done[name].facts
    found = [
        each
        for each in file_records(run.result.records, where / name)
        if each["ProcPID"] == run.done[name].pid
    ]
    traced = whole.MAY_TRACE and any("NO_INODE" in each.get("FileNotes", ()) for each in found)
    keys = ("FileEvents", "FileInode", "FileInodeLinkCount", "FileSize")
    real = [
        [each["File"], each.get("FileOrigin", ""), *(each.get(key) for key in keys)]
        for each in found
    ]
    if traced:
        told = [it[:3] for it in real if it[1] not in UNSURE]
        names = [it[:3] for it in facts["expected"]]
        assert [it for it in told if it not in names] == []
        sure = [it for it in names if "MOVED_TO" in it[2] and not it[0].startswith("swap")]
        assert [it for it in sure if it not in told] == []
        real = [it for it in real if it[3] is not None]
        assert [it for it in real if it not in facts["expected"]] == []
    else:
        assert sorted(real, key=str) == sorted(facts["expected"], key=str)
    assert facts["failed"] == 2


@proves("file.tmpfile", "file.link")
def test_files_without_a_name(run: Run) -> None:
    """O_TMPFILE makes a file, a link of it gives it a name, and nothing else is claimed."""
    done, folder = run.done["tmpfiles"], run.base / "tmpfiles"
    assert done.facts["failed"] == 2
    first, second = (f"#{inode} (deleted)" for inode in done.facts["inodes"])
    found: dict[str, list[Record]] = {}
    for record in file_records(run.result.records, folder):
        assert (record["FilePath"], record["ProcPID"]) == (f"{folder}/", done.pid)
        found.setdefault(record["File"], []).append(record)
    assert {name: events_of(records) for name, records in found.items()} == {
        first: {"CREATE": 1, "OPEN": 2, "MODIFY": 3, "CLOSE_WRITE": 1},
        second: {"CREATE": 1, "OPEN": 1, "MODIFY": 6, "CLOSE_WRITE": 1},
        "linked": {"CREATE": 1},
    }
    inodes = [{each["FileInode"] for each in found[name]} for name in (first, second, "linked")]
    assert inodes == [{done.facts["inodes"][place]} for place in (0, 1, 1)]
    assert found[first][-1]["FileSize"] == found[first][-1]["FileSizeChange"] == 3 * 7
    assert found[second][-1]["FileSize"] == 5 * 11 + 13


@proves("file.mapped")
def test_memory_with_and_without_a_file(run: Run) -> None:
    """A store to a memfd that was read is told by a note alone; shared memory is no file."""
    mine = run.done["memfds"].pid
    files = [each for each in run.result.records if each["InfoMonitor"] == "filesystem"]
    records = [each for each in files if each["ProcPID"] == mine]
    found = {each["File"]: (each["FileEvents"], each["FileNotes"]) for each in records}
    name = f"memfd:kf-{os.getpid()}"
    changed = {"OPEN": 1, "MODIFY": 1, "CLOSE_WRITE": 1}
    nameless = ["DELETED", "UNREACHABLE"]
    noted = [*nameless, "MAPPED_WRITABLE"]
    stored = (changed | {"MODIFY": 2}, nameless)
    traced = (changed, noted)
    unread = {"": (stored, traced), "tracepoint": (traced,)}.get(ATTACH_MODE, (stored,))
    assert found.pop(f"{name}-unread (deleted)") in unread
    assert found == {f"{name}-read (deleted)": (changed, noted)}
    assert len(records) == 2


@proves("file.mapped")
def test_a_mapping_is_noted_without_any_event(run: Run) -> None:
    """Who maps a file that its parent has opened may have changed it: that is a record."""
    records = file_records(run.result.records, run.folders[BY_CHILD])
    done = run.done[BY_CHILD]
    found = {each["ProcPID"]: each for each in records}
    assert set(found) == {done.pid, done.facts["child"]}
    assert len(records) == 2
    mapped = found[done.facts["child"]]
    assert (mapped["FileEvents"], mapped["FileEventCount"]) == ({}, 0)
    assert mapped["FileNotes"] == ["STALE", "MAPPED_WRITABLE"]
    assert "FileNotes" not in found[done.pid]


@proves("file.mapped")
def test_stores_on_an_overlay(run: Run) -> None:
    """A store to a file of an overlayfs is told by a note alone, and nothing by its layers."""
    merged = run.base / "overlaid" / "merged"
    (record,) = (each for each in run.result.records if each.get("FilePath") == f"{merged}/")
    assert (record["File"], record["ProcPID"]) == ("m", run.done["overlaid"].pid)
    assert record["FileEvents"] == {"OPEN": 1, "CLOSE_WRITE": 1}
    # the types of a module that has just come are not read yet
    notes = [each for each in record["FileNotes"] if each != "DEVICE_OF_MOUNT"]
    assert notes == ["MAPPED_WRITABLE"]
    layers = [each for each in file_records(run.result.records, merged.parent) if each != record]
    assert [each for each in layers if each["File"] == "m"] == []


@proves("process.exec")
def test_program(run: Run) -> None:
    """A program that was started has its own name, path and arguments."""
    program = run.folders["execute"] / "kf-program"
    (record,) = file_records(run.result.records, program.parent)
    expected: Record = {
        "Proc": "kf-program",
        "ProcPPID": run.done["execute"].pid,
        "ProcPID": run.done["execute"].facts["child"],
        "ProcExe": str(program),
    }
    assert part(record, *expected) == expected


@proves("process.exec")
def test_arguments(run: Run) -> None:
    """A program that was started has its arguments."""
    program = run.folders["execute"] / "kf-program"
    (record,) = file_records(run.result.records, program.parent)
    assert record["ProcArgs"] == [str(program), "first", "second argument"]


@proves("process.fork")
def test_forked_process(run: Run) -> None:
    """A process that was forked and did not exec has its parent's program."""
    (record,) = file_records(run.result.records, run.folders["fork"])
    expected: Record = {
        "ProcPPID": run.done["fork"].pid,
        "ProcPID": run.done["fork"].facts["child"],
        "ProcExe": str(Path("/proc/self/exe").resolve()),
    }
    assert part(record, *expected) == expected


@proves("process.snapshot")
def test_process_from_before(run: Run) -> None:
    """What ran before the agent has its names: this test."""
    mine = [
        each
        for each in run.result.records
        if each.get("FilePath") == f"{run.base}/" and each["File"] == "mine"
    ]
    assert mine
    expected: Record = {
        "ProcParent": Path(f"/proc/{os.getppid()}/exe").resolve().name,
        "ProcPPID": os.getppid(),
        "ProcPID": os.getpid(),
        "ProcExe": str(Path("/proc/self/exe").resolve()),
    }
    for record in mine:
        assert part(record, *expected) == expected


@proves("process.exit")
def test_end_of_a_process(run: Run) -> None:
    """What a process did by path is reported when it has ended, long before it is idle."""
    assert run.early["process.exit"]


def test_thread(run: Run) -> None:
    """ProcTID is the thread that wrote."""
    (record,) = file_records(run.result.records, run.folders["thread"])
    assert record["ProcTID"] == run.done["thread"].facts["tid"] != record["ProcPID"]


@proves("process.exec", "process.fork", "process.exit")
@pytest.mark.parametrize("name", lives.NAMES)
def test_lives(name: str, run: Run) -> None:
    """A process that has ended has one record, with what its parent knows and what it did."""
    lived = run.lived[name]
    (record,) = process_records(run.result.records, lived.pid)
    assert part(record, *lived.wanted) == lived.wanted
    assert ("ProcExitCode" in record) != ("ProcExitSignal" in record)
    assert ("CORE_DUMPED" in record.get("ProcNotes", ())) == os.WCOREDUMP(lived.status)
    cpu, all_cpu = record["ProcCPUTime"], lived.usage.ru_utime + lived.usage.ru_stime
    peak, highest = record["ProcPeakRSS"], lived.usage.ru_maxrss * 1024
    assert cpu <= all_cpu + lives.UNCOUNTED
    assert peak <= highest
    if lived.alone:
        assert cpu >= all_cpu * (1 - lives.FREEING) - lives.UNCOUNTED
        assert peak == highest


def test_each_workload_has_its_process_record(run: Run) -> None:
    """Whatever it did, it was forked once and has ended once, and wrote what its files say."""
    for name, done in run.done.items():
        if done.pid == os.getpid() or name == "elsewhere":  # they outlive kflowd
            continue
        (record,) = process_records(run.result.records, done.pid)
        events = record["ProcEvents"]
        assert (events.get("FORK", 0), events["EXIT"]) == (name != "older", 1)
        files = [
            each
            for each in run.result.records
            if each.get("ProcPID") == done.pid and "MODIFY" in each.get("FileEvents", ())
        ]
        assert bool(files) == bool(record["ProcFilesWritten"])


@proves("socket.owner", "socket.tcp")
@pytest.mark.parametrize("name", ADDRESSES)
def test_tcp_client(name: str, run: Run) -> None:
    """The asking end of a connection has its process, addresses and exact bytes."""
    facts = run.done[name].facts
    expected: Record = {
        "SockProtocol": "TCP",
        "SockRole": "CLIENT",
        "SockState": "TCP_CLOSE",
        "SockLocalIP": ADDRESSES[name],
        "SockLocalPort": facts["client_port"],
        "SockRemoteIP": ADDRESSES[name],
        "SockRemotePort": facts["server_port"],
        "SockTxBytes": ASKED,
        "SockRxBytes": ANSWERED,
        "SockCommunityID": tcp_id(name, facts),
    }
    record = one_socket(run, facts["client"], SockProtocol="TCP")
    assert part(record, *expected) == expected


@pytest.mark.parametrize("name", ADDRESSES)
def test_tcp_ends_are_joined(name: str, run: Run) -> None:
    """Both ends have the initial sequence numbers, each by its own socket; no other has them."""
    facts = run.done[name].facts
    client = one_socket(run, facts["client"], SockProtocol="TCP")
    server = one_socket(run, run.done[name].pid, SockProtocol="TCP")
    (first, second) = client["SockTcpIsn"]
    assert first != second
    with_them = [it for it in run.result.records if it.get("SockTcpIsn") == [first, second]]
    assert sorted(it["ProcPID"] for it in with_them) == sorted(
        (client["ProcPID"], server["ProcPID"])
    )


@proves("socket.passive")
@pytest.mark.parametrize("name", ADDRESSES)
def test_tcp_server(name: str, run: Run) -> None:
    """The answering end too."""
    facts = run.done[name].facts
    expected: Record = {
        "SockProtocol": "TCP",
        "SockRole": "SERVER",
        "SockState": "TCP_CLOSE",
        "SockLocalIP": ADDRESSES[name],
        "SockLocalPort": facts["server_port"],
        "SockRemoteIP": ADDRESSES[name],
        "SockRemotePort": facts["client_port"],
        "SockTxBytes": ANSWERED,
        "SockRxBytes": ASKED,
        "SockCommunityID": tcp_id(name, facts),
    }
    record = one_socket(run, run.done[name].pid, SockProtocol="TCP")
    assert part(record, *expected) == expected


@proves("socket.packet")
@pytest.mark.parametrize("name", ADDRESSES)
def test_tcp_packets(name: str, run: Run) -> None:
    """Packets and their flags are the same at both ends, and a reset is seen."""
    client = one_socket(run, run.done[name].facts["client"], SockProtocol="TCP")
    server = one_socket(run, run.done[name].pid, SockProtocol="TCP")
    assert client["SockTxFlags"] == server["SockRxFlags"]
    assert client["SockRxFlags"] == server["SockTxFlags"]
    for record in (client, server):
        assert record["SockTxPackets"] == sum(record["SockTxFlags"].values())
        assert record["SockRxPackets"] == sum(record["SockRxFlags"].values())
    assert (client["SockTxDataPackets"], client["SockRxDataPackets"]) == (ROUNDS, ROUNDS)
    resets = sum(n for flags, n in client["SockTxFlags"].items() if "RST" in flags)
    assert resets == int(name == "reset")


@proves("socket.packet")
@pytest.mark.parametrize("name", [each.__name__ for each in connections.DROPPING])
def test_tcp_drops(name: str, run: Run) -> None:
    """What had no room is counted: no ACK behind a FIN, no probe, nothing that came twice."""
    done = run.done[name]
    port = done.facts["client_port"]
    server = one_socket(run, done.pid, SockRemotePort=port, SockProtocol="TCP")
    client = one_socket(run, done.pid, SockLocalPort=port, SockProtocol="TCP")
    least, most = done.facts["dropped"]
    assert least <= server["SockRxPacketsDrop"] <= most
    assert client["SockRxPacketsDrop"] == 0


@proves("socket.tcp", "socket.snapshot")
@pytest.mark.parametrize(("name", "notes"), [("closed", "SNAPSHOT"), ("open", "INTERIM")])
def test_round_trip_of_another_namespace(name: str, notes: str, run: Run) -> None:
    """Where no iterator reads the kernel's counters, the round trip is known all the same."""
    done = run.done["elsewhere"]
    for where in ("SockLocalPort", "SockRemotePort"):
        record = one_socket(run, done.pid, **{where: done.facts[name]})
        assert record["SockNotes"] == [notes]
        assert 0 < record["SockRTT"] < 60


@proves("socket.snapshot")
def test_older_mptcp(run: Run) -> None:
    """An MPTCP connection from before the agent has its process at both ends."""
    done = run.done["elsewhere"]
    assert ("mptcp" in done.facts) == connections.has_mptcp()
    for where in ("SockLocalPort", "SockRemotePort") if "mptcp" in done.facts else ():
        record = one_socket(run, done.pid, **{where: done.facts["mptcp"]})
        assert record["SockNotes"] == ["SNAPSHOT"]


@proves("socket.owner", "socket.packet")
def test_refused(run: Run) -> None:
    """A refused connection is a SYN and a RST-ACK."""
    record = one_socket(run, run.done["refused"].pid, SockProtocol="TCP")
    assert (record["SockTxFlags"], record["SockRxFlags"]) == ({"SYN": 1}, {"RST-ACK": 1})


@proves("socket.accept")
def test_accepting_process(run: Run) -> None:
    """A connection belongs to the process that accepts it, whoever listens."""
    facts = run.done["accept"].facts
    record = one_socket(run, facts["child"], SockProtocol="TCP")
    expected = {"SockRole": "SERVER", "SockRemotePort": facts["client_port"], "SockRxBytes": 211}
    assert part(record, *expected) == expected


@proves("socket.accept", "socket.owner")
@pytest.mark.parametrize("name", connections.MPTCP)
def test_mptcp(name: str, run: Run) -> None:
    """Each subflow belongs to who accepted or connected, whoever listens and joins."""
    facts = run.done[name].facts
    assert bool(facts) == connections.has_mptcp()
    if not facts:
        return
    protocol, _ = connections.MPTCP[name]
    for place, other, pid in (
        ("SockLocalPort", "SockRemoteIP", facts["server"]),
        ("SockRemotePort", "SockLocalIP", facts["client"]),
    ):
        found = [each for each in run.result.records if each.get(place) == facts["port"]]
        clients = [connections.HOST, connections.SECOND_HOST]
        subflows = clients if protocol == connections.IPPROTO_MPTCP else clients[:1]
        assert sorted(each[other] for each in found) == subflows
        assert {each.get("ProcPID") for each in found} == {pid}
        role = "SERVER" if pid == facts["server"] else "CLIENT"
        assert {each["SockRole"] for each in found} == {role}


@proves("socket.snapshot")
@pytest.mark.parametrize("name", older.CONNECTIONS)
def test_older_connection(name: str, run: Run) -> None:
    """A connection from before the agent has its process, role and new bytes at both ends."""
    done, (asked, answered) = run.done["older"], older.CONNECTIONS[name]
    for record, role, sent, received in (
        (one_socket(run, done.pid, SockLocalPort=done.facts[name]), "CLIENT", asked, answered),
        (one_socket(run, os.getpid(), SockRemotePort=done.facts[name]), "SERVER", answered, asked),
    ):
        expected: Record = {"SockRole": role, "SockState": "TCP_CLOSE"}
        expected |= {"SockTxBytes": sent, "SockRxBytes": received}
        assert part(record, *expected) == expected


@proves("socket.snapshot")
@pytest.mark.parametrize("name", older.DATAGRAMS)
def test_older_datagrams(name: str, run: Run) -> None:
    """UDP sockets from before the agent have their process and their datagrams."""
    done, count = run.done["older"], older.DATAGRAMS[name]
    for record, role, sent, received in (
        (one_socket(run, done.pid, SockLocalPort=done.facts[name]), "CLIENT", count, 1),
        (one_socket(run, os.getpid(), SockRemotePort=done.facts[name]), "SERVER", 1, count),
    ):
        expected: Record = {
            "SockRole": role,
            "SockTxPackets": sent,
            "SockRxPackets": received,
        }
        assert part(record, *expected) == expected


@proves("socket.owner", "socket.packet")
@pytest.mark.parametrize(("peer", "count", "size"), [(0, 3, 17), (1, 5, 19)])
def test_udp(peer: int, count: int, size: int, run: Run) -> None:
    """Datagrams and bytes both ways are exact, for each peer."""
    done = run.done["udp"]
    record = one_socket(run, done.pid, SockRemotePort=done.facts["peers"][peer])
    expected: Record = {
        "SockProtocol": "UDP",
        "SockLocalPort": done.facts["port"],
        "SockTxPackets": count,
        "SockTxBytes": count * size,
        "SockRxPackets": 1,
        "SockRxBytes": 29,
    }
    assert part(record, *expected) == expected


@proves("socket.packet")
@pytest.mark.parametrize("family", fragments.ADDRESSES)
def test_fragments(family: str, run: Run) -> None:
    """Datagrams that came in IP fragments are told from others."""
    done = run.done[f"fragments-{family}"]
    record = one_socket(run, done.pid, SockLocalPort=done.facts["port"])
    assert record["SockRxPackets"] == fragments.LARGE + fragments.SMALL
    counted = fragments.LARGE if fragments.known() else 0
    assert record.get("SockRxPacketsFrag", 0) == counted


@proves("socket.queue")
def test_dropped_datagrams(run: Run) -> None:
    """What a full socket drops is counted."""
    facts = run.done["drops"].facts
    assert 0 < facts["kept"] < DROPS
    record = one_socket(run, os.getpid(), SockLocalPort=facts["port"])
    assert record["SockRxPacketsDrop"] == DROPS - facts["kept"]
    sender = one_socket(run, facts["sender"], SockRemotePort=facts["port"])
    expected = {"SockTxPackets": DROPS, "SockTxBytes": DROPS * DROP_BYTES}
    assert part(sender, *expected) == expected


def test_each_flow_has_its_id(run: Run) -> None:
    """Of TCP and UDP, IPv4 and IPv6; nothing else has one."""
    assert wrong_ids(run.result.records) == []
    named = [each for each in run.result.records if "SockCommunityID" in each]
    assert {each["SockProtocol"] for each in named} == {"TCP", "UDP"}
    assert {each["SockFamily"] for each in named} == {"AF_INET", "AF_INET6"}


@proves("socket.close")
def test_udp_close(run: Run) -> None:
    """A UDP socket is reported when it is closed, long before it is idle."""
    assert run.early["socket.close"]
    record = one_socket(run, os.getpid(), SockLocalPort=run.done["drops"].facts["port"])
    assert record["SockState"] == "UDP_CLOSE"


UNIX = [("stream", ROUNDS, ROUNDS), ("datagram", 5, 0)]


@proves("unix.send")
@pytest.mark.parametrize(("name", "asked", "answered"), UNIX)
def test_unix_send(name: str, asked: int, answered: int, run: Run) -> None:
    """Both ends of a UNIX socket have exactly what they sent."""
    (client,) = socket_records(run.result.records, run.done[name].facts["client"])
    (server,) = socket_records(run.result.records, run.done[name].pid)
    for record, role, count, size in (
        (client, "CLIENT", asked, len(REQUEST)),
        (server, "SERVER", answered, len(REPLY)),
    ):
        assert record["SockRole"] == role
        assert record.get("SockTxBytes", 0) == count * size
        assert record.get("SockTxMessages", 0) == count


@proves("unix.send", "unix.receive")
def test_unix_address(run: Run) -> None:
    """Both ends of a UNIX stream, and who receives datagrams, have the path of the server."""
    records = socket_records(run.result.records, run.done["stream"].facts["client"])
    for name in ("stream", "datagram"):
        records += socket_records(run.result.records, run.done[name].pid)
        assert {record["SockAddress"] for record in records} == {str(run.base / name)}
        records = []


@proves("unix.send")
def test_unix_destination(run: Run) -> None:
    """Who sends datagrams without being connected has the path that they went to."""
    (client,) = socket_records(run.result.records, run.done["datagram"].facts["client"])
    assert client["SockAddress"] == str(run.base / "datagram")


@proves("unix.send")
def test_unix_destinations(run: Run) -> None:
    """Of each destination there is a record, with its name and nothing that lies behind it."""
    records = socket_records(run.result.records, run.done["destinations"].pid)
    sent = {each["SockAddress"]: each["SockTxBytes"] for each in records if "SockTxBytes" in each}
    path, _, whole, abstract = map(os.fsdecode, destinations(run.base))
    assert sent == {path.partition("\0")[0]: 38, whole: 19, f"@{abstract[1:]}": 19}


@proves("unix.receive")
@pytest.mark.parametrize(("name", "asked", "answered"), UNIX)
def test_unix_receive(name: str, asked: int, answered: int, run: Run) -> None:
    """Both ends of a UNIX socket have exactly what they received."""
    (client,) = socket_records(run.result.records, run.done[name].facts["client"])
    (server,) = socket_records(run.result.records, run.done[name].pid)
    assert server.get("SockRxBytes", 0) == asked * len(REQUEST)
    assert client.get("SockRxBytes", 0) == answered * len(REPLY)


@proves("unix.send", "unix.receive")
def test_unix_seqpacket(run: Run) -> None:
    """A pair of sockets of packets: what one sent, the other received."""
    records = socket_records(run.result.records, run.done["seqpacket"].pid)
    assert {record.get("SockType") for record in records} == {"SEQPACKET"}
    assert sum(record.get("SockTxBytes", 0) for record in records) == 93
    assert sum(record.get("SockRxBytes", 0) for record in records) == 93


@proves("unix.send", "unix.receive")
def test_unix_batch(run: Run) -> None:
    """One call that moves many messages is exactly those messages."""
    records = socket_records(run.result.records, run.done["batch"].pid)
    (sender,) = (each for each in records if each.get("SockTxBytes"))
    (receiver,) = (each for each in records if each.get("SockRxBytes"))
    assert (sender["SockTxMessages"], sender["SockTxBytes"]) == (BATCH, BATCH * BATCH_BYTES)
    assert (receiver["SockRxMessages"], receiver["SockRxBytes"]) == (BATCH, BATCH * BATCH_BYTES)


@proves("unix.send")
def test_unix_batch_to_many(run: Run) -> None:
    """Each destination of a call has its own messages, until the one that failed."""
    expected: dict[str, tuple[int, int]] = {}
    sent = zip(unix_sockets.ORDER, unix_sockets.SIZES, strict=True)
    for name, size in list(sent)[: unix_sockets.SENT]:
        path = f"{run.base}/many-{name or 'connected'}"
        messages, total = expected.get(path, (0, 0))
        expected[path] = messages + 1, total + size
    records = socket_records(run.result.records, run.done["many"].pid)
    assert {
        each["SockAddress"]: (each["SockTxMessages"], each["SockTxBytes"]) for each in records
    } == expected
    assert len(records) == len(expected)


@proves("unix.receive")
def test_unix_descriptor_that_was_replaced(run: Run) -> None:
    """What a call moves belongs to the socket that it was made on; by tracepoint it is not seen."""
    records = socket_records(run.result.records, run.done["replaced"].pid)
    received = [each["SockRxBytes"] for each in records if "SockRxBytes" in each]
    (sent,) = (each["SockTxBytes"] for each in records if "SockTxBytes" in each)
    assert sent == unix_sockets.LATER_BYTES
    assert len(records) == 1 + len(received)
    assert received == [sent] or (ATTACH_MODE in ("", "tracepoint") and not received)


@proves("unix.close")
def test_unix_close(run: Run) -> None:
    """A UNIX socket is reported when it is closed, long before it is idle."""
    assert run.early["unix.close"]


def test_no_other_socket_is_claimed(run: Run) -> None:
    """Of the ports of a connection there are two records, and no process has a third."""
    for name in ADDRESSES:
        facts = run.done[name].facts
        ports = {facts["client_port"], facts["server_port"]}
        found = [
            each["ProcPID"]
            for each in run.result.records
            if {each.get("SockLocalPort"), each.get("SockRemotePort")} == ports
        ]
        assert sorted(found) == sorted((facts["client"], run.done[name].pid))


def test_directories_stay_out(run: Run) -> None:
    """Without --directories only files are reported. What is known as text may be anything."""
    folder = run.base / "directories"
    sure = [
        each
        for each in file_records(run.result.records, folder)
        if not (whole.MAY_TRACE and "NO_INODE" in each.get("FileNotes", ()))
    ]
    found = by_path(sure, folder)
    assert {path: events_of(records) for path, records in found.items()} == {
        path: directories.EVENTS[path] for path in directories.FILES
    }
    assert [each for each in run.result.records if each.get("FileMode") == "directory"] == []


def test_each_record_says_its_moment_twice(run: Run) -> None:
    """Records of each kind: in the form of the contract and that of RFC 3339."""
    assert [it for it in run.result.records if it.get("InfoTime") != whole.instant(it)] == []
    assert {it["InfoMonitor"] for it in run.result.records} == {
        *("filesystem", "socket", "process", "health"),
    }


def test_nothing_was_lost(run: Run) -> None:
    """No loss is counted. Alone in its test: on a preempted kernel this may be all that fails."""
    assert losses(run.result.records) == {}


def test_what_was_seen_is_reported(run: Run) -> None:
    """The run ends well, everything that was seen is reported, and the records add up to it."""
    assert run.result.exit_code == 0
    assert "Traceback" not in run.result.stderr
    health = health_records(run.result.records)[-1]
    assert health["HealthFileEvents"] == health["HealthFileReported"]
    assert health["HealthSockCreated"] == health["HealthSockReported"]
    assert health["HealthUnixCreated"] == health["HealthUnixReported"]
    files = [each for each in run.result.records if each["InfoMonitor"] == "filesystem"]
    assert health["HealthFileReported"] == sum(each["FileEventCount"] for each in files)
