# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols.tls.reader import EndsError, Reader, UnreadableError


def test_numbers_and_vectors_follow_each_other() -> None:
    """Each where the one before ends."""
    reader = Reader(b"\x01\x02\x02ab\x00\x04\x00\x01\x00\x02", "hello")
    assert (reader.number(2), reader.vector(1)) == (0x0102, b"ab")
    assert reader.numbers(2) == [1, 2]
    assert reader.left == 0


@pytest.mark.parametrize("data", [b"", b"\x02a", b"\x03"])
def test_what_is_not_all_there_is_told(data: bytes) -> None:
    """By the name of what it is."""
    with pytest.raises(EndsError, match="^early end of server name$"):
        Reader(data, "server name").vector(1)


def test_half_a_number_is_none() -> None:
    """It has not ended early: it is wrong."""
    with pytest.raises(UnreadableError, match="^half a number in versions$") as raised:
        Reader(b"\x03\0\0\0", "versions").numbers(1)
    assert not isinstance(raised.value, EndsError)
