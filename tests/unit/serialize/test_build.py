# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import msgspec
import pytest

from kflowd.delivery.formats import FORMATS
from kflowd.enrich import begin_file, begin_socket, begin_unix
from kflowd.model import (
    Counters,
    Enriched,
    FileFlag,
    HostFacts,
    ProcessFlag,
    Session,
    SocketAggregate,
    SocketFlag,
)
from kflowd.serialize import Builder, OutputCounters, UserCounters
from kflowd.serialize import fields as table
from tests.unit.make import SECOND, direction, file, seen, socket, tcp_info, unix

INODE_FIELDS = [field.name for field in table.FILE[8:22]]
SESSION = Session(5 * SECOND, 0, 250, HostFacts(host_name="h\udcff"))


def keys(record: msgspec.Struct) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(FORMATS["json-min"](record))
    return values


def of_file(*, strict: bool = False, **changes: Any) -> dict[str, Any]:
    return keys(Builder(SESSION, strict=strict).file(begin_file(file(**changes))))


def of_socket(*, hz: int = 250, **changes: Any) -> dict[str, Any]:
    session = msgspec.structs.replace(SESSION, hz=hz)
    return keys(Builder(session).socket(begin_socket(socket(**changes))))


def test_records_are_numbered_and_dated() -> None:
    """The number is that of the run; the times are those of the record."""
    builder = Builder(SESSION)
    first, second = (keys(builder.file(begin_file(file()))) for _ in range(2))
    assert (first["InfoSequenceNumber"], second["InfoSequenceNumber"]) == (1, 2)
    assert first["InfoTimestamp"] == "Thu, Jan 01 1970 00:00:10.000000000 UTC"
    assert first["InfoUptime"] == 5
    assert first["ProcAge"] == 5
    assert first["InfoHostName"] == "h\ufffd"


def test_an_unknown_inode_has_no_fields() -> None:
    """Unknown is absent and never a default."""
    values = of_file(flags=FileFlag.NO_INODE | FileFlag.PATH_TEXT)
    assert not set(INODE_FIELDS) & set(values)
    assert "FileMode" not in values
    assert values["FileNotes"] == ["PATH_UNRESOLVED", "NO_INODE"]


def test_changes_are_present_if_there_are_any() -> None:
    """Size and time changes are left out when they are zero, and may be negative."""
    inode = msgspec.structs.replace(file().inode, mtime_ns=5)
    values = of_file(size_first=100, inode=inode, mtime_first_ns=7)
    assert values["FileSizeChange"] == -59
    assert values["FileModificationTimeChange"] == -2e-9
    values = of_file(size_first=41, mtime_first_ns=2)
    assert not {"FileSizeChange", "FileModificationTimeChange", "FileOrigin"} & set(values)


@pytest.mark.parametrize(
    ("path", "directory", "name"),
    [("/a/b", "/a/", "b"), ("/b", "/", "b"), ("", "", ""), ("/a/b/", "/a/b/", "")],
)
def test_paths_are_split(path: str, directory: str, name: str) -> None:
    """FilePath begins and ends with a slash."""
    values = of_file(path=path)
    assert (values["FilePath"], values["File"]) == (directory, name)


def test_strict_is_the_contract_and_nothing_else() -> None:
    """Extra fields come last and can be left out."""
    builder, extras = Builder(strict=True), Builder()
    contract_keys = {
        field.name
        for block in (table.INFO, table.PROCESS, table.FILE, table.SOCKET, table.SOCKET_TX)
        for field in block
    } | {field.name for block in (table.SOCKET_RX, table.SOCKET_AGE, table.UNIX) for field in block}
    pairs: tuple[tuple[Any, Any, Any], ...] = (
        (builder.file, extras.file, begin_file(file(flags=FileFlag.STALE))),
        (builder.socket, extras.socket, begin_socket(socket(flags=0))),
        (builder.unix, extras.unix, begin_unix(unix())),
    )
    for strict, full, value in pairs:
        value.seen = seen()
        plain, more = keys(strict(value)), keys(full(value))
        assert set(plain) <= contract_keys
        assert list(more)[: len(plain)] == list(plain)
        assert not set(list(more)[len(plain) :]) & contract_keys


def with_process(**changes: Any) -> dict[str, Any]:
    value = begin_file(file())
    value.seen = seen(**changes)
    return keys(Builder().file(value))


def test_what_is_known_of_the_process() -> None:
    """The process table adds path, arguments, login and namespaces."""
    values = with_process(args=("curl", 'a"b\udcff'))
    assert values["ProcExe"] == "/usr/bin/curl"
    assert values["ProcArgs"] == ["curl", 'a"b\ufffd']
    assert (values["ProcLoginUID"], values["ProcMntNS"]) == (1000, 11)
    assert "ProcNotes" not in values
    values = with_process(
        login_uid=2**32 - 1, args=(), exe="", exe_flags=FileFlag.PATH_TRUNCATED,
        flags=ProcessFlag.ARGS_TRUNCATED,
    )  # fmt: skip
    assert not {"ProcLoginUID", "ProcArgs", "ProcExe"} & set(values)
    assert values["ProcNotes"] == ["EXE_TRUNCATED", "ARGS_TRUNCATED"]
    assert of_file()["ProcNotes"] == ["UNKNOWN_PROCESS"]


def test_process_fields_are_cached_per_image() -> None:
    """Another image of the process has other fields, however many there are."""
    builder = Builder()
    for number in range(5000):
        value = begin_file(file())
        value.seen = seen(exe=f"/bin/{number}")
        assert keys(builder.file(value))["ProcExe"] == f"/bin/{number}"


def test_a_socket_without_owner_has_names_and_no_numbers() -> None:
    """Names that are unknown are empty, numbers absent."""
    values = of_socket(flags=SocketFlag.NO_OWNER | SocketFlag.FINAL)
    assert (values["Proc"], values["ProcUser"]) == ("", "")
    assert not {"ProcPID", "ProcUID", "ProcAge"} & set(values)
    assert values["ProcNotes"] == ["NO_OWNER"]


def busy(**changes: Any) -> SocketAggregate:
    one = direction(packets=2, packets_seen=2, ttl_sum=129, first_ns=1, last_ns=3)
    info = tcp_info(rto_jiffies=51, srtt_us=2**32 - 1, bytes_acked=4)
    return socket(**{"tx": one, "rx": one, "tcp": info, **changes})


def test_blocks_are_present_if_there_were_packets() -> None:
    """A direction without packets has no fields."""
    values = of_socket()
    assert not {key for key in values if key.startswith(("SockTx", "SockRx", "SockRTT"))}


def test_derived_values_of_tcp() -> None:
    """Milliseconds by HZ, 64-bit round trip times, the rounded mean of the TTL."""
    values = keys(Builder(SESSION).socket(begin_socket(busy())))
    assert values["SockTxRTO"] == 204
    assert values["SockRTT"] == 536.870911875
    assert values["SockRxTTL"] == 65
    assert values["SockTxBytesAcked"] == 4
    assert values["SockState"] == "TCP_CLOSE"
    assert values["SockLocalIP"] == "127.0.0.1"
    assert "SockNotes" not in values


def test_unknown_values_of_tcp_are_absent() -> None:
    """Without HZ there is no RTO, without tcp_sock no counter of it."""
    session = msgspec.structs.replace(SESSION, hz=0)
    value = busy(flags=SocketFlag.NO_TCP_INFO | SocketFlag.FINAL, state=99, role=0, tcp=tcp_info())
    values = keys(Builder(session).socket(begin_socket(value)))
    absent = {"SockTxRTO", "SockTxPacketsRetrans", "SockRxPacketsReorder", "SockRTT"}
    absent |= {"SockState", "SockRole"}
    assert not absent & set(values)
    assert "SockTxRTO" not in keys(Builder(session).socket(begin_socket(busy())))


def test_servers_have_what_they_received_first() -> None:
    """The order of the blocks follows the role."""
    values = list(keys(Builder().socket(begin_socket(busy(role=2)))))
    assert values.index("SockRxInterface") < values.index("SockTxInterface")


def test_udp_has_no_fields_of_tcp() -> None:
    """What only TCP has is absent."""
    values = keys(Builder().socket(begin_socket(busy(protocol=17, state=1))))
    assert values["SockState"] == "UDP_ESTABLISHED"
    legends = {field.name: field.legend for field in (*table.SOCKET_TX, *table.SOCKET_RX)}
    assert not {name for name, legend in legends.items() if "(TCP)" in legend} & set(values)
    assert {name for name, legend in legends.items() if "(TCP)" not in legend} <= set(values)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (SocketFlag.STALE, ["INTERIM"]),
        (SocketFlag.SNAPSHOT | SocketFlag.FINAL, ["SNAPSHOT"]),
        (SocketFlag.FLAGS_FULL | SocketFlag.FINAL, ["FLAGS_INCOMPLETE"]),
    ],
)
def test_notes_say_what_is_not_complete(flags: int, words: list[str]) -> None:
    """Each word is in the table."""
    assert of_socket(flags=flags)["SockNotes"] == words
    assert set(words) <= set(table.SOCK_NOTES)


def test_unix_bytes_are_present_if_there_were_messages() -> None:
    """An empty message is one."""
    record = Builder().unix(begin_unix(unix(tx_bytes=0, rx_messages=0, role=2)))
    values = keys(record)
    assert values["SockTxBytes"] == 0
    assert "SockRxBytes" not in values
    assert (values["SockRole"], values["SockType"]) == ("SERVER", "DGRAM")


def test_health_holds_all_counters() -> None:
    """What the kernel and what user space counted, by name."""
    kernel = Counters(10 * SECOND, tuple(range(100, 118)), 7)
    values = keys(
        Builder(SESSION).health(kernel, UserCounters(decode_short=3, processes_unknown=9))
    )
    assert values["InfoMonitor"] == "health"
    assert values["HealthFileEvents"] == 100
    assert values["HealthReadFailed"] == 117
    assert values["HealthMissedRuns"] == 7
    assert values["HealthDecodeShort"] == 3
    assert values["HealthProcessesUnknown"] == 9


def test_outputs_are_told_of_when_one_has_lost() -> None:
    """Else a record is the same whatever its reader does; then each output is an object."""
    kernel, user = Counters(10 * SECOND, tuple(range(100, 118)), 7), UserCounters()
    good = OutputCounters("file", "up", 5, 2, 0, 0, 0, 0, 0, 0)
    bad = OutputCounters("stdout", "retrying", 3, 1, 17, 2, 3, 5, 7, 0)
    builder = Builder(SESSION)
    assert not [key for key in keys(builder.health(kernel, user, [good])) if "Output" in key]
    record = builder.health(kernel, user, [good, bad])
    values = keys(record)
    assert values["HealthOutputLost"] == 17
    assert values["HealthOutputs"][1] == {
        "Name": "stdout", "State": "retrying", "Written": 3, "Queued": 1, "Lost": 17,
        "LostFull": 2, "LostAge": 3, "LostRefused": 5, "LostGone": 7, "LostEnd": 0,
    }  # fmt: skip
    assert json.loads(FORMATS["json"](record)) == values
    assert all(list(each) == list(table.OUTPUT) for each in values["HealthOutputs"])


def test_every_kind_has_its_record() -> None:
    """Files, sockets and UNIX sockets become their records."""
    builder = Builder()
    values: list[Any] = [begin_file(file()), begin_socket(socket()), begin_unix(unix())]
    assert all(isinstance(each, Enriched) for each in values)
    kinds = [keys(builder.record(each))["InfoMonitor"] for each in values]
    assert kinds == ["filesystem", "socket", "socket"]
