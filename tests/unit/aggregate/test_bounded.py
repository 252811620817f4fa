# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from kflowd.aggregate.bounded import ENTRY_BYTES, Bounded


def table(entries: int) -> Bounded[str]:
    """Return a table with room for so many entries of ten bytes."""
    return Bounded(entries * (ENTRY_BYTES + 10))


def test_a_value_is_known_until_it_is_popped() -> None:
    """A later one of the same key is in its place; what is not there is None."""
    it = table(9)
    it.put("a", "x", 1, 10, 0)
    it.put("a", "y", 2, 10, 0)
    assert it.get("a") == "y"
    assert it.held == ENTRY_BYTES + 10
    assert (it.pop("a"), it.pop("a"), it.get("a"), it.held) == ("y", None, None, 0)


def test_who_takes_most_loses_the_oldest() -> None:
    """Whoever takes less loses nothing, however much comes."""
    it = table(16)
    for number in range(4):
        it.put(("few", number), "x", 1, 10, 0)
    for number in range(1000):
        it.put(("many", number), "x", 2, 10, 0)
    assert all(it.get(("few", number)) for number in range(4))
    assert it.get(("many", 999)) == "x"
    assert it.get(("many", 0)) is None
    assert it.evicted >= 985
    assert it.held <= 16 * (ENTRY_BYTES + 10)


def test_what_was_put_before_a_time_is_forgotten() -> None:
    """What was put again since then is not."""
    it = table(9)
    for ts_ns, key in enumerate("abca"):
        it.put(key, "x", 1, 10, ts_ns)
    it.forget(2)
    assert [it.get(key) for key in "abc"] == ["x", None, "x"]
    assert it.evicted == 0


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    """Nothing is left then, and nothing is wrong."""
    it = table(1)
    it.put("a", "x", 1, 9999, 0)
    assert (it.get("a"), it.held, it.evicted) == (None, 0, 1)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 900))))
def test_sums_are_those_of_the_entries(puts: list[tuple[int, int, int]]) -> None:
    """Whatever is put, the table is within its bound and knows what it takes."""
    it = table(5)
    for key, uid, size in puts:
        it.put(key, "x", uid, size, 0)
        assert it.held == sum(entry.size for entry in it._entries.values())
        assert it.held == sum(user.held for user in it._users.values())
        assert it.held <= 5 * (ENTRY_BYTES + 10)
