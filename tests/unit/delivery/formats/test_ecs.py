# SPDX-License-Identifier: Apache-2.0
import ipaddress
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from kflowd.delivery.formats import FORMATS
from kflowd.model import EnrichedFile, EnrichedProcess, Messages, Role
from kflowd.protocols import Direction, Message
from kflowd.serialize import HostFacts, Record
from kflowd.serialize.blocks.file import FILE_EVENTS
from tests.unit.delivery.make import health
from tests.unit.make import actor, file, lived, named_file, named_socket, named_unix, process, seen
from tests.unit.serialize.samples import SAMPLES
from tests.unit.serialize.text import builder

# Names and types of ECS 9.4, those that are written; a [] is a field that ECS says is an array.
FIELDS = {
    "@timestamp": "date", "ecs.version": "keyword",
    "event.kind": "keyword", "event.category": "keyword[]", "event.type": "keyword[]",
    "event.action": "keyword", "event.outcome": "keyword", "event.module": "keyword",
    "event.dataset": "keyword", "event.sequence": "long", "event.duration": "long",
    "agent.type": "keyword", "agent.version": "keyword",
    "host.hostname": "keyword", "host.name": "keyword", "host.ip": "ip[]",
    "host.os.type": "keyword", "host.os.kernel": "keyword", "host.os.name": "keyword",
    "process.pid": "long", "process.name": "keyword", "process.executable": "keyword",
    "process.args": "keyword[]", "process.args_count": "long", "process.command_line": "keyword",
    "process.working_directory": "keyword", "process.start": "date", "process.end": "date",
    "process.exit_code": "long", "process.parent.pid": "long", "process.parent.name": "keyword",
    "process.thread.id": "long",
    "user.id": "keyword", "user.name": "keyword", "user.group.id": "keyword",
    "user.group.name": "keyword", "user.effective.id": "keyword",
    "container.id": "keyword", "container.runtime": "keyword",
    "file.path": "keyword", "file.name": "keyword", "file.directory": "keyword",
    "file.extension": "keyword", "file.type": "keyword", "file.inode": "keyword",
    "file.device": "keyword", "file.mode": "keyword", "file.uid": "keyword", "file.gid": "keyword",
    "file.owner": "keyword", "file.group": "keyword", "file.size": "long", "file.mtime": "date",
    "file.ctime": "date", "file.accessed": "date", "file.hash.md5": "keyword",
    "file.hash.sha256": "keyword",
    "network.transport": "keyword", "network.iana_number": "keyword", "network.type": "keyword",
    "network.community_id": "keyword", "network.bytes": "long", "network.packets": "long",
    "network.direction": "keyword", "network.protocol": "keyword",
    "tls.version": "keyword", "tls.version_protocol": "keyword", "tls.next_protocol": "keyword",
    "tls.client.server_name": "keyword",
    "dns.type": "keyword", "dns.id": "keyword", "dns.op_code": "keyword",
    "dns.header_flags": "keyword[]", "dns.response_code": "keyword",
    "dns.question.name": "keyword", "dns.question.type": "keyword", "dns.answers": "object[]",
    "dns.resolved_ip": "ip[]",
    "http.version": "keyword", "http.request.method": "keyword",
    "http.request.referrer": "keyword", "http.response.status_code": "long",
    "url.original": "wildcard", "url.scheme": "keyword", "url.domain": "keyword",
    "url.port": "long", "url.path": "wildcard", "url.query": "keyword",
    "user_agent.original": "keyword",
    **{
        f"{end}.{field}": kind
        for end in ("source", "destination", "client", "server")
        for field, kind in {"ip": "ip", "port": "long", "bytes": "long", "packets": "long",
                            "domain": "keyword"}.items()
    },
}  # fmt: skip
# which event.type a category can have
TYPES = {
    "file": {"access", "change", "creation", "deletion", "info"},
    "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
    "process": {"access", "change", "end", "info", "start"},
    "host": {"access", "change", "end", "info", "start"},
}
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z")
WRITE = FORMATS["ecs"]()


def leaves(value: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of a document by their whole names; what is ours is left out."""
    for key, each in value.items():
        name = f"{above}{key}"
        if name in ("kflowd", "labels"):
            continue
        if isinstance(each, dict):
            yield from leaves(each, f"{name}.")
        else:
            yield name, each


def check(value: Any, kind: str) -> None:
    """Compare a value with a type of ECS."""
    if kind.endswith("[]"):
        assert isinstance(value, list)
        for each in value:
            check(each, kind.removesuffix("[]"))
    elif kind == "long":
        assert type(value) is int
    elif kind == "object":
        assert isinstance(value, dict)
    else:
        assert isinstance(value, str)
        if kind == "ip":
            ipaddress.ip_address(value)
        if kind == "date":
            assert DATE.fullmatch(value)


def document(record: Record) -> dict[str, Any]:
    """Return the document of a record, which has nothing but fields of ECS and ours."""
    made: dict[str, Any] = json.loads(WRITE(record))
    for name, value in leaves(made):
        check(value, FIELDS[name])
    event = made["event"]
    assert set(event["type"]) <= TYPES[event["category"][0]]
    return made


def file_record(**changes: Any) -> Record:
    return builder().file(EnrichedFile(actor(seen=seen(exe="/bin/x")), file(**changes)))


RECORDS: tuple[Record, ...] = (
    *(make() for make in SAMPLES.values()),
    builder().socket(named_socket()),
    builder().unix(named_unix()),
    builder().process(EnrichedProcess(actor(), lived())),
    health(),
)


@pytest.mark.parametrize("record", RECORDS)
def test_all_fields_are_of_ecs(record: Record) -> None:
    """By name and type; what happened is in the words that ECS allows."""
    made = document(record)
    assert made["ecs"] == {"version": "9.4.0"}
    assert made["event"]["kind"] in ("event", "metric")


@pytest.mark.parametrize(
    ("counts", "action", "types"),
    [
        ({"CREATE": 1, "OPEN": 2, "MODIFY": 3}, "created",
         ["creation", "change", "access"]),
        ({"DELETE": 1, "MODIFY": 1}, "deleted", ["deletion", "change"]),
        ({"ACCESS": 1}, "read", ["access"]),
        ({"MOVED_TO": 1}, "moved", ["change"]),
    ],
)  # fmt: skip
def test_what_happened_to_a_file(counts: dict[str, int], action: str, types: list[str]) -> None:
    """The action is what says most of all that happened; all counts are there, too."""
    made = document(file_record(counts=tuple(counts.get(name, 0) for name, _ in FILE_EVENTS)))
    assert made["event"]["action"] == action
    assert made["event"]["type"] == types
    assert sum(made["kflowd"]["file"]["events"].values()) == sum(counts.values())
    assert made["event"]["outcome"] == "success"


def test_a_file() -> None:
    """Its names and who used it."""
    who = actor(
        process=process(uid=1000), proc="sh", user="alice",
        seen=seen(exe="/bin/sh", args=("sh", "-c", "echo 'a b'")),
        container="1f", runtime="docker",
    )  # fmt: skip
    made = document(builder().file(EnrichedFile(who, file(path="/etc/ssh/sshd_config.d/x.conf"))))
    assert made["file"]["path"] == "/etc/ssh/sshd_config.d/x.conf"
    assert made["file"]["directory"] == "/etc/ssh/sshd_config.d"
    assert (made["file"]["name"], made["file"]["extension"]) == ("x.conf", "conf")
    assert made["process"]["args"] == ["sh", "-c", "echo 'a b'"]
    assert made["process"]["command_line"] == "sh -c 'echo '\"'\"'a b'\"'\"''"
    assert (made["user"]["id"], made["user"]["name"]) == ("1000", "alice")
    assert made["container"] == {"id": "1f", "runtime": "docker"}
    root = document(file_record(path="/x"))["file"]
    assert (root["directory"], root["path"]) == ("/", "/x")
    assert "extension" not in document(file_record(path="/.bashrc"))["file"]


def test_the_two_ends_of_a_connection() -> None:
    """A server's remote end is the source, whoever has sent more."""
    client = document(builder().socket(named_socket()))
    assert client["source"] == client["client"]
    assert client["network"]["direction"] == "egress"
    bytes_of = client["source"]["bytes"] + client["destination"]["bytes"]
    assert client["network"]["bytes"] == bytes_of
    server = document(SAMPLES["server"]()) if "server" in SAMPLES else None
    if server is not None:
        assert server["network"]["direction"] == "ingress"


def test_a_connection_with_tls() -> None:
    """What was agreed on has fields of its own."""
    said = (
        Message(1, Direction.TX, {"Version": "TLS 1.3", "Sni": "kf.example"}),
        Message(1, Direction.RX, {"Version": "TLS 1.2", "Alpn": ["h2"]}),
    )
    messages = Messages(app="TLS", key="Tls", stamped=True, messages=said)
    made = document(builder().socket(named_socket(messages=messages, role=Role.CLIENT)))
    assert made["tls"]["client"] == {"server_name": "kf.example"}
    assert made["kflowd"]["said"] == "TLS 1.2 kf.example"


def test_the_name_that_was_asked_for_is_that_of_the_remote_end() -> None:
    """The first of those that are known; this end has none."""
    names = ("www.example.com", "cdn.example.net")
    made = document(builder().socket(named_socket(remote_names=names)))
    assert made["destination"]["domain"] == made["server"]["domain"] == "www.example.com"
    assert "domain" not in made["source"]
    assert "domain" not in document(builder().socket(named_socket()))["destination"]


def test_names_that_are_no_utf_8() -> None:
    """They are told as well as JSON can."""
    made = builder()
    made._hosts.take(HostFacts(host_name="h\udcff"))
    who = actor(proc="a\udcff", seen=seen(exe="/\udcff", args=("\udcff",)))
    text = WRITE(made.file(EnrichedFile(who, named_file(path="/\udcff/b").aggregate)))
    found = json.loads(text.decode("utf-8"))
    assert found["file"]["path"] == "/\ufffd/b"
    assert found["host"]["name"] == "h\ufffd"
    assert found["process"]["args"] == ["\ufffd"]
