# SPDX-License-Identifier: Apache-2.0
"""What readers of files are fed with: any bytes, nearly right files, and what takes long."""

import time
from collections.abc import Callable

from hypothesis import strategies as st

KEY = b"k" * 32
HASH = b"$6$saltsalt$" + b"h4Sh" * 20
_BODY = (b"h4Sh./Zx" * 11)[:86]
# hashes that have lost what stands ahead of them, or had little there: what is secret is the end
DAMAGED = (
    *(b"6$ab.cd/ef$" + _BODY, b"ab.cd/ef$" + _BODY, b"$" + _BODY, _BODY, b"$" + _BODY[:22]),
    *(b"2b$12$" + _BODY[:53], b"j9T$a./b$" + _BODY[:43], _BODY[:43], b"aB3./dEfGh1jk"),
)
ED25519 = b"AAAAC3NzaC1lZDI1NTE5AAAAIKs0gT4Jc+rtZdnXY0WjMPy1s7S5c9bYd4NcYhMNoUNU"
_WORDS = (
    *(b":", b"::", b" ", b"\t", b"\n", b"\r\n", b"\\", b"\\\n", b'"', b"'", b",", b"=", b"#", b"!"),
    *(
        b"(",
        b")",
        b"+",
        b"-",
        b"@",
        b"%",
        b"*",
        b"$",
        b"^",
        b"\0",
        b"\xff",
        b"\xc3\xa9",
        b"x",
        b"0",
    ),
    *(b"root", b"ALL", b"EXCEPT", b"NOPASSWD:", b"Defaults", b"User_Alias A", b"@include /etc/x"),
    *(b"#includedir /etc/d", b"sha256:", b"cert-authority", b'command="', b"ssh-ed25519", ED25519),
    *(b"Match User a", b"AuthorizedKeysFile", b"%h/.ssh/%u", HASH, b"4294967296", b"/bin/sh"),
)
# any bytes, and the words of all these files in any order
content = st.one_of(
    st.binary(max_size=300), st.lists(st.sampled_from(_WORDS), max_size=60).map(b"".join)
)
# each over and over: what a pattern that goes back takes too long for
REPEATED = (
    *_WORDS,
    b"a:",
    b'"\\',
    b'\\"',
    b" ^a",
    b"a,",
    b"(a",
    b"a=a,",
    b"=^",
    b"sha256:a,",
    b"- ",
    b"A = a : ",
)


def takes_linear_time(read: Callable[[bytes], object]) -> None:
    """Fail if four times the bytes take much more than four times as long.

    Args:
        read: A reader.
    """
    for each in REPEATED:
        times = [_seconds(read, each * (size // len(each))) for size in (10_000, 40_000)]
        assert times[1] < 10 * times[0] + 0.5, each


def _seconds(read: Callable[[bytes], object], data: bytes) -> float:
    begun = time.thread_time()
    read(data)
    return time.thread_time() - begun
