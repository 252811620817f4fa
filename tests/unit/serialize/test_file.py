# SPDX-License-Identifier: Apache-2.0
import pytest
from msgspec import UNSET

from kflowd.model import Actor, EnrichedFile, FileFlag
from kflowd.serialize.blocks.file import FILE_NOTES, InodeBlock
from kflowd.serialize.file import file_notes, inode_block
from tests.unit.make import file, inode
from tests.unit.serialize.text import of_file


def test_an_unknown_inode_has_no_fields() -> None:
    """Unknown is absent and never a default."""
    values = of_file(flags=FileFlag.NO_INODE | FileFlag.PATH_TEXT)
    assert not set(InodeBlock.__struct_fields__) & set(values)
    assert "FileMode" not in values
    assert values["FileNotes"] == ["PATH_UNRESOLVED", "NO_INODE"]


def test_changes_are_present_if_there_are_any() -> None:
    """Size and time changes are left out when they are zero, and may be negative."""
    values = of_file(size_first=100, inode=inode(mtime_ns=5), mtime_first_ns=7)
    assert values["FileSizeChange"] == -59
    assert values["FileModificationTimeChange"] == -2e-9
    values = of_file(size_first=41, mtime_first_ns=2)
    assert not {"FileSizeChange", "FileModificationTimeChange", "FileOrigin"} & set(values)


@pytest.mark.parametrize(
    ("first", "flags", "before"),
    [
        (0o104755, 0, "4755/-rwsr-xr-x"),
        (0o100644, FileFlag.MODE_MOVED, "0644/-rw-r--r--"),  # set and set back
        (0o100644, FileFlag.STALE, None),  # never another
        (0, FileFlag.MODE_MOVED, None),  # not known
    ],
)
def test_permissions_before_are_there_if_they_were_others(
    first: int, flags: int, before: str | None
) -> None:
    """What was set and set back is seen; what is not known is absent, and so it is by --strict."""
    values = of_file(mode_first=first, flags=flags)
    assert values["FilePermissions"] == "0644/-rw-r--r--"
    assert values.get("FilePermissionsBefore") == before
    names = list(values)
    if before:
        place = names.index("FilePermissionsBefore")
        assert names[place - 1] == "FilePermissions"
    aggregate = file(mode_first=first, flags=flags)
    block = inode_block(EnrichedFile(Actor(aggregate.process), aggregate), strict=True)
    assert block is not None
    assert block.FilePermissionsBefore is UNSET


def test_changes_need_to_know_what_was_before() -> None:
    """A file that was met in the middle has not grown from nothing."""
    values = of_file(flags=FileFlag.NO_BASELINE)
    assert not {"FileSizeChange", "FileModificationTimeChange"} & set(values)
    assert "FileNotes" not in values


def test_events_that_came_in_the_wrong_order_took_no_time() -> None:
    """Two CPUs may take the times; what was a bare 0 is one."""
    assert of_file(first_ns=7, last_ns=5)["FileEventsDuration"] == 0


@pytest.mark.parametrize(
    ("path", "directory", "name"),
    [("/a/b", "/a/", "b"), ("/b", "/", "b"), ("", "", ""), ("/a/b/", "/a/b/", "")],
)
def test_paths_are_split(path: str, directory: str, name: str) -> None:
    """FilePath begins and ends with a slash."""
    values = of_file(path=path)
    assert (values["FilePath"], values["File"]) == (directory, name)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (FileFlag.PATH_UNKNOWN, ("PATH_UNRESOLVED",)),
        (FileFlag.PATH_NO_MOUNT, ("PATH_UNRESOLVED",)),
        (FileFlag.PATH_GUESSED, ("PATH_UNRESOLVED",)),
        (FileFlag.PATH_UNREACHABLE | FileFlag.PATH_DELETED, ("DELETED", "UNREACHABLE")),
        (FileFlag.PATH_TEXT | FileFlag.PATH_TRUNCATED, ("PATH_UNRESOLVED", "PATH_TRUNCATED")),
        (FileFlag.NO_INODE | FileFlag.STALE, ("NO_INODE", "STALE")),
        (FileFlag.PARTIAL | FileFlag.PATH_SENT, ("PARTIAL",)),
        (FileFlag.MAPPED | FileFlag.STALE, ("STALE", "MAPPED_WRITABLE")),
        (FileFlag.MAPPED | FileFlag.STORED | FileFlag.STALE, ("STALE",)),  # known to be changed
    ],
)
def test_notes_say_what_is_not_complete(flags: int, words: tuple[str, ...]) -> None:
    """Each word is in the table."""
    notes = file_notes(flags)
    assert notes is not None
    assert notes.FileNotes == words
    assert set(words) <= set(FILE_NOTES)


def test_nothing_to_note_is_no_block() -> None:
    """Flags that only say how a record travelled are no notes."""
    assert file_notes(FileFlag.PATH_SENT | FileFlag.ENDED | FileFlag.NO_BASELINE) is None
    assert file_notes(FileFlag.MAPPED | FileFlag.STORED) is None
    assert file_notes(FileFlag.STORED) is None
