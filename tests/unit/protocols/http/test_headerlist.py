# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols.base import Limits
from kflowd.protocols.http.fields import Fields
from kflowd.protocols.http.headerblock import UNKNOWN, Field
from kflowd.protocols.http.headerlist import OF_REQUEST, add, first_line, known_names

ASK: list[Field] = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/x")]


def test_only_a_table_has_names_that_are_unknown() -> None:
    """A peer can send the same bytes, and they are a name."""
    assert known_names([*ASK, (b"<unknown" + b">", b"")])
    assert not known_names([*ASK, (UNKNOWN, UNKNOWN)])


def test_what_may_have_been_sent_is_unknown() -> None:
    """Where not all is known; else what is not there is absent, and told."""
    line = first_line([(UNKNOWN, UNKNOWN)], answer=False, whole=False)
    assert line.members == {"_Method": "<unknown>", "_Url": "<unknown>", "_Version": "HTTP/2"}
    assert line.complaints == []
    line = first_line([(UNKNOWN, UNKNOWN)], answer=True, whole=False)
    assert (line.members, line.complaints) == ({"_Version": "HTTP/2", "_Status": "<unknown>"}, [])
    line = first_line([], answer=False, whole=True)
    assert (line.members, line.complaints) == (
        {"_Version": "HTTP/2"}, ["pseudo-header is missing"],
    )  # fmt: skip


def test_pseudo_headers_stand_ahead_of_all_others() -> None:
    """A first line has none of those behind; an unknown name may be one that stands ahead."""
    line = first_line([*ASK[:2], (b"a", b"1"), ASK[2]], answer=False, whole=True)
    assert "_Url" not in line.members
    assert (
        first_line([(UNKNOWN, UNKNOWN), ASK[2]], answer=False, whole=False).members["_Url"] == "/x"
    )
    fields = Fields(Limits())
    add(fields, [*ASK, (b"a", b"1"), ASK[2]], OF_REQUEST)
    assert fields.shown == {":scheme": "http", "a": "1", "::path": "/x"}
    assert fields.complaints == ["unexpected pseudo-header"]
