# SPDX-License-Identifier: Apache-2.0
import difflib

from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.consumers.edits import Edit, edits

lines = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=20)


def applied(old: list[bytes], new: list[bytes], found: list[Edit]) -> list[bytes]:
    """Return what edits make of the old lines."""
    made: list[bytes] = []
    at = 0
    for each in found:
        made += old[at : each.begin] + new[each.new_begin : each.new_end]
        at = each.end
    return made + old[at:]


@given(lines, lines, st.sampled_from([0, 3, 500]))
def test_edits_make_the_new_of_the_old(old: list[bytes], new: list[bytes], most: int) -> None:
    """Whatever the limit is, they lead from one to the other."""
    found = edits(old, new, most)
    assert applied(old, new, found) == new
    assert bool(found) is (old != new)


@given(lines, lines)
def test_edits_are_the_fewest(old: list[bytes], new: list[bytes]) -> None:
    """No more lines differ than another finds."""
    found = edits(old, new)
    mine = sum((it.end - it.begin) + (it.new_end - it.new_begin) for it in found)
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    theirs = sum((it[2] - it[1]) + (it[4] - it[3]) for it in codes if it[0] != "equal")
    assert mine <= theirs


def test_beyond_the_limit_it_is_one_edit() -> None:
    """What lies between the first and the last difference."""
    old, new = [b"%d" % it for it in range(100)], [b"%d" % -it for it in range(100)]
    assert edits(old, new, 10) == [Edit(1, 100, 1, 100)]


def test_much_work_is_given_up() -> None:
    """Lines that repeat cost steps without differences."""
    old = [b"a", b"b"] * 60_000
    new = [*old[1:-2], b"c"]
    assert applied(old, new, edits(old, new)) == new
