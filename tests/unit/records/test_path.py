# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.model import FileFlag, FilePath, MountSeen
from kflowd.records import Decoder
from kflowd.records.path import mount_point, path_text, plain_text
from tests.unit.make import key, record


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"passwd\0etc\0", "/etc/passwd"),
        (b"vmlinuz\0", "/vmlinuz"),
        (b"", ""),
        (b"cut", "/cut"),
        (b"/\0", "/"),
        (b"a b\0with\nline\0", "/with\nline/a b"),
    ],
)
def test_components_become_a_path(raw: bytes, text: str) -> None:
    """Components travel leaf first and are written root first."""
    assert path_text(raw) == text


def test_bytes_that_are_not_utf8_survive() -> None:
    """The text of a path gives its bytes back."""
    assert path_text(b"\xff\xfe\0tmp\0").encode("utf-8", "surrogateescape") == b"/tmp/\xff\xfe"


def test_what_a_system_call_was_given_stays_as_it_is() -> None:
    """Unresolved text is not turned around."""
    assert plain_text(b"/a/../b\0", FileFlag.PATH_TEXT) == "/a/../b"
    assert plain_text(b"../b/c\0a\0", FileFlag.PATH_TEXT) == "/a/../b/c"
    assert plain_text(b"b/c\0", FileFlag.PATH_TEXT) == "/b/c"
    assert plain_text(b"/b/c\0jail\0", FileFlag.PATH_TEXT) == "/jail/b/c"


def test_a_path_record_has_its_key_flags_and_path() -> None:
    """Wherever it stands in a batch, and whatever follows it."""
    members = {"ino": 2, "start_ns": 3, "tgid": 5, "dev": 7, "gen": 11}
    named = {f"key__{name}": value for name, value in members.items()}
    identity = key("file", **members)
    first = record("PATH", b"a\0b\0behind", hdr__ts_ns=13, flags=4, path_len=4, **named)
    second = record("PATH", b"/c/d\0", hdr__ts_ns=17, flags=256, path_len=5, **named)
    assert Decoder().decode(first + second) == [
        FilePath(13, identity, FileFlag.PATH_TRUNCATED, "/b/a"),
        FilePath(17, identity, FileFlag.PATH_TEXT, "/c/d"),
    ]


UNREACHABLE, DELETED = FileFlag.PATH_UNREACHABLE, FileFlag.PATH_DELETED


@pytest.mark.parametrize(
    ("raw", "flags", "path"),
    [
        (b"memfd:x\0", UNREACHABLE | DELETED, "/memfd:x (deleted)"),
        (b"#123\0tmp\0", DELETED, "/tmp/#123 (deleted)"),
        (b"f\0dir\0", UNREACHABLE, "/dir/f"),
        (b"/\0", UNREACHABLE, "/"),
        (b"f\0/\0", UNREACHABLE, "/f"),
        (b"", UNREACHABLE, "/"),
        (b"f\0dir\0", FileFlag.PATH_GUESSED, "/dir/f"),
    ],
)
def test_what_ends_at_no_root_has_the_form_of_the_kernel(raw: bytes, flags: int, path: str) -> None:
    """As d_path has it: a removed name, a name alone, a tree that hangs nowhere."""
    assert plain_text(raw, flags) == path


@pytest.mark.parametrize(
    ("below", "flags", "point"),
    [
        (4, 0, "/b/a"),
        (8, 0, "/"),
        (0, 0, "/b/a/xyz"),
        (65535, 0, ""),
        (8, UNREACHABLE, ""),
        (4, UNREACHABLE, ""),
        (4, FileFlag.PATH_TRUNCATED, ""),
        (4, FileFlag.PATH_NO_MOUNT, ""),
        (4, DELETED, "/b/a"),
    ],
)
def test_the_mount_point_is_the_beginning_of_the_path(below: int, flags: int, point: str) -> None:
    """Unless the path has no beginning."""
    assert mount_point(b"xyz\0a\0b\0", below, flags) == point


def test_a_mount_has_its_number_type_and_source() -> None:
    """What follows a NUL is nothing; a mount without a source is one of "none"."""
    first = record(
        "MOUNT", hdr__ts_ns=5, mount=1 << 63, dev=77, type=b"fuse\0x", subtype=b"sshfs\0",
        source=b"there:\0x",
    )  # fmt: skip
    second = record("MOUNT", hdr__ts_ns=6, mount=2, dev=78, type=b"tmpfs\0")
    assert Decoder().decode(first + second) == [
        MountSeen(5, 1 << 63, 77, "fuse.sshfs", "there:"),
        MountSeen(6, 2, 78, "tmpfs", "none"),
    ]
