# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.model import FileFlag, FilePath
from kflowd.records import Decoder
from kflowd.records.path import path_text, plain_text
from tests.unit.make import key, record


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"passwd\0etc\0", "/etc/passwd"),
        (b"vmlinuz\0", "/vmlinuz"),
        (b"", ""),
        (b"cut", "/cut"),
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
