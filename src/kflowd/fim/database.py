# SPDX-License-Identifier: Apache-2.0
"""Opens the database of the state with care, and makes a new one whole or not at all."""

import fcntl
import functools
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kflowd.closeable import Closeable
from kflowd.errors import FimError
from kflowd.fim.schema import APPLICATION, INDEXES, TABLES, VERSION
from kflowd.fim.secret import Secret, distrust, sync_folder

# How long another one of us is waited for, and another writer of SQLite.
PATIENCE_S = 5.0
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_BESIDE = ("-wal", "-journal")
_HINT = "restore it, or move it away and make a new one: kflowd fim init"


class Database(Closeable):
    """A database that is open, and locked against others of us if it is to be written.

    Args:
        path: Of the file.
        secret: The key that it was made with.
        write: Whether it is to be written.

    Raises:
        FimError: It is not there, no state of ours, damaged, of another key, or in use.
    """

    def __init__(self, path: Path, secret: Secret, *, write: bool) -> None:
        self.path = path
        self.connection: sqlite3.Connection | None = None
        # closed behind the connection: to close it takes away the locks of SQLite
        self._lock = _opened(path)
        try:
            if write:
                _locked(self._lock, path)
            with self.reading():
                self.connection = _connected(path)
                self._check(secret)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what SQLite says of a damage into an error with one line.

        Raises:
            FimError: The database is damaged, full, or in use.
        """
        try:
            yield
        except sqlite3.OperationalError as error:
            raise FimError(f"using {self.path}: {error}") from None
        except sqlite3.DatabaseError as error:
            raise FimError(f"using {self.path}: it is damaged: {error}", _HINT) from None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Do all that is written inside, or nothing.

        Raises:
            FimError: As of `reading`.
        """
        with self.reading():
            used = self.used
            used.execute("BEGIN IMMEDIATE")
            try:
                yield used
                used.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    used.execute("ROLLBACK")
                raise

    @property
    def used(self) -> sqlite3.Connection:
        """The connection."""
        if self.connection is None:
            raise FimError(f"using {self.path}: it is closed")
        return self.connection

    def examine(self) -> None:
        """Read all pages.

        Raises:
            FimError: One is damaged.
        """
        with self.reading():
            (said,) = self.used.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            first = str(said).splitlines()[-1]
            raise FimError(f"using {self.path}: it is damaged: {first}", _HINT)

    def close(self) -> None:
        """Close it, and let others use it."""
        if self.connection is not None:
            with suppress(sqlite3.Error):
                self.connection.close()
            self.connection = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _check(self, secret: Secret) -> None:
        (application,) = self.used.execute("PRAGMA application_id").fetchone()
        (version,) = self.used.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION:
            raise FimError(f"using {self.path}: it is no state of kflowd", _HINT)
        if version != VERSION:
            other = "an older" if version < VERSION else "a newer"
            raise FimError(
                f"using {self.path}: it is of {other} kflowd: schema {version}, not {VERSION}",
                _HINT,
            )
        if _schema_of(self.used) != _expected():
            raise FimError(f"using {self.path}: its tables were changed by another program", _HINT)
        found = self.used.execute("SELECT value FROM meta WHERE name = 'key'").fetchone()
        if found is None or found[0] != secret.proof:
            raise FimError(f"using {self.path}: it was made with another key", _HINT)
        self.used.execute("PRAGMA synchronous = FULL")


@contextmanager
def made(path: Path, secret: Secret) -> Iterator[sqlite3.Connection]:
    """Make a database; it has its name when all is written and on the disk.

    Raises:
        FimError: There is one, or it cannot be made.
    """
    refuse_existing(path)
    temporary = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(temporary, _FLAGS | os.O_CREAT, 0o600)
        os.fchmod(lock, 0o600)
    except OSError as error:
        raise FimError(f"making {temporary}: {error.strerror}") from None
    try:
        _locked(lock, temporary)
        os.ftruncate(lock, 0)  # of an init that was ended
        connection = _connected(temporary)
        try:
            for each in ("journal_mode = OFF", "synchronous = OFF"):
                connection.execute(f"PRAGMA {each}")
            connection.executescript(TABLES)
            connection.execute("BEGIN")
            connection.execute("INSERT INTO meta VALUES ('key', ?)", (secret.proof,))
            yield connection
            connection.execute("COMMIT")
            connection.executescript(INDEXES)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        os.fsync(lock)
        os.link(temporary, path)
        sync_folder(path.parent)
    except FileExistsError:
        refuse_existing(path)
        raise
    except sqlite3.Error as error:
        raise FimError(f"making {path}: {error}") from None
    except OSError as error:
        raise FimError(f"making {path}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
        os.close(lock)


def refuse_existing(path: Path) -> None:
    """Refuse to make what is there.

    Raises:
        FimError: It is, or a part of one is.
    """
    if os.path.lexists(path):
        hint = "kflowd fim accept takes changes over; to begin anew, move it away"
        raise FimError(f"making {path}: there is a state already", hint)
    for each in _BESIDE:
        beside = path.with_name(path.name + each)
        if os.path.lexists(beside):
            raise FimError(f"making {path}: {beside} is there without its database", _HINT)


def _opened(path: Path) -> int:
    try:
        number = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise FimError(f"using {path}: there is no state", "make one: kflowd fim init") from None
    except OSError as error:
        raise FimError(f"using {path}: {error.strerror}") from None
    if cause := distrust(os.fstat(number)):
        os.close(number)
        raise FimError(f"using {path}: {cause}")
    return number


def _locked(number: int, path: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise FimError(f"using {path}: another kflowd fim is at work") from None
            time.sleep(0.05)
        else:
            return


def _schema_of(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    query = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name"
    # what ANALYZE and AUTOINCREMENT make is SQLite's
    return [it for it in connection.execute(query) if not it[1].startswith("sqlite_")]


@functools.cache
def _expected() -> list[tuple[str, ...]]:
    """Return the tables that a state has."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(TABLES + INDEXES)
        return _schema_of(connection)
    finally:
        connection.close()


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)
    # a database is data: what stands in its schema is not to run what it likes
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection
