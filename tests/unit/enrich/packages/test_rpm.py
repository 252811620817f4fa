# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.enrich.packages.index import Package
from kflowd.enrich.packages.rpm import FORMAT, Rpm, module_query, parse_query, query
from kflowd.enrich.packages.stamps import DatabaseError


def found(database: Rpm) -> dict[str, tuple[str, list[bytes]]]:
    """Return version and paths by package."""
    return {package.name: (package.version, paths) for package, paths in database.read()}


def test_the_command_is_asked_before_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is there; tests/host/test_rpm.py asks both for the same."""
    there = {"rpm": "/bin/rpm", "python3": "/bin/python3"}
    monkeypatch.setattr("shutil.which", lambda name, path: there.get(name) if path else None)
    assert query("/db") == ("/bin/rpm", "--dbpath", "/db", "-qa", "--qf", FORMAT)
    del there["rpm"]
    assert query("/db") == module_query("/bin/python3", "/db")
    del there["python3"]
    assert query("/db") == ()


def test_nothing_that_can_read_it_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is there, and would tell versions."""
    (tmp_path / "Packages").write_text("x")
    monkeypatch.setattr("shutil.which", lambda _name, path: path and None)
    with pytest.raises(DatabaseError, match="neither the rpm command nor"):
        found(Rpm((str(tmp_path),)))


def test_without_a_database_there_is_no_stamp_and_no_child(tmp_path: Path) -> None:
    """A host of another kind."""
    database = Rpm((str(tmp_path),), ("/nonexistent",))
    assert database.stamp() is None
    assert found(database) == {}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sleep 60", "more than 0.2 s"),
        ("echo broken >&2; exit 1", "broken"),
        ("exit 3", "rpm failed"),
    ],
)
def test_a_child_that_fails_is_an_error(command: str, message: str, tmp_path: Path) -> None:
    """One that hangs is ended."""
    (tmp_path / "Packages").write_text("x")
    database = Rpm((str(tmp_path),), ("/bin/sh", "-c", f"exec 3>&-; {command}"), timeout_s=0.2)
    with pytest.raises(DatabaseError, match=message):
        found(database)


def test_a_database_that_is_none_is_an_error(tmp_path: Path) -> None:
    """The real command says so."""
    (tmp_path / "rpmdb.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseError):
        found(Rpm((str(tmp_path),)))


def test_a_command_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Of the kind that readers expect."""
    (tmp_path / "Packages").write_text("x")
    with pytest.raises(OSError, match="nonexistent"):
        found(Rpm((str(tmp_path),), ("/nonexistent", FORMAT)))


def test_what_is_not_in_place_does_not_count() -> None:
    """Of files that were replaced, not installed, or of another colour only the name is there."""
    lines = (
        b"Pa.x\t1-2\t3 4\nF0/usr/bin/a\nF1/usr/bin/b\nF2/c\nF4/d\n(none)\nPb.x\t\t1 1\nF0/usr/bin/e"
    )
    assert list(parse_query(lines)) == [(Package("a.x", "1-2", "1-2 3 4"), [b"/usr/bin/a"])]


@given(st.binary() | st.lists(st.sampled_from([b"P", b"F0/", b"\t", b"\n", b"a"])).map(b"".join))
def test_the_parser_takes_anything(data: bytes) -> None:
    """Without an error; paths are absolute."""
    for package, paths in parse_query(data):
        assert package.version
        assert all(path.startswith(b"/") and b"\n" not in path for path in paths)
