# SPDX-License-Identifier: Apache-2.0
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kflowd.errors import FimError
from kflowd.fim import database
from kflowd.fim.database import Database, made
from kflowd.fim.secret import Secret

KEY = Secret(b"k" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a new database."""
    found = tmp_path / "new" / "fim.db"
    with made(found, KEY):
        pass
    return found


def execute(path: Path, *statements: str) -> None:
    """Change a database as another program would."""
    connection = sqlite3.connect(path)
    for each in statements:
        connection.execute(each)
    connection.commit()
    connection.close()


def test_a_new_one_is_whole(path: Path) -> None:
    """Only its owner reads it, and nothing stands beside it."""
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["fim.db"]
    with Database(path, KEY, write=True) as found:
        found.examine()
        assert found.used.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    found.close()
    with pytest.raises(FimError, match="it is closed"):
        _ = found.used


def test_what_fails_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    """And what an earlier end has left is no hindrance."""
    path = tmp_path / "fim.db"
    with pytest.raises(KeyError), made(path, KEY):
        raise KeyError
    assert not os.listdir(tmp_path)
    (tmp_path / "fim.db.new").write_bytes(b"rest")
    with made(path, KEY):
        pass
    with Database(path, KEY, write=False) as found:
        found.examine()


def cut(path: Path) -> None:
    """Cut a file in its middle."""
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    """Write over the second page."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda it: it.unlink(), "there is no state"),
        (lambda it: it.write_bytes(b"hello" * 999), "it is damaged: file is not a database"),
        (lambda it: it.write_bytes(b""), "it is no state of kflowd"),
        (cut, "damaged"),
        (overwrite, "damaged"),
        (lambda it: execute(it, "PRAGMA application_id = 7"), "it is no state of kflowd"),
        (lambda it: execute(it, "PRAGMA user_version = 0"), "it is of an older kflowd: schema 0"),
        (lambda it: execute(it, "PRAGMA user_version = 9"), "it is of a newer kflowd: schema 9"),
        (lambda it: execute(it, "DROP TRIGGER history_whole"), "its tables were changed"),
        (lambda it: execute(it, "DELETE FROM meta"), "it was made with another key"),
        (lambda it: it.chmod(0o644), "its mode is 0644, and 0600 is wanted"),
        (lambda it: (it.rename(f"{it}2"), it.symlink_to(f"{it}2")), "Too many levels"),
    ],
)
def test_what_is_no_state_is_refused(
    path: Path, spoil: Callable[[Path], object], cause: str
) -> None:
    """With its cause, and it stays as it is: no new one is made in its place."""
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(FimError, match=cause), Database(path, KEY, write=True) as found:
        found.examine()
    assert before == (path.read_bytes() if path.is_file() else None)


def test_another_key_is_refused(path: Path) -> None:
    """What one host has accepted is not another's."""
    with pytest.raises(FimError, match="another key"):
        Database(path, Secret(b"x" * 32), write=False)


def test_one_writes_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W40: the other one waits, and not for ever; who reads does not wait."""
    monkeypatch.setattr(database, "PATIENCE_S", 0.1)
    with Database(path, KEY, write=True):
        with pytest.raises(FimError, match="another kflowd fim is at work"):
            Database(path, KEY, write=True)
        Database(path, KEY, write=False).close()
    Database(path, KEY, write=True).close()


def test_all_is_written_or_nothing(path: Path) -> None:
    """Also when what writes fails."""
    with Database(path, KEY, write=True) as found:
        statements = ("INSERT INTO meta VALUES ('x', X'00')", "INSERT INTO none VALUES (1)")
        with pytest.raises(FimError, match="no such table"), found.writing() as used:
            list(map(used.execute, statements))
        assert found.used.execute("SELECT count(*) FROM meta").fetchone() == (1,)


def test_history_is_only_added_to(path: Path) -> None:
    """The database itself refuses."""
    with Database(path, KEY, write=True) as found:
        with found.writing() as used:
            used.execute("INSERT INTO history (time_ns, user, action) VALUES (1, 0, 'init')")
        for statement in ("DELETE FROM history", "UPDATE history SET action = 'x'"):
            with pytest.raises(FimError, match="only added to"), found.writing() as used:
                used.execute(statement)


def test_a_rest_of_another_is_refused(path: Path) -> None:
    """A log of changes without its database would be played into a new one."""
    path.unlink()
    path.with_name("fim.db-wal").write_bytes(b"x")
    with pytest.raises(FimError, match="fim.db-wal is there without its database"):
        database.refuse_existing(path)
