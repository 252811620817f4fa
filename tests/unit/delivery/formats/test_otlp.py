# SPDX-License-Identifier: Apache-2.0
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.semconv import _incubating, schemas

from kflowd.delivery.formats import FORMATS
from kflowd.delivery.formats.otlp import (
    PLACED,
    RECORDS,
    SCHEMA_URL,
    OtlpFormat,
    envelope,
    name_of,
    rejected,
)
from kflowd.model import Counters, EnrichedUnix, Role
from kflowd.serialize import Builder, Record, UserCounters
from kflowd.serialize.record import RECORDS as KINDS
from kflowd.serialize.record import record_keys
from tests.unit.delivery.formats.hostile import TEXTS, holding, whole_records
from tests.unit.delivery.formats.placed import changes
from tests.unit.delivery.formats.test_ecs import RECORDS as OF_ECS
from tests.unit.delivery.make import health
from tests.unit.make import COUNTERS, actor, named_unix
from tests.unit.serialize.samples import SAMPLES
from tests.unit.serialize.text import builder

WRITE = OtlpFormat()
MADE: tuple[Record, ...] = (*OF_ECS, *whole_records())


def conventions() -> dict[str, str]:
    """Return the names of the semantic conventions, with what is said about them."""
    found: dict[str, str] = {}
    for place in Path(_incubating.__path__[0], "attributes").glob("*.py"):
        pieces = re.split(r'^[A-Z_0-9]+: Final = "(.*)"$', place.read_text(), flags=re.MULTILINE)
        said = (it.partition("\n\n\n")[0] for it in pieces[2::2])
        found |= dict(zip(pieces[1::2], said, strict=True))
    return found


NAMES = conventions()


def read(body: bytes) -> list[tuple[dict[str, Any], Any]]:
    """Return resource and log record of each record of a request, which OTLP knows."""
    request = ParseDict(json.loads(body), ExportLogsServiceRequest())
    found = []
    for resource in request.resource_logs:
        host = {it.key: plain(it.value) for it in resource.resource.attributes}
        assert resource.schema_url == SCHEMA_URL
        for scope in resource.scope_logs:
            assert scope.scope.name == "kflowd"
            found += [(host, it) for it in scope.log_records]
    return found


def plain(value: Any) -> Any:
    """Return what an AnyValue holds."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {it.key: plain(it.value) for it in value.kvlist_value.values}
    return None if kind is None else getattr(value, kind)


def attributes(record: Record) -> dict[str, Any]:
    """Return the attributes of a record, those of its host too; none is there twice."""
    ((host, entry),) = read(envelope([WRITE(record)]))
    pairs = [(it.key, plain(it.value)) for it in entry.attributes]
    assert len(dict(pairs)) == len(pairs)
    return host | dict(pairs)


def flat(key: str, value: Any) -> dict[str, Any]:
    """Return the attributes that a key without a convention becomes."""
    if isinstance(value, dict):
        words = {word.lower().replace("-", "_"): count for word, count in value.items()}
        return {f"{name_of(key)}.{word}": count for word, count in words.items()}
    return {name_of(key): value}


def test_the_conventions_are_those_of_this_version() -> None:
    """The names below are compared with the package of that version."""
    assert SCHEMA_URL in {it.value for it in schemas.Schemas}
    assert "process.pid" in NAMES
    assert "Deprecated:" in NAMES["container.runtime"]


@pytest.mark.parametrize("record", MADE)
def test_names_are_those_of_the_conventions(record: Record) -> None:
    """As far as they have one that is not deprecated; others are below `kflowd.`."""
    for name in attributes(record):
        if not name.startswith("kflowd."):
            assert "Deprecated:" not in NAMES[name], name


@pytest.mark.parametrize("record", MADE)
def test_nothing_is_lost(record: Record) -> None:
    """What has no name there is below `kflowd.`, as json-min has it; the rest is told by others."""
    keys = json.loads(FORMATS["json-min"]()(record))
    found = attributes(record)
    expected: dict[str, Any] = {}
    for key, value in keys.items():
        if key not in PLACED:
            expected |= flat(key, value)
    assert {name: it for name, it in found.items() if name.startswith("kflowd.")} == expected
    texts = {name: WRITE(changed) for name, changed in changes(record, PLACED)}
    before = WRITE(record)
    assert [name for name, text in texts.items() if text == before] == []


def test_names_of_keys() -> None:
    """They can be told from each other, and are words of lower case."""
    assert name_of("SockRxTTL") == "kflowd.sock_rx_ttl"
    assert name_of("ProcCPUTime") == "kflowd.proc_cpu_time"
    assert name_of("FileSHA256") == "kflowd.file_sha256"
    assert name_of("FileMD5") == "kflowd.file_md5"
    assert name_of("SockTcpIsn") == "kflowd.sock_tcp_isn"
    keys = {key for kind in KINDS for key in record_keys(kind)}
    assert len({name_of(key) for key in keys}) == len(keys)
    assert all(name_of(key).replace("_", "").removeprefix("kflowd.") == key.lower() for key in keys)


def test_a_log_record() -> None:
    """Time, severity, name, a line for people; the host is the resource."""
    record = SAMPLES["filesystem"]()
    ((host, entry),) = read(envelope([WRITE(record)]))
    assert entry.time_unix_nano == entry.observed_time_unix_nano == record.stamp.InfoTimestamp
    assert (entry.severity_number, entry.severity_text) == (9, "INFO")
    assert entry.event_name == "kflowd.filesystem"
    assert entry.body.string_value == (
        "15:34:35.643 file    dirk sftp-server(183547) OPEN=1,MODIFY=2,CLOSE_WRITE=1 "
        "/home/dirk/malware size=41"
    )
    assert host == {
        "service.name": "kflowd", "service.version": "0.9.1", "host.name": "dev.kflow.co",
        "host.ip": ["38.110.1.24"], "os.type": "linux", "os.name": "Linux",
        "os.version": "6.1.0-10-amd64",
    }  # fmt: skip
    named = msgspec.structs.replace(record.host, InfoHostToken="1f", InfoHostIP="0.0.0.0")
    ((host, _),) = read(envelope([WRITE(msgspec.structs.replace(record, host=named))]))
    assert host["host.id"] == "1f"
    assert "host.ip" not in host


def test_the_ends_of_sockets() -> None:
    """This end is local, whoever has begun; a path is that of the server."""
    found = attributes(SAMPLES["socket-tcp-http"]())
    assert (found["network.local.address"], found["network.local.port"]) == ("38.110.1.24", 43302)
    assert (found["network.peer.address"], found["network.peer.port"]) == ("15.197.142.173", 80)
    assert (found["network.transport"], found["network.type"]) == ("tcp", "ipv4")
    assert found["network.connection.state"] == "closed"
    assert found["network.protocol.name"] == "http"
    ends = []
    for role in (Role.CLIENT, Role.SERVER, 0):
        aggregate = msgspec.structs.replace(named_unix().aggregate, role=role, address="/a")
        made = attributes(builder().unix(EnrichedUnix(actor(), aggregate)))
        assert (made["network.transport"], made["kflowd.sock_address"]) == ("unix", "/a")
        ends += [{name for name, value in made.items() if value == "/a" and "network" in name}]
    assert ends == [{"network.peer.address"}, {"network.local.address"}, set()]


def test_losses_are_worse() -> None:
    """A health record that tells of one is a warning."""
    lossy = Builder().health(Counters(1, (0, 0, 3, *(0,) * (COUNTERS - 3)), 0), UserCounters())
    made = [entry for _, entry in read(envelope([WRITE(health()), WRITE(lossy)]))]
    assert [(it.severity_number, it.severity_text) for it in made] == [(9, "INFO"), (13, "WARN")]


def sequence(pairs: Sequence[tuple[dict[str, Any], Any]]) -> list[tuple[str, int]]:
    return [
        (host["host.name"], next(it.value.int_value for it in entry.attributes if "seq" in it.key))
        for host, entry in pairs
    ]


@given(
    st.lists(st.tuples(st.sampled_from(("a", "b", '"logRecords":[', "]}]}")), st.integers(0, 9)))
)
@settings(deadline=None)
def test_a_request_has_its_records_in_their_order(wanted: list[tuple[str, int]]) -> None:
    """With the host of each, which is there once for those that follow each other."""
    record = SAMPLES["filesystem"]()
    texts = []
    for name, number in wanted:
        host = msgspec.structs.replace(record.host, InfoHostName=name)
        stamp = msgspec.structs.replace(record.stamp, InfoSequenceNumber=number)
        texts.append(WRITE(msgspec.structs.replace(record, host=host, stamp=stamp)))
    body = envelope(texts)
    assert sequence(read(body)) == wanted
    heads = [name for at, (name, _) in enumerate(wanted) if not at or wanted[at - 1][0] != name]
    assert body.count(b'{"resource":') == len(heads)
    # what is asked of a text in `envelope`
    assert all(text.count(RECORDS.encode()) == 1 for text in texts)


@given(st.sampled_from(MADE), TEXTS)
@settings(deadline=None)
def test_texts_that_others_choose(record: Record, text: str) -> None:
    """They are values and nothing else; what is no UTF-8 is told as well as JSON can."""
    made = WRITE(holding(record, text))
    ((_, entry),) = read(envelope([made]))
    assert entry.event_name.startswith("kflowd.")
    assert b"\n" not in made


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (b"{}", 0),
        (b'{"partialSuccess":null}', 0),
        (b'{"partialSuccess":{}}', 0),
        (b'{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"x"}}', 3),
        (b'{"partialSuccess":{"rejectedLogRecords":3}}', 3),
        (b'{"partialSuccess":{"rejectedLogRecords":-3}}', 0),
        (b'{"partialSuccess":{"rejectedLogRecords":"x"}}', 0),
        (b'{"partialSuccess":{"rejectedLogRecords":1.5}}', 0),
        (b'{"partialSuccess":{"rejectedLogRecords":"' + b"9" * 9999 + b'"}}', 0),
        (b"[" * 100_000, 0),
        (b"\xff", 0),
        (b"", 0),
    ],
)
def test_what_was_not_taken(answer: bytes, number: int) -> None:
    """By an answer of OTLP; whatever else a server says says nothing."""
    assert rejected(answer) == number
