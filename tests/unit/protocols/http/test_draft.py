# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols.base import Limits
from kflowd.protocols.http.draft import Draft
from kflowd.protocols.http.startline import read
from tests.unit.protocols.http.talk import TX, UNREADABLE


def draft(line: bytes, block: bytes = b"", body: bytes = b"", **limits: int) -> Draft:
    """Return a message that is being read."""
    made, found = Draft(TX, 7, Limits(**limits)), read(line)
    assert found
    made.begin(found)
    made.head(block)
    made.body.add(body, 0, len(body))
    made.length = len(line) + len(block) + len(body)
    return made


def test_members_are_in_the_order_of_the_contract() -> None:
    """First line, headers, body; then what is wrong."""
    message = draft(b"G@T / HTTP/1.1\r\n", b"B: 1\r\nA : 2\r\n\r\n", b"text").message()
    assert list(message.members.items()) == [
        ("_Method", "G@T"),
        ("_Url", "/"),
        ("_Version", "HTTP/1.1"),
        ("B", "1"),
        ("A", "2"),
        ("_Body", "text"),
        ("_Exception", "method is no token; space before colon"),
    ]
    assert (message.ts_ns, message.direction, message.notes, message.length) == (
        7, TX, ["MALFORMED"], 0,
    )  # fmt: skip


def test_what_is_kept_is_counted() -> None:
    """The head as it came, and what is kept of the body."""
    assert draft(b"GET / HTTP/1.1\r\n", b"A: 1\r\n\r\n", b"x" * 9, body_bytes=3).held == 11


def test_control_characters_are_told() -> None:
    """They are shown as they are, and so is a carriage return that ends no line."""
    for block in (b"A: \x00\r\n\r\n", b"A: x\ry\r\n\r\n", b"A: \x7f\n\n"):
        message = draft(b"GET / HTTP/1.1\r\n", block).message()
        assert message.members["_Exception"] == "control character in a header"
    assert "_Exception" not in draft(b"GET / HTTP/1.1\r\n", b"A: \t \xc3\xa4\n\n").message().members


def test_what_is_too_long_is_cut() -> None:
    """Target, reason, headers and body have their limits; the length is the true one."""
    message = draft(b"GET /123456789 HTTP/1.1\r\n", text_bytes=8).message()
    assert message.members["_Url"] == "/1234567"
    assert (message.notes, message.length) == (["CUT"], 25)
    message = draft(b"HTTP/1.1 200 OK\n", body=b"abcdef", body_bytes=3).message()
    assert message.members["_Body"] == "abc"
    assert (message.notes, message.length) == (["CUT"], 22)


def test_a_body_that_is_no_text_is_left_out() -> None:
    """The length says that there was more; nothing was cut."""
    message = draft(b"HTTP/1.1 200 OK\n", b"Content-Type: image/png\n\n", b"abc").message()
    assert "_Body" not in message.members
    assert (message.notes, message.length) == ([], 44)


def test_type_and_coding_are_those_of_the_head() -> None:
    """A trailer changes nothing of how the body is read."""
    made = draft(b"HTTP/1.1 200 OK\n", b"Content-Type: text/plain\n\n", b"abc")
    made.fields.add(["Content-Encoding: br", "Content-Type: image/png"])
    assert made.message().members["_Body"] == "abc"


def test_nothing_that_could_be_read() -> None:
    """That is the exception of the contract, with the length of what came."""
    made = Draft(TX, 7, Limits())
    made.length = 5
    message = made.message()
    assert (message.members, message.length) == (UNREADABLE, 5)


def test_notes_come_once() -> None:
    """A second gap adds nothing."""
    made = draft(b"GET / HTTP/1.1\n")
    made.note("GAP")
    made.note("GAP")
    assert made.message().notes == ["GAP"]
