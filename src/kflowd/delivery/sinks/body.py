# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests: what is made of texts, and what an answer says of them."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple

from kflowd.delivery.sinks.framing import NEWLINE, framed

# Statuses beside 5xx with which a server may take the same later (RFC 9110, 6585).
_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


class Body(NamedTuple):
    """A kind of body.

    Attributes:
        content_type: Its media type.
        make: Returns a body with texts.
        later: Says whether a status means that the same may be taken later.
        rejected: Returns how many of the texts were not taken, by the body of a good answer.
    """

    content_type: str
    make: Callable[[Sequence[bytes]], bytes]
    later: Callable[[int], bool]
    rejected: Callable[[bytes], int]


LINES = Body(
    "application/x-ndjson",
    make=lambda texts: framed(texts, NEWLINE),
    later=lambda status: status in _LATER or status >= 500,
    rejected=lambda _: 0,
)
