# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim import compare
from kflowd.fim.state import State
from tests.unit.fim.states import state

ONE: dict[str, dict[str, Any]] = {
    "size": {"size": 4},
    "mode": {"mode": 0o4755},
    "uid": {"uid": 0},
    "gid": {"gid": 0},
    "links": {"links": 2},
    "mtime": {"mtime_ns": 11},
    "acl": {"acl": ("user:1000:rw-",)},
    "capabilities": {"capabilities": "cap_net_raw=ep"},
    "label": {"label": "system_u:object_r:etc_t:s0"},
    "flags": {"flags": ("immutable",)},
    "content": {"sha256": b"\2" * 32},
    "inode": {"inode": 8},
    "xattr:user.a": {"xattrs": {"user.a": "00"}},
}


@pytest.mark.parametrize("word", ONE)
def test_each_attribute_is_a_word(word: str) -> None:
    """Nothing else is said, whichever of two states has it."""
    other = state(**ONE[word])
    assert compare.changes(state(), other) == (word,)
    assert compare.changes(other, state()) == (word,)


def test_a_touch_is_no_change_of_content() -> None:
    """W5: equal content is equal; the time of the last change of the inode says nothing."""
    found = compare.found_in_place(b"/a", state(), state(mtime_ns=99, ctime_ns=99))
    assert found is not None
    assert (found.finding, found.changed) == ("attributes", ("mtime",))
    assert compare.found_in_place(b"/a", state(), state(ctime_ns=99)) is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"sha256": b"\2" * 32, "size": 9, "mtime_ns": 9}, "modified"),
        ({"sha256": None, "note": "unreadable: EIO"}, "modified"),
        ({"size": 0, "sha256": b"\3" * 32}, "modified"),  # W22: emptied
        ({"mode": 0o600}, "attributes"),
        ({"inode": 8, "sha256": b"\2" * 32}, "replaced"),
        ({"generation": 6}, "replaced"),  # W36
        ({"type": "symlink", "target": b"/etc/shadow", "sha256": None}, "replaced"),
        ({"links": 2}, "linked"),
        ({"links": 0}, "attributes"),
    ],
)
def test_a_change_has_its_kind(changes: dict[str, Any], kind: str) -> None:
    """One change is one finding of one kind."""
    found = compare.found_in_place(b"/a", state(), state(**changes))
    assert found is not None
    assert found.finding == kind
    assert list(found.changed) == sorted(found.changed)


def test_what_is_in_a_directory_does_not_change_it() -> None:
    """Its entries have findings of their own; its mode is its own."""
    one = state(type="directory", sha256=None)
    other = state(type="directory", sha256=None, size=9, links=9, mtime_ns=99)
    assert compare.changes(one, other) == ()
    assert compare.changes(one, state(type="directory", sha256=None, mode=0o777)) == ("mode",)


def test_samples_are_not_compared_with_a_digest() -> None:
    """With another max_size the size is what can be said."""
    one, other = state(), state(sampled=True, sha256=b"\2" * 32)
    assert compare.changes(one, other) == ()
    assert "content" in compare.changes(one, state(sampled=True, size=4, sha256=b"\2" * 32))


def test_bits_are_those_of_aide() -> None:
    """1 new, 2 removed, 4 changed."""
    made = [
        compare.created(b"/a", state()),
        compare.linked(b"/a", state(), b"/b"),
        compare.deleted(b"/a", state()),
        compare.renamed(b"/a", state(), b"/b", state()),
    ]
    assert [it.bit for it in made] == [1, 1, 2, 4]


def test_a_log_may_grow() -> None:
    """Only if it begins with all that it was."""
    grown = {"size": 9, "sha256": b"\2" * 32, "prefix_size": 3}
    assert compare.is_appended(state(), state(**grown, prefix_sha256=b"\1" * 32))
    assert not compare.is_appended(state(), state(**grown, prefix_sha256=b"\4" * 32))
    assert not compare.is_appended(state(), state(size=2, sha256=b"\2" * 32))


def test_a_number_alone_does_not_say_that_it_is_the_same() -> None:
    """Where a file system tells neither birth nor generation, all else has to be equal."""
    bare = {"birth_ns": None, "generation": None}
    assert compare.is_certain(state(), state(size=9))
    assert compare.is_certain(state(**bare), state(**bare))
    assert not compare.is_certain(state(**bare), state(**bare, size=9))


def test_a_state_is_shown_by_its_names() -> None:
    """What does not apply is not there; samples have a name of their own."""
    shown = compare.described(state(target=None))
    assert shown["Mode"] == "0644"
    assert shown["Device"] == "8:1"
    assert shown["ModificationTime"] == "1970-01-01T00:00:00.000000010Z"
    assert "Target" not in shown
    assert "SHA256" not in compare.described(state(sampled=True))
    assert compare.described(state(sampled=True))["SampledSHA256"] == "01" * 32
    label = compare.described(state(label="x", xattrs={"user.b": "1"}))["Xattrs"]
    assert label == {"security.selinux": "x", "user.b": "1"}


STATES = st.builds(
    lambda picked: state(**{key: value for word in picked for key, value in ONE[word].items()}),
    st.sets(st.sampled_from(sorted(ONE))),
)


@given(STATES, STATES)
def test_a_comparison_is_the_same_both_ways(one: State, other: State) -> None:
    """What differs does so from both sides, and nothing differs from itself."""
    assert compare.changes(one, other) == compare.changes(other, one)
    assert compare.changes(one, one) == ()
    expected = {word for word in ONE if _has(one, word) != _has(other, word)}
    assert set(compare.changes(one, other)) == expected


def _has(of: State, word: str) -> bool:
    return all(getattr(of, key) == value for key, value in ONE[word].items())
