# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols.http.bodies import Counted, Rest
from kflowd.protocols.http.body import Body


def test_a_counted_body_ends_at_its_length() -> None:
    """What is behind it is not taken."""
    body = Body(100)
    counted = Counted(body, 5)
    assert (counted.feed(b"xxabc", 2), counted.done) == (5, False)
    assert (counted.feed(b"deGET", 0), counted.done) == (2, True)
    assert body.shown("", "") == ("abcde", True)


def test_missing_bytes_count() -> None:
    """A gap inside is stepped over, one that may reach behind the end is not."""
    counted = Counted(Body(100), 5)
    assert not counted.skip(0)
    assert not counted.skip(6)
    assert (counted.skip(4), counted.done) == (True, False)
    assert (counted.skip(1), counted.done) == (True, True)


def test_the_rest_has_no_end() -> None:
    """All is taken, and what is missing is inside of it."""
    body = Body(100)
    rest = Rest(body)
    assert rest.feed(b"xxabc", 2) == 5
    assert rest.skip(0)
    assert rest.endless
    assert not rest.done
    assert body.size == 3
