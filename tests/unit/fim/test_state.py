# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.errors import FimError
from kflowd.fim.state import encode, identity, key_of, path_of, state_of
from tests.unit.fim.states import state


@pytest.mark.parametrize(
    "changes",
    [{}, {"target": b"\xff/"}, {"xattrs": {"user.a": "0"}, "acl": ("user::rw-",)}, {"flags": ()}],
)
def test_a_state_comes_back(changes: dict[str, object]) -> None:
    """As bytes, and equal states have equal ones."""
    made = state(**changes)
    assert state_of(encode(made), b"/a") == made
    assert encode(made) == encode(state(**changes))


def test_a_state_that_is_none_is_an_error() -> None:
    """Of one line, with the name."""
    assert state_of(None, b"/a") is None
    assert state_of(encode(state()), b"/a") == state()
    with pytest.raises(FimError, match=r"reading the state of /\\xff: it is damaged"):
        state_of(b"\xc1", b"/\xff")


def test_an_inode_is_known_by_more_than_its_number() -> None:
    """W36: one that is made later with the same number is another; W23: or on another device."""
    one = identity(state())
    assert one == identity(state(device=9, size=4))
    others = [{"inode": 8}, {"generation": 6}, {"birth_ns": 10}]
    assert all(identity(state(**it)) != one for it in others)
    assert identity(state(birth_ns=None)) != identity(state(birth_ns=None, device=9))
    assert identity(state(inode=1 << 63)) != identity(state(inode=(1 << 63) % (1 << 32)))


NAMES = st.lists(st.binary(min_size=1, max_size=3).filter(lambda it: not set(it) & {0, 47}))


@given(NAMES, NAMES)
def test_keys_stand_in_the_order_of_a_walk(one: list[bytes], other: list[bytes]) -> None:
    """A directory, then all below it, then what comes behind it by name."""
    paths = [b"/" + b"/".join(it) for it in (one, other)]
    if one and other:
        assert (key_of(paths[0]) < key_of(paths[1])) == (one < other)
    assert [path_of(key_of(it)) for it in paths] == paths
