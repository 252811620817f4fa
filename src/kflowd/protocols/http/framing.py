# SPDX-License-Identifier: Apache-2.0
"""How long a body is: RFC 9112 section 6.3, and which way is taken where a strict parser stops."""

import enum
import re

import msgspec

from kflowd.protocols.http import words
from kflowd.protocols.http.fields import Fields
from kflowd.protocols.http.startline import StartLine

NUMBER = re.compile(r"[0-9]{1,19}")
CODINGS = re.compile(
    r"(?:(?:gzip|x-gzip|deflate|compress|x-compress)[ \t]*,[ \t]*)*chunked", re.IGNORECASE
)
HUGE = 1 << 63


class Asked(msgspec.Struct):
    """What a response has to know of its request.

    Attributes:
        method: Of the request.
        simple: It was one of HTTP/0.9.
        upgrade: It offers another protocol.
        answered: Its final response began.
    """

    method: str
    simple: bool = False
    upgrade: bool = False
    answered: bool = False


class Kind(enum.Enum):
    """What comes behind a head."""

    NONE = enum.auto()  # the next message
    LENGTH = enum.auto()  # so many bytes
    CHUNKED = enum.auto()
    CLOSE = enum.auto()  # all that comes
    LOST = enum.auto()  # nobody can say: look for the next message
    TUNNEL = enum.auto()  # another protocol, both ways


def framing(line: StartLine, fields: Fields, asked: Asked | None) -> tuple[Kind, int]:
    """Return what comes behind a head, and its length if that is LENGTH.

    Args:
        line: First line of the message.
        fields: Its headers; complaints are added.
        asked: The request, None: a response whose request was not seen, or a request.
    """
    status = line.status
    if status:
        if status == 101 or (asked and asked.method == "CONNECT" and 200 <= status < 300):
            return Kind.TUNNEL, 0
        if status in {204, 304} or 100 <= status < 200 or (asked and asked.method == "HEAD"):
            return Kind.NONE, 0
    coding, length = fields.get("transfer-encoding"), fields.get("content-length")
    if coding and coding.lower() != "identity":
        if length:
            fields.complain(words.BOTH_LENGTHS)
        return _coded(line, fields, coding), 0
    if length or fields.has("content-length"):
        return _length(fields, length)
    return (Kind.CLOSE if status else Kind.NONE), 0


def _coded(line: StartLine, fields: Fields, coding: str) -> Kind:
    if line.version == "HTTP/1.0":
        fields.complain(words.OLD_CODING)
    if not CODINGS.fullmatch(coding):
        fields.complain(words.ODD_CODING)
    codings = [it for it in (each.strip(" \t") for each in coding.lower().split(",")) if it]
    if codings and codings[-1] == "chunked":
        return Kind.CHUNKED
    if line.status:
        return Kind.CLOSE
    fields.complain(words.NOT_CHUNKED)
    return Kind.LOST


def _length(fields: Fields, text: str) -> tuple[Kind, int]:
    """Return what a Content-Length says; a list of the same number is that number."""
    lengths = list(dict.fromkeys(each.strip(" \t") for each in text.split(",")))
    if len(lengths) > 1:
        fields.complain(words.LENGTHS_DIFFER)
    first = lengths[0]
    if not NUMBER.fullmatch(first):
        digits = first.isascii() and first.isdigit()
        fields.complain(words.HUGE_LENGTH if digits else words.BAD_LENGTH)
        return Kind.LOST, 0
    length = int(first)
    if length >= HUGE:
        fields.complain(words.HUGE_LENGTH)
        return Kind.LOST, 0
    return (Kind.LENGTH if length else Kind.NONE), length
