# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kflowd.enrich.packages.index import Directories, Draft, Index, Origin

PATHS = st.binary(min_size=1, max_size=3)
FOUND = st.lists(
    st.tuples(
        st.builds(Origin, st.sampled_from(["1", "2"]), st.integers(0, 3)),
        st.lists(PATHS, max_size=6),
    ),
    max_size=6,
)


def drafted(found: list[tuple[Origin, list[bytes]]]) -> Draft:
    """Return a draft of origins."""
    draft = Draft()
    for origin, paths in found:
        draft.add(origin, paths)
    return draft


@given(FOUND, FOUND, st.lists(PATHS))
def test_it_answers_as_a_dictionary_would(
    found: list[tuple[Origin, list[bytes]]],
    more: list[tuple[Origin, list[bytes]]],
    others: list[bytes],
) -> None:
    """Of several packages that agree it is the newest; where they do not it is nobody."""
    draft = drafted(found)
    draft.take(drafted(more))
    index = Index(draft)
    owners: dict[bytes, set[Origin]] = {}
    for origin, paths in [*found, *more]:
        for path in paths:
            owners.setdefault(path, set()).add(origin)
    assert len(index) == len(owners)
    for path in {*owners, *others}:
        known = owners.get(path, set())
        agreed = len({each.version for each in known}) == 1
        assert index.find(path) == (max(known) if agreed else None)


def test_an_empty_index_knows_nothing() -> None:
    """Before the first reading there is one, too."""
    assert Index().find(b"/usr/bin/true") is None


def test_directories_are_resolved_as_the_kernel_shows_them(tmp_path: Path) -> None:
    """Of a merged /usr, by relative and absolute links, of links to links; names stay as listed."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/lib/new").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/lib/old").symlink_to("new")
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "usr/bin/sh").symlink_to("dash")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "out").symlink_to("/")
    resolve = Directories(str(tmp_path)).resolve
    assert resolve(b"/bin/true") == b"/usr/bin/true"
    assert resolve(b"/usr/bin/true") == b"/usr/bin/true"
    assert resolve(b"/lib/old/x") == b"/usr/lib/new/x"
    assert resolve(b"/bin/sh") == b"/usr/bin/sh"
    assert resolve(b"/usr/bin/sub/\xff") == b"/usr/bin/sub/\xff"
    assert resolve(b"/gone/away") == b"/gone/away"
    assert resolve(b"/loop/x") == b"/loop/x"
    assert resolve(b"/out/x") == b"/out/x"
    assert resolve(b"/top") == b"/top"


@given(st.binary(max_size=40), st.integers(0, 300))
def test_no_path_is_too_odd(tail: bytes, depth: int) -> None:
    """Whatever a list has: no error, and the last name stays."""
    path = b"/nowhere-kf" * depth + b"/" + tail
    assert Directories("/nonexistent").resolve(path).rpartition(b"/")[2] == path.rpartition(b"/")[2]
