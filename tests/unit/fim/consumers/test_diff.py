# SPDX-License-Identifier: Apache-2.0
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kflowd.fim.consumers.diff import MAX_DIFF, diff
from kflowd.fim.consumers.texts import MAX_CONTENT

content = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"c d\n", b"\n", b"#x\n", b"e"]), max_size=25
).map(b"".join)


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not here")
@settings(max_examples=60)
@given(content, content)
def test_patch_makes_the_new_of_the_old(old: bytes, new: bytes) -> None:
    """It is a real unified diff, order, blank lines and the last line feed included (W30)."""
    found = diff(old, new, "f")
    if old == new:
        assert found == (None, "equal")
        return
    assert found.text is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        path.write_bytes(old)
        text = found.text.encode() + b"\n"
        subprocess.run(
            ["patch", "-s", "--no-backup-if-mismatch", str(path)], input=text, check=True
        )
        assert (path.read_bytes() if path.exists() else b"") == new


def test_walk_through_of_lines() -> None:
    """M6, M7: two lines are added, the last is gone; comments and duplicates count."""
    assert diff(b"a\n", b"a\n# b\na\n", "/etc/x").text == (
        "--- /etc/x\n+++ /etc/x\n@@ -1 +1,3 @@\n a\n+# b\n+a"
    )
    assert diff(b"a\nb\n", b"a\n", "/etc/x").text == "--- /etc/x\n+++ /etc/x\n@@ -1,2 +1 @@\n a\n-b"


@pytest.mark.parametrize(
    ("old", "new", "path", "note"),
    [
        (b"a", b"b", "/etc/shadow", "secret: a file of this name holds secrets"),
        (b"a", b"-----BEGIN RSA PRIVATE KEY-----\nx", "/x", "secret: it holds a private key"),
        (
            b"password=a\n",
            b"password=b\n",
            "/x",
            "secret: line 4 of the diff looks as if it held one",
        ),
        (
            b"token: a\nx\n",
            b"token: a\ny\n",
            "/x",
            "secret: line 4 of the diff looks as if it held one",
        ),
        (b"a\0", b"b", "/x", "binary"),
        (b"", b"a" * (MAX_CONTENT + 1), "/x", f"size: more than {MAX_CONTENT} bytes"),
    ],
)
def test_why_there_is_none_is_told(old: bytes, new: bytes, path: str, note: str) -> None:
    """What holds secrets or is no text is never diffed (W31)."""
    assert diff(old, new, path) == (None, note)


def test_a_secret_far_from_what_is_shown_hides_nothing() -> None:
    """Only what would be shown matters."""
    ahead = b"password=a\n" + b"x\n" * 10
    assert diff(ahead + b"a\n", ahead + b"b\n", "/x").text is not None


def test_a_long_diff_and_a_long_line_are_cut_and_say_so() -> None:
    """The limits are named (W30)."""
    many = diff(b"", b"line\n" * 100_000, "/x")
    assert many.text is not None
    assert len(many.text) <= MAX_DIFF
    assert many.note is not None
    assert many.note.startswith("truncated: ")
    long = diff(b"a\n", b"b " * 50_000 + b"\n", "/x")
    assert long.note == "truncated: 1 long lines"


@given(st.binary(), st.binary(), st.text(max_size=10))
def test_any_bytes_are_read(old: bytes, new: bytes, path: str) -> None:
    """Nothing raises, and what is told is a text of UTF-8 but for the path."""
    found = diff(old, new, path)
    assert (found.text is None) <= (found.note is not None)


@pytest.mark.parametrize(
    "lines", [[b"a\n", b"b\n"], [b"password=a\n"], [b"%d\n" % it for it in range(9)]]
)
def test_time_is_bounded(lines: list[bytes]) -> None:
    """Two contents of the largest size take seconds at most, however they differ."""
    old = b"".join(lines) * (MAX_CONTENT // sum(map(len, lines)))
    new = b"".join(lines[::-1]) * (MAX_CONTENT // sum(map(len, lines)) - 1) + b"x\n"
    begun = time.thread_time()
    diff(old, new, "/x")
    assert time.thread_time() - begun < 10
