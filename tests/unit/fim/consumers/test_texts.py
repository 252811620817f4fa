# SPDX-License-Identifier: Apache-2.0
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.consumers.texts import HASH as HASH_PATTERN
from kflowd.fim.consumers.texts import MAX_SHOWN, fingerprint, hide, lines, number, shown, visible
from tests.unit.fim.consumers.inputs import DAMAGED, HASH, KEY


@given(st.binary())
def test_any_bytes_are_shown_as_a_text(raw: bytes) -> None:
    """A text of any bytes is one that JSON holds."""
    shown(raw).encode()


def test_a_long_text_is_cut_and_says_so() -> None:
    """What is cut tells how long it was, and a change behind the cut changes the fingerprint."""
    long = b"a " * MAX_SHOWN
    assert shown(long).endswith(f"... ({len(long)} bytes)")
    assert visible(long, KEY)[1] != visible(long[:-1] + b"b", KEY)[1]


def test_secrets_are_hidden_and_their_change_is_not() -> None:
    """Two secrets read the same, and differ by the fingerprint; what has none has none."""
    first, second = (visible(b"mysql --password=%s" % each, KEY) for each in (b"abc", b"abd"))
    assert first[0] == second[0] == "mysql --password=***"
    assert first[1] != second[1]
    assert visible(b"/bin/ls", KEY) == ("/bin/ls", "")
    assert HASH not in hide(b"x " + HASH)


@pytest.mark.parametrize("value", [HASH, *DAMAGED])
def test_what_is_left_of_a_hash_is_hidden(value: bytes) -> None:
    """Without its first letters, its algorithm or its salt."""
    line = b"bob:%s:19000::::::\n" % value
    assert value.rpartition(b"$")[2] not in hide(line)


@pytest.mark.parametrize(
    "line",
    [
        b"/usr/share/X11/xorg.conf.d/40-Libinput.conf",
        b"PATH=$HOME/bin:/opt/Java11/b:$JAVA_HOME/bin",
        b"c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2",
        b"MongoDBServer:x",
        b"ConditionPathExistsGlob=/etc",
    ],
)
def test_what_is_no_hash_is_shown(line: bytes) -> None:
    """Paths, words and digests of files."""
    assert HASH_PATTERN.search(line) is None


def test_a_fingerprint_is_a_keyed_one() -> None:
    """It is the begin of HMAC-SHA-256."""
    assert fingerprint(KEY, b"x") == hmac.new(KEY, b"x", hashlib.sha256).hexdigest()[:16]


def test_lines_have_no_ends() -> None:
    """Both ends of lines are none of them."""
    assert list(lines(b"a\r\nb\n")) == [b"a", b"b", b""]


def test_numbers_have_32_bits() -> None:
    """What is no decimal number of 32 bits is none."""
    assert number(b"4294967295") == 4294967295
    for wrong in (b"4294967296", b"-1", b"", b"1x", b" 1", b"9" * 5000):
        assert number(wrong) == -1
