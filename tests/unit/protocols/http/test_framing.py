# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols.base import Limits
from kflowd.protocols.http.fields import Fields
from kflowd.protocols.http.framing import Asked, Kind, framing
from kflowd.protocols.http.startline import read

REQUEST, ANSWER = b"POST / HTTP/1.1\n", b"HTTP/1.1 200 OK\n"


def framed(
    line: bytes, *headers: str, method: str | None = None
) -> tuple[tuple[Kind, int], list[str]]:
    """Return what comes behind a head, and its complaints.

    Args:
        line: First line.
        headers: Those that matter.
        method: Of the request that a response is for.
    """
    found, fields = read(line), Fields(Limits())
    assert found
    fields.add(headers)
    return framing(found, fields, Asked(method) if method else None), fields.complaints


@pytest.mark.parametrize(
    ("line", "headers", "method", "kind"),
    [
        (REQUEST, (), None, (Kind.NONE, 0)),
        (REQUEST, ("Content-Length: 0",), None, (Kind.NONE, 0)),
        (REQUEST, ("Content-Length: 007",), None, (Kind.LENGTH, 7)),
        (REQUEST, ("Content-Length: 5, 5",), None, (Kind.LENGTH, 5)),
        (REQUEST, ("Content-Length: 5", "content-length: 5"), None, (Kind.LENGTH, 5)),
        (REQUEST, ("Transfer-Encoding: Chunked",), None, (Kind.CHUNKED, 0)),
        (REQUEST, ("Transfer-Encoding: gzip, chunked",), None, (Kind.CHUNKED, 0)),
        (REQUEST, ("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"), None,
         (Kind.CHUNKED, 0)),
        (ANSWER, (), "GET", (Kind.CLOSE, 0)),
        (ANSWER, (), None, (Kind.CLOSE, 0)),
        (ANSWER, ("Content-Length: 5",), "GET", (Kind.LENGTH, 5)),
        (ANSWER, ("Content-Length: 5",), "HEAD", (Kind.NONE, 0)),
        (ANSWER, ("Transfer-Encoding: chunked",), "HEAD", (Kind.NONE, 0)),
        (ANSWER, ("Content-Length: 5",), "CONNECT", (Kind.TUNNEL, 0)),
        (b"HTTP/1.1 407 No\n", ("Content-Length: 5",), "CONNECT", (Kind.LENGTH, 5)),
        (b"HTTP/1.1 101 Switching Protocols\n", (), "GET", (Kind.TUNNEL, 0)),
        (b"HTTP/1.1 100 Continue\n", ("Content-Length: 5",), "POST", (Kind.NONE, 0)),
        (b"HTTP/1.1 103 Early Hints\n", (), None, (Kind.NONE, 0)),
        (b"HTTP/1.1 204 No Content\n", (), "GET", (Kind.NONE, 0)),
        (b"HTTP/1.1 304 Not Modified\n", ("Content-Length: 5",), "GET", (Kind.NONE, 0)),
    ],
)  # fmt: skip
def test_what_comes_behind_a_head(
    line: bytes, headers: tuple[str, ...], method: str | None, kind: tuple[Kind, int]
) -> None:
    """RFC 9112 section 6.3, without a complaint."""
    assert framed(line, *headers, method=method) == (kind, [])


@pytest.mark.parametrize(
    ("line", "headers", "kind", "complaints"),
    [
        (REQUEST, ("Content-Length: 5", "Transfer-Encoding: chunked"), (Kind.CHUNKED, 0),
         ["Content-Length beside Transfer-Encoding"]),
        (REQUEST, ("Content-Length: 5, 6",), (Kind.LENGTH, 5), ["Content-Lengths differ"]),
        (ANSWER, ("Content-Length: 0", "Content-Length: 6"), (Kind.NONE, 0),
         ["Content-Lengths differ"]),
        (REQUEST, ("Content-Length: -5",), (Kind.LOST, 0), ["Content-Length is no number"]),
        (REQUEST, ("Content-Length: +5",), (Kind.LOST, 0), ["Content-Length is no number"]),
        (REQUEST, ("Content-Length: 0x5",), (Kind.LOST, 0), ["Content-Length is no number"]),
        (REQUEST, ("Content-Length: \u0665",), (Kind.LOST, 0), ["Content-Length is no number"]),
        (ANSWER, ("Content-Length:",), (Kind.LOST, 0), ["Content-Length is no number"]),
        (REQUEST, ("Content-Length: 9223372036854775808",), (Kind.LOST, 0),
         ["Content-Length of 2^63 or more"]),
        (REQUEST, ("Content-Length: " + "9" * 4000,), (Kind.LOST, 0),
         ["Content-Length of 2^63 or more"]),
        (REQUEST, ("Transfer-Encoding: ,\tchunked,",), (Kind.CHUNKED, 0),
         ["unusual Transfer-Encoding"]),
        (REQUEST, ("Transfer-Encoding: xchunked",), (Kind.LOST, 0),
         ["unusual Transfer-Encoding", "Transfer-Encoding of a request does not end in chunked"]),
        (REQUEST, ("Transfer-Encoding: chunked, gzip",), (Kind.LOST, 0),
         ["unusual Transfer-Encoding", "Transfer-Encoding of a request does not end in chunked"]),
        (ANSWER, ("Transfer-Encoding: chunked, gzip",), (Kind.CLOSE, 0),
         ["unusual Transfer-Encoding"]),
        (b"HTTP/1.0 200 OK\n", ("Transfer-Encoding: chunked",), (Kind.CHUNKED, 0),
         ["Transfer-Encoding in HTTP/1.0"]),
    ],
)  # fmt: skip
def test_what_a_strict_parser_refuses(
    line: bytes, headers: tuple[str, ...], kind: tuple[Kind, int], complaints: list[str]
) -> None:
    """One way is taken, and what is wrong is said."""
    assert framed(line, *headers, method="GET") == (kind, complaints)
