# SPDX-License-Identifier: Apache-2.0
import gzip
import zlib

import pytest

from kflowd.protocols.http.body import Body, text_of, unpacked


def body(data: bytes, limit: int = 1024) -> Body:
    """Return a body of bytes."""
    made = Body(limit)
    made.add(data, 0, len(data))
    return made


@pytest.mark.parametrize(
    ("data", "content_type", "shown"),
    [
        (b"abc", "", "abc"),
        (b"abc", "application/octet-stream", "abc"),
        (b"a\x00c", "text/plain", None),
        (b"\x7fELF", "", None),
        (b"abc", "image/png", None),
        (b"<svg/>", "image/svg+xml", "<svg/>"),
        (b'{"a": 1}', "application/problem+json; charset=utf-8", '{"a": 1}'),
        (b"\xe4", "text/plain; charset=ISO-8859-1".lower(), "ä"),
        (b"\xe4b", "text/plain", "\ufffdb"),
        (b"\xe4b", "application/octet-stream", None),
        (b"\x1b[1mbold\x0c", "text/plain", "\x1b[1mbold\x0c"),
        (b"a\x0bc", "text/plain", None),
        ("äöü".encode(), "", "äöü"),
    ],
)
def test_what_is_text(data: bytes, content_type: str, shown: str | None) -> None:
    """Types decide where they can, the bytes where they must; most controls are no text."""
    assert text_of(data, content_type, whole=True) == shown


def test_a_cut_letter_is_left_out() -> None:
    """A body that is cut inside a letter ends ahead of it; one that is whole has it replaced."""
    data = "aä".encode()[:2]
    assert text_of(data, "text/plain", whole=False) == "a"
    assert text_of(data, "text/plain", whole=True) == "a\ufffd"
    assert text_of(data, "", whole=False) == "a"


def test_line_ends_at_the_end_are_left_out() -> None:
    """As the contract's sample has it; that is no cut."""
    assert body(b"\na b \r\n\n").shown("text/html", "") == ("\na b ", True)


def test_what_is_above_the_limit_is_counted() -> None:
    """No more is kept than is shown."""
    made = body(b"x" * 100, 10)
    made.add(b"yyyy", 1, 3)
    assert made.held == 10
    assert made.size == 102
    assert made.shown("", "") == ("x" * 10, False)


def test_nothing_is_joined_over_a_gap() -> None:
    """What comes behind missing bytes is counted and not shown."""
    made = body(b"ab")
    made.stop(7)
    made.add(b"cd", 0, 2)
    assert made.size == 11
    assert made.shown("", "") == ("ab", False)


TEXT = b"some text, " * 50


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)[2:-4]),
        ("identity", TEXT),
    ],
)
def test_packed_text_is_unpacked(coding: str, data: bytes) -> None:
    """Gzip and both forms of deflate are shown as the text they hold."""
    assert body(data).shown("text/plain", coding) == (TEXT.decode(), True)


def test_packed_text_is_cut_too() -> None:
    """Both what is kept and what is shown have the limit; a bomb unpacks to no more."""
    bomb = gzip.compress(b"x" * 10_000_000)
    assert body(bomb).shown("text/plain", "gzip") == ("x" * 1024, False)
    assert body(gzip.compress(TEXT), 30).shown("text/plain", "gzip")[1] is False


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_other_codings_are_not_shown(coding: str) -> None:
    """The header names them; the bytes stay out."""
    assert body(b"abc").shown("text/plain", coding) == ("", False)


def test_what_does_not_unpack_is_not_shown() -> None:
    """A body that is not what its header says shows nothing."""
    assert body(b"no gzip").shown("text/plain", "gzip") == ("", False)
    assert unpacked(b"\xff\xff", 10) == (b"", False)


def test_an_empty_body_is_whole() -> None:
    """Nothing is shown of nothing."""
    assert Body(10).shown("image/png", "br") == ("", True)
