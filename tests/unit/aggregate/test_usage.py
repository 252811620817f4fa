# SPDX-License-Identifier: Apache-2.0
"""Who used a socket between two records of it, and what nobody was seen to send."""

import pytest

from kflowd.aggregate.usage import usage_since, with_unseen
from kflowd.model import SocketUsage, SocketUser
from tests.unit.make import process


def user(tgid: int, tx_bytes: int, rx_bytes: int) -> SocketUser:
    """Return a user of a socket."""
    return SocketUser(process(tgid=tgid), tx_bytes, rx_bytes)


def test_users_of_a_record_are_those_since_the_one_before() -> None:
    """Sums are differences, also of those who were there before; who is new has all."""
    earlier = SocketUsage(10, 20, 30, 40, (user(1, 3, 5),))
    value = SocketUsage(17, 31, 43, 57, (user(1, 22, 28), user(2, 29, 31)))
    assert usage_since(value, earlier) == SocketUsage(
        7, 11, 13, 17, (user(1, 19, 23), user(2, 29, 31))
    )


def test_without_an_earlier_record_all_is_since_then() -> None:
    """The first record of a connection has what was counted; one without usage has none."""
    value = SocketUsage(1, 2, 3, 4)
    assert usage_since(value, None) is value
    assert usage_since(None, value) is None


@pytest.mark.parametrize(("sent", "rest"), [(2 + 3 + 5 + 7, 3 + 7), (2 + 3 + 5, 3), (1, 3)])
def test_what_nobody_was_seen_to_send_is_in_the_rest(sent: int, rest: int) -> None:
    """As far as more was sent than the users are known to have sent."""
    usage = SocketUsage(2, 99, 3, 98, (user(1, 5, 97),))
    assert with_unseen(usage, sent) == SocketUsage(2, 99, rest, 98, (user(1, 5, 97),))


def test_a_socket_of_its_owner_alone_has_no_rest() -> None:
    """That nobody else is known to use a socket says nothing of who sent what."""
    usage = SocketUsage(2, 3, 0, 0)
    assert with_unseen(usage, 1009) is usage
