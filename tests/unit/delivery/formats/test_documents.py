# SPDX-License-Identifier: Apache-2.0
import json

import msgspec
import pytest
from msgspec import UNSET

from kflowd.delivery.formats import FORMATS
from kflowd.delivery.formats.documents import (
    Rest,
    began_ns,
    date,
    encoded,
    happened,
    known,
    names_of,
    text,
)
from kflowd.model import EnrichedFile, FileFlag
from kflowd.serialize import Builder, Record
from kflowd.serialize.record import FileRecord
from tests.unit.delivery.formats.hostile import whole_records
from tests.unit.make import SECOND, actor, file, named_socket, process
from tests.unit.serialize.text import builder


def file_record(**changes: object) -> FileRecord:
    return builder().file(EnrichedFile(actor(), file(**changes)))


def test_what_is_not_known_is_not_there() -> None:
    """Numbers and lists are always known."""
    assert known(a=UNSET, b="", c={}, d=0, e="x", f=[]) == {"d": 0, "e": "x", "f": []}
    assert (text(UNSET), text(0)) == (UNSET, "0")


def test_what_happened_in_the_order_of_the_words() -> None:
    """However it stands in the counts."""
    words = {"DELETE": 1, "CREATE": 2, "OPEN": 3}
    assert happened({"OPEN": 5, "DELETE": 1, "OTHER": 1}, words) == [1, 3]


def test_times() -> None:
    """RFC 3339 with all nanoseconds, before 1970 too."""
    assert date(1_700_000_000_000_000_001) == "2023-11-14T22:13:20.000000001Z"
    assert date(-1) == "1969-12-31T23:59:59.999999999Z"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/etc/x.conf", ("/etc/x.conf", "/etc", "conf")),
        ("/x", ("/x", "/", "")),
        ("/a/.bashrc", ("/a/.bashrc", "/a", "")),
        ("/a/b.", ("/a/b.", "/a", "")),
        ("", ("", "", "")),
    ],
)
def test_names_of_a_file(path: str, names: tuple[str, str, str]) -> None:
    """A hidden file is no extension."""
    assert tuple(names_of(file_record(path=path).file)) == names


def test_when_a_process_began() -> None:
    """By its age at the time of the record, where that is the age of that time."""
    at_ns = 9 * SECOND
    who = actor(process=process(start_ns=5 * SECOND))
    closed = builder().file(EnrichedFile(who, file(ts_ns=at_ns, last_ns=at_ns)))
    wall_ns = closed.stamp.InfoTimestamp - 4 * SECOND
    assert began_ns(closed) == wall_ns
    swept = file(ts_ns=at_ns + SECOND, last_ns=at_ns, flags=FileFlag.STALE)
    assert began_ns(builder().file(EnrichedFile(who, swept))) is None
    # what is swept is not told there
    assert began_ns(Builder(strict=True).file(EnrichedFile(who, file()))) is None
    assert began_ns(builder().socket(named_socket())) is not None
    nobody = actor(process=None, seen=None)
    assert began_ns(builder().file(EnrichedFile(nobody, file()))) is None


@pytest.mark.parametrize("record", whole_records())
def test_the_rest_is_what_json_has(record: Record) -> None:
    """By keys and values, without what is placed elsewhere."""
    keys = json.loads(FORMATS["json-min"]()(record))
    assert json.loads(encoded(Rest()(record))) == keys
    rest = Rest(frozenset(("Proc", "InfoTimestamp")))
    for _ in range(2):  # what it keeps of a kind changes nothing
        assert json.loads(encoded(rest(record))) == {
            key: value for key, value in keys.items() if key not in ("Proc", "InfoTimestamp")
        }


def test_what_is_no_utf_8_is_replaced() -> None:
    """In keys, lists and below; numbers that stand as text stay."""
    document = {"a\udcff": ["\udcff", {"b": ("\udcff", msgspec.Raw(b"1.50"))}], "c": 1}
    assert encoded(document) == '{"a\ufffd":["\ufffd",{"b":["\ufffd",1.50]}],"c":1}'.encode()
    assert encoded({"a": msgspec.Raw(b"1.50")}) == b'{"a":1.50}'
