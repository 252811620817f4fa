# SPDX-License-Identifier: Apache-2.0
"""Users of a socket are read as far as its record goes, whatever its size says."""

import pytest

from kflowd.contract import layout
from kflowd.model import SocketAggregate, SocketFlag, SocketUser, UnixAggregate
from kflowd.records import Decoder
from kflowd.records.usage import merged
from tests.unit.make import process, record
from tests.unit.whole.raw import CAT, NC, user

SIZE = layout("struct kf_user").size
CATS, NCS = user(CAT, 11, 13), user(NC, 17, 19)
SUMS = {"own_tx": 2, "own_rx": 3, "rest_tx": 5, "rest_rx": 7}


@pytest.mark.parametrize(
    ("tail", "users"),
    [(b"", 0), (bytes(SIZE - 8), 0), (CATS, 1), (CATS + NCS, 2), (CATS + NCS + bytes(8), 2)],
)
@pytest.mark.parametrize(("of", "member"), [("SOCK", "sock"), ("UNIX", "unix_sock")])
def test_a_part_of_a_user_is_none(of: str, member: str, tail: bytes, users: int) -> None:
    """What is left of a record behind its last whole user is not read."""
    sums = {f"{member}__usage__{name}": value for name, value in SUMS.items()}
    (value,) = Decoder().decode(record(of, tail, **sums))
    assert isinstance(value, SocketAggregate | UnixAggregate)
    assert value.usage is not None
    assert len(value.usage.users) == users
    assert (value.usage.own_tx, value.usage.own_rx) == (2, 3)
    assert (value.usage.rest_tx, value.usage.rest_rx) == (5, 7)


@pytest.mark.parametrize(("flags", "kept"), [(SocketFlag.FINAL, False), (0, True)])
def test_sums_are_kept_for_the_next_record(flags: int, kept: bool) -> None:
    """The owner's sums are of interest later, and without others not in a last record."""
    (value,) = Decoder().decode(record("SOCK", sock__flags=flags, sock__usage__own_tx=11))
    assert isinstance(value, SocketAggregate)
    assert (value.usage is not None) == kept


def test_an_image_has_one_entry() -> None:
    """Two threads that began to use a socket at once are added up; an exec makes another."""
    first, again = process(execs=1), process(execs=1, tid=102)
    users = (
        SocketUser(first, 2, 3),
        SocketUser(process(execs=2), 5, 7),
        SocketUser(again, 11, 13),
    )
    assert merged(users) == (SocketUser(first, 13, 16), users[1])
