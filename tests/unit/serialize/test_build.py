# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import msgspec

from kflowd.contract import constants
from kflowd.model import ClockStep, Counters, FileFlag, Session
from kflowd.serialize import Builder, HostFacts, Record, UserCounters
from kflowd.serialize.blocks.health import HealthKernel
from kflowd.serialize.build import kernel_keys
from kflowd.serialize.hosts import host_block
from kflowd.serialize.record import (
    BEYOND_CONTRACT,
    FileRecord,
    HealthRecord,
    ServerRecord,
    SocketRecord,
    UnixRecord,
    UnixServerRecord,
)
from tests.unit.make import (
    COUNTERS,
    SECOND,
    inode,
    named_file,
    named_socket,
    named_unix,
    seen,
    session,
)
from tests.unit.serialize.text import builder, keys, of_file


def test_records_are_numbered_and_dated() -> None:
    """The number is that of the run; the times are those of the record."""
    made = builder(session(host_name="h"))
    first, second = (keys(made.file(named_file())) for _ in range(2))
    assert (first["InfoSequenceNumber"], second["InfoSequenceNumber"]) == (1, 2)
    assert first["InfoTimestamp"] == "Thu, Jan 01 1970 00:00:10.000000000 UTC"
    assert first["InfoTime"] == "1970-01-01T00:00:10.000000000Z"
    assert first["InfoUptime"] == 5
    assert first["ProcAge"] == 5
    assert first["InfoHostName"] == "h"


def test_both_times_of_a_record_are_one_moment() -> None:
    """Of its own, by the clock that held then: before and behind a step, health records too."""
    made = builder()
    made.step(ClockStep(20 * SECOND, 10 * SECOND, 3600 * SECOND, 0))
    counters = Counters(10 * SECOND, (0,) * constants()["KF_CNT_MAX"], 0)
    records = (
        made.file(named_file(ts_ns=10 * SECOND - 1)),
        made.socket(named_socket(ts_ns=10 * SECOND)),
        made.unix(named_unix(ts_ns=10 * SECOND - 2)),
        made.health(counters, UserCounters()),
    )
    assert [(keys(it)["InfoTimestamp"], keys(it)["InfoTime"]) for it in records] == [
        ("Thu, Jan 01 1970 00:00:09.999999999 UTC", "1970-01-01T00:00:09.999999999Z"),
        ("Thu, Jan 01 1970 01:00:10.000000000 UTC", "1970-01-01T01:00:10.000000000Z"),
        ("Thu, Jan 01 1970 00:00:09.999999998 UTC", "1970-01-01T00:00:09.999999998Z"),
        ("Thu, Jan 01 1970 01:00:10.000000000 UTC", "1970-01-01T01:00:10.000000000Z"),
    ]


def test_a_host_name_is_text_whatever_its_bytes_are() -> None:
    """What is no UTF-8 in a name of the host is replaced in the text."""
    made = builder()
    made._hosts.take(HostFacts(host_name="h\udcff"))
    assert keys(made.file(named_file()))["InfoHostName"] == "h\ufffd"


def test_a_record_older_than_the_session_has_no_uptime() -> None:
    """What ended before kflowd had started is no negative time."""
    assert of_file(ts_ns=1)["InfoUptime"] == 0


def test_the_host_of_a_session_is_that_of_all_its_records() -> None:
    """It is one object; another session brings another host."""
    made = builder(session(host_name="one"))
    first, second = made.file(named_file()), made.unix(named_unix())
    assert first.host is second.host
    made.begin(session(host_name="two"))
    assert made.file(named_file()).host.InfoHostName == "two"


def test_facts_of_a_wrong_type_leave_the_host_unknown() -> None:
    """A session is never refused for what it says of the host."""
    for facts in (b"", b"[]", b'{"host_name":7}'):
        made = builder(Session(5 * SECOND, 0, 250, facts))
        assert made.file(named_file()).host == host_block(HostFacts())


def test_strict_is_the_contract_and_nothing_else() -> None:
    """Extra fields come last and can be left out."""
    strict, full = builder(strict=True), builder()
    extras = {name for block in BEYOND_CONTRACT for name in block.__struct_fields__}
    pairs: tuple[tuple[Callable[[Any], Record], Callable[[Any], Record], Any], ...] = (
        (strict.file, full.file, named_file(flags=FileFlag.STALE)),
        (strict.socket, full.socket, named_socket(flags=0)),
        (strict.unix, full.unix, named_unix()),
    )
    for of_contract, of_all, value in pairs:
        value.actor.seen = seen()
        plain, more = keys(of_contract(value)), keys(of_all(value))
        assert not set(plain) & extras
        assert list(more)[: len(plain)] == list(plain)
        assert set(list(more)[len(plain) :]) <= extras
        assert len(more) > len(plain)
    counters = Counters(0, (0,) * constants()["KF_CNT_MAX"], 0)
    plain, more = (keys(made.health(counters, UserCounters())) for made in (strict, full))
    assert list(more) == [*plain, "InfoTime"]


def test_health_holds_all_counters() -> None:
    """What the kernel and what user space counted, by name."""
    kernel = Counters(10 * SECOND, tuple(range(100, 100 + COUNTERS)), 7)
    values = keys(builder().health(kernel, UserCounters(decode_short=3, processes_unknown=9)))
    assert values["InfoMonitor"] == "health"
    assert values["HealthFileEvents"] == 100
    assert values["HealthReadFailed"] == 117
    assert values["HealthSockHidden"] == 119
    assert values["HealthMissedRuns"] == 7
    assert values["HealthDecodeShort"] == 3
    assert values["HealthProcessesUnknown"] == 9


def test_each_counter_of_the_contract_has_its_key() -> None:
    """Names of keys are made of the names in the header."""
    found = kernel_keys()
    assert found["HealthFileLostPending"] == constants()["KF_CNT_FILE_LOST_PENDING"]
    assert sorted(found, key=lambda name: found[name]) == list(HealthKernel.__struct_fields__)
    assert sorted(found.values()) == list(range(constants()["KF_CNT_MAX"]))


def test_the_builder_takes_every_kind() -> None:
    """Files, sockets and UNIX sockets become their records, sockets by their role."""
    made = Builder()
    expected: tuple[tuple[Any, type[Record], str], ...] = (
        (named_file(), FileRecord, "filesystem"),
        (named_socket(), SocketRecord, "socket"),
        (named_socket(role=2), ServerRecord, "socket"),
        (named_socket(role=0), SocketRecord, "socket"),
        (named_unix(), UnixRecord, "socket"),
        (named_unix(role=2), UnixServerRecord, "socket"),
    )
    for value, kind, monitor in expected:
        record = made.record(value)
        assert type(record) is kind
        assert record.stamp.InfoMonitor == record.MONITOR == monitor
    counters = Counters(0, (0,) * constants()["KF_CNT_MAX"], 0)
    health = made.health(counters, UserCounters())
    assert (type(health), health.stamp.InfoMonitor) == (HealthRecord, "health")


def test_every_counter_of_user_space_is_a_key() -> None:
    """A counter without a key would be an error at the first health record."""
    numbered = {name: at for at, name in enumerate(UserCounters.__struct_fields__, 1)}
    kernel = Counters(0, (0,) * constants()["KF_CNT_MAX"], 99)
    block = builder().health(kernel, UserCounters(**numbered)).user
    assert msgspec.structs.astuple(block) == (99, *numbered.values())


def test_versions_are_there_if_they_were_asked_for() -> None:
    """Strict or not: of each process, and of files that can be run; "" is what is not known."""
    script, data = named_file(inode=inode(mode=0o100711)), named_file()
    lost = named_file(inode=inode(mode=0o100711), flags=FileFlag.NO_INODE)
    for value in (script, data, lost):
        value.version = value.actor.version = "2:1"
    for strict in (True, False):
        made = Builder(strict=strict, versions=True)
        made.begin(session())
        shown = [keys(made.file(value)) for value in (script, data, lost)]
        assert [found["ProcVersion"] for found in shown] == ["2:1"] * 3
        assert [found.get("FileVersion") for found in shown] == ["2:1", None, None]
        for record in (made.socket(named_socket()), made.unix(named_unix())):
            assert keys(record)["ProcVersion"] == ""
        plain = Builder(strict=strict)
        plain.begin(session())
        assert not {"ProcVersion", "FileVersion"} & set(keys(plain.file(script)))
