# SPDX-License-Identifier: Apache-2.0
"""Who used a socket, between two of its records."""

import msgspec

from kflowd.model import SocketUsage, SocketUser


def usage_since(value: SocketUsage | None, earlier: SocketUsage | None) -> SocketUsage | None:
    """Return who moved what between two records of a connection.

    The kernel keeps the users of a connection in their order until its end, so they are the
    earlier ones, and maybe more.
    """
    if value is None or earlier is None:
        return value
    known = len(earlier.users)
    return SocketUsage(
        own_tx=_more(value.own_tx, earlier.own_tx),
        own_rx=_more(value.own_rx, earlier.own_rx),
        rest_tx=_more(value.rest_tx, earlier.rest_tx),
        rest_rx=_more(value.rest_rx, earlier.rest_rx),
        users=(*map(_user_since, value.users, earlier.users), *value.users[known:]),
    )


def with_unseen(usage: SocketUsage, tx_bytes: int) -> SocketUsage:
    """Return usage with what was sent, and nobody was seen to send, in the rest.

    Only if others than the owner are known to have used the socket: else it says nothing.
    """
    if not (usage.users or usage.rest_tx or usage.rest_rx):
        return usage
    seen = usage.own_tx + usage.rest_tx + sum(user.tx_bytes for user in usage.users)
    return msgspec.structs.replace(usage, rest_tx=usage.rest_tx + _more(tx_bytes, seen))


def _user_since(value: SocketUser, earlier: SocketUser) -> SocketUser:
    return SocketUser(
        process=value.process,
        tx_bytes=_more(value.tx_bytes, earlier.tx_bytes),
        rx_bytes=_more(value.rx_bytes, earlier.rx_bytes),
    )


def _more(value: int, earlier: int) -> int:
    return max(value - earlier, 0)
