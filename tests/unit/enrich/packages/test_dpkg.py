# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.enrich.packages.dpkg import (
    Diversion,
    Dpkg,
    parse_diversions,
    parse_list,
    parse_status,
)
from kflowd.enrich.packages.stamps import DatabaseError
from tests.unit.enrich.packages.make import Tree, stanza

ODD = "/usr/bin/a b\t'\"\udcff"


def read(tree: Tree) -> dict[str, tuple[str, list[str]]]:
    """Return version and paths by package."""
    return {
        package.name: (
            package.version,
            [path.decode("utf-8", "surrogateescape") for path in paths],
        )
        for package, paths in Dpkg(str(tree.admin)).read()
    }


def test_packages_have_their_version_and_paths(tmp_path: Path) -> None:
    """With epochs, with the architecture in a list's name, with odd names of files."""
    tree = Tree(tmp_path)
    tree.add("ssh", "1:9.2p1-2+deb12u1", "/usr", "/usr/bin/ssh", ODD)
    tree.add("libc6", "2.36-9", "/lib/libc.so", same=True)
    tree.add("libc6", "2.36-9", "/lib/libc.so", same=True, architecture="i386")
    assert read(tree) == {
        "ssh:amd64": ("1:9.2p1-2+deb12u1", ["/usr", "/usr/bin/ssh", ODD]),
        "libc6:amd64": ("2.36-9", ["/lib/libc.so"]),
        "libc6:i386": ("2.36-9", ["/lib/libc.so"]),
    }


@pytest.mark.parametrize(
    ("status", "there"),
    [
        ("install ok installed", True),
        ("hold ok installed", True),
        ("install ok unpacked", True),
        ("install ok half-configured", True),
        ("install ok triggers-awaited", True),
        ("install ok triggers-pending", True),
        ("install reinstreq half-installed", False),
        ("deinstall ok config-files", False),
        ("unknown ok not-installed", False),
    ],
)
def test_a_package_counts_while_its_files_are_in_place(
    status: str, there: bool, tmp_path: Path
) -> None:
    """What is being replaced has no version, nor has what is gone but for its configuration."""
    tree = Tree(tmp_path)
    tree.add("ssh", "1", "/usr/bin/ssh", status=status)
    assert list(read(tree)) == ["ssh:amd64"] * there


def test_the_journal_is_newer_than_status(tmp_path: Path) -> None:
    """In the order of its numbers; what dpkg is still writing is no part of it."""
    tree = Tree(tmp_path)
    tree.add("a", "1", "/usr/bin/a")
    tree.add("b", "1", "/usr/bin/b")
    updates = tree.admin / "updates"
    (updates / "0002").write_text(stanza("a", "3", "amd64", "install ok installed"))
    (updates / "0001").write_text(stanza("a", "2", "amd64", "install ok unpacked"))
    (updates / "0003").write_text(stanza("b", "1", "amd64", "install reinstreq half-installed"))
    (updates / "tmp.i").write_text(stanza("a", "4", "amd64", "install ok installed"))
    assert read(tree) == {"a:amd64": ("3", ["/usr/bin/a"])}


def test_diverted_paths_are_where_dpkg_has_moved_them(tmp_path: Path) -> None:
    """Those of the package that diverts stay; a local diversion moves everybody's."""
    tree = Tree(tmp_path)
    tree.add("bash", "5", "/bin/sh", "/bin/bash", "/bin/local")
    tree.add("dash", "0.5", "/bin/sh", same=True)
    (tree.admin / "diversions").write_text(
        "/bin/sh\n/bin/sh.distrib\ndash\n/bin/local\n/bin/local.real\n:\n/bin/torn\n/bin/torn.x\n"
    )
    assert read(tree) == {
        "bash:amd64": ("5", ["/bin/sh.distrib", "/bin/bash", "/bin/local.real"]),
        "dash:amd64": ("0.5", ["/bin/sh"]),
    }


@pytest.mark.parametrize("data", [b"\0" * 4096 + b"\n", b"torn\n", b"Status: x\n\nPackage: y\n"])
def test_what_is_no_status_is_an_error(data: bytes, tmp_path: Path) -> None:
    """It is told, and not taken for a host without packages."""
    tree = Tree(tmp_path)
    (tree.admin / "status").write_bytes(data)
    with pytest.raises(DatabaseError, match="no package"):
        read(tree)


def test_a_torn_status_gives_what_is_whole(tmp_path: Path) -> None:
    """Cut at any line: no version that was not there; cut within one: an error."""
    tree = Tree(tmp_path)
    tree.add("a", "1:1", "/usr/bin/a")
    tree.add("b", "2:2", "/usr/bin/b")
    whole = read(tree)
    lines = (tree.admin / "status").read_bytes().splitlines(keepends=True)
    for name in ("status", "updates/0001"):
        (tree.admin / name).write_bytes(b"".join(lines)[:-4])
        with pytest.raises(DatabaseError, match=f"{name} is cut short"):
            read(tree)
        (tree.admin / name).write_bytes(b"".join(lines))
    (tree.admin / "updates/0001").unlink()
    seen = set()
    for end in range(1, len(lines)):
        (tree.admin / "status").write_bytes(b"".join(lines[:end]))
        try:
            found = read(tree)
        except DatabaseError:
            found = {}
        assert found.items() <= whole.items()
        seen.add(tuple(sorted(found)))
    assert seen == {(), ("a:amd64",), ("a:amd64", "b:amd64")}


def test_without_dpkg_there_is_no_stamp(tmp_path: Path) -> None:
    """A host of another kind; a database whose status is gone is one, though."""
    assert Dpkg(str(tmp_path / "none")).stamp() is None
    tree = Tree(tmp_path)
    (tree.admin / "status").unlink()
    assert Dpkg(str(tree.admin)).stamp() is not None
    with pytest.raises(OSError, match="status"):
        read(tree)


def test_a_stamp_changes_with_each_part(tmp_path: Path) -> None:
    """With status, a list, the journal, diversions."""
    tree = Tree(tmp_path)
    database = Dpkg(str(tree.admin))
    stamps = [database.stamp()]
    for change in ("info/a.list", "updates/0001", "diversions"):
        (tree.admin / change).write_text("")
        stamps.append(database.stamp())
    tree.add("a", "1", "/usr/bin/a")
    stamps.append(database.stamp())
    assert len(set(stamps)) == 5
    assert database.stamp() == stamps[-1]


@given(st.binary() | st.text().map(str.encode))
def test_parsers_take_anything(data: bytes) -> None:
    """Without an error; what they give is of the form that they promise."""
    for each in parse_status(data):
        assert each.package
        assert each.status
    assert all(path.startswith(b"/") and b"\n" not in path for path in parse_list(data))
    for path, diverted in parse_diversions(data).items():
        assert path.startswith(b"/")
        assert diverted.target.startswith(b"/")


WORD = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=9)
NAME = st.binary(min_size=1, max_size=9).filter(lambda name: not {0, 10} & set(name))


@given(st.lists(st.tuples(WORD, WORD), unique_by=lambda row: row[0]))
def test_what_is_written_is_read(rows: list[tuple[str, str]]) -> None:
    """Names and versions come back as they are."""
    data = "\n".join(stanza(name, version, "all", "install ok installed") for name, version in rows)
    found = [(each.package, each.version, each.state) for each in parse_status(data.encode())]
    assert found == [(name, version, "installed") for name, version in rows]


@given(st.lists(NAME, unique=True), st.lists(st.tuples(NAME, NAME), unique_by=lambda row: row[0]))
def test_paths_are_read_as_bytes(names: list[bytes], moved: list[tuple[bytes, bytes]]) -> None:
    """Whatever the encoding."""
    listed = b"/.\n" + b"".join(b"/d/" + name + b"\n" for name in names)
    assert list(parse_list(listed)) == [b"/d/" + name for name in names]
    lines = b"".join(b"/" + path + b"\n/" + target + b"\np\n" for path, target in moved)
    wanted = {b"/" + path: Diversion(b"/" + target, "p") for path, target in moved}
    assert parse_diversions(lines) == wanted


def test_what_dpkg_moves_from_the_journal_meanwhile_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes all into status, and then empties the journal, between two of our reads."""
    tree = Tree(tmp_path)
    tree.add("a", "1", "/usr/bin/a")
    replaced = stanza("a", "1", "amd64", "install reinstreq half-installed")
    (tree.admin / "updates/0001").write_text(replaced)
    whole = Dpkg._bytes

    def read_bytes(database: Dpkg, name: str) -> bytes:
        data = whole(database, name)
        if (tree.admin / "updates/0001").exists():
            tree.stanzas["a:amd64"] = replaced
            tree.write()
            (tree.admin / "updates/0001").unlink()
        return data

    monkeypatch.setattr(Dpkg, "_bytes", read_bytes)
    assert read(tree) == {}
    assert not (tree.admin / "updates/0001").exists()
