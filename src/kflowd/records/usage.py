# SPDX-License-Identifier: Apache-2.0
"""Who used a socket: the sums in its record, and the users behind it."""

from collections.abc import Callable, Iterable

from kflowd.contract import layout, reader, span
from kflowd.model import SocketUsage, SocketUser
from kflowd.records.process import ProcessReader

USER = "struct kf_user"
SUMS = ("own_tx", "own_rx", "rest_tx", "rest_rx")


def usage_reader(
    processes: ProcessReader, record: str, member: str
) -> Callable[[bytes, int, int], SocketUsage]:
    """Return a function that reads who used the socket of a record: (batch, offset, size).

    Args:
        processes: Reads the processes.
        record: Struct of the record; users are behind it.
        member: The struct kf_usage in it.
    """
    fixed, user_size = layout(record).size, layout(USER).size
    process_at, _ = span(USER, "proc")
    read = reader(record, *(f"{member}.{name}" for name in SUMS))
    read_user = reader(USER, "tx_bytes", "rx_bytes")

    def usage(batch: bytes, offset: int, size: int) -> SocketUsage:
        own_tx, own_rx, rest_tx, rest_rx = read(batch, offset)
        users: tuple[SocketUser, ...] = ()
        if size >= fixed + user_size:
            users = merged(
                SocketUser(processes.read(batch, at + process_at), *read_user(batch, at))
                for at in range(offset + fixed, offset + size - user_size + 1, user_size)
            )
        return SocketUsage(own_tx, own_rx, rest_tx, rest_rx, users)

    return usage


def merged(users: Iterable[SocketUser]) -> tuple[SocketUser, ...]:
    """Return users with one entry for each image: two threads that began at once made two."""
    found: dict[tuple[int, int, int], SocketUser] = {}
    for user in users:
        process = user.process
        image = process.tgid, process.start_ns, process.execs
        known = found.get(image)
        if known is not None:
            sums = known.tx_bytes + user.tx_bytes, known.rx_bytes + user.rx_bytes
            found[image] = SocketUser(known.process, *sums)
        else:
            found[image] = user
    return tuple(found.values())
