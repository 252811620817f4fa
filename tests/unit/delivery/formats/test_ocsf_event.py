# SPDX-License-Identifier: Apache-2.0
import msgspec

from kflowd.model import EnrichedFile
from kflowd.serialize import Builder
from tests.unit.delivery.formats.ocsf_schema import event
from tests.unit.make import actor, file, named_file, process, seen
from tests.unit.serialize.samples import SAMPLES
from tests.unit.serialize.text import builder


def test_when_a_process_began() -> None:
    """Of files it is not told where a sweep ended the record: the age is that of the last event."""
    who = EnrichedFile(actor(), named_file().aggregate)
    made = event(builder().file(who))
    assert "created_time_dt" in made["actor"]["process"]
    assert "ProcAge" in made["unmapped"]
    assert "start_time" not in made
    assert "created_time" not in event(Builder(strict=True).file(who))["actor"]["process"]


def test_who_used_it() -> None:
    """Process, program, user, group, container, and where it comes from."""
    who = actor(
        process=process(uid=1000, gid=100), proc="sh", user="alice", group="users", parent="sshd",
        seen=seen(exe="/bin/sh", args=("sh", "-c", "echo 'a b'"), tty="pts/3"),
        container="1f", runtime="docker", ancestors=((50, "sshd"), (1, "systemd")), version="1.2",
    )  # fmt: skip
    made = event(Builder(versions=True).file(EnrichedFile(who, file())))["actor"]
    assert made["user"] == {"uid": "1000", "name": "alice"}
    found = made["process"]
    assert found["group"] == {"uid": "100", "name": "users"}
    assert found["cmd_line"] == "sh -c 'echo '\"'\"'a b'\"'\"''"
    assert found["file"] == {"name": "sh", "type_id": 1, "path": "/bin/sh", "version": "1.2"}
    assert found["container"] == {"uid": "1f", "runtime": "docker"}
    assert found["session"] == {"uid": "3", "terminal": "pts/3"}
    assert found["ancestry"] == [{"pid": 50, "name": "sshd"}, {"pid": 1, "name": "systemd"}]
    assert found["parent_process"] == {"pid": 50, "name": "sshd"}
    assert (found["pid"], found["ptid"], found["auid"]) == (100, 101, 1000)


def test_the_host() -> None:
    """Its token is a label; an address that is none is left out."""
    record = SAMPLES["filesystem"]()
    named = msgspec.structs.replace(
        record,
        host=msgspec.structs.replace(record.host, InfoHostToken="rack 7", InfoHostIP="0.0.0.0"),
    )
    made = event(named)
    assert made["metadata"]["labels"] == ["rack 7"]
    assert "ip" not in made["device"]
    assert made["metadata"]["product"]["version"] == "0.9.1"
    host = msgspec.structs.replace(named.host, InfoSystem="", InfoKernel="")
    assert event(msgspec.structs.replace(named, host=host))["device"] == {
        "hostname": host.InfoHostName, "type_id": 0,
    }  # fmt: skip
