# SPDX-License-Identifier: Apache-2.0
from kflowd.bpf.ffi import lib
from kflowd.bpf.stream.exited import Exited

MAX = 1 << 21


def test_ends_beyond_the_limit_are_counted() -> None:
    """Up to there all of them find room, whosever they are."""
    with Exited() as exited:
        add = lib.kf_exited__add_closed
        for cookie in range(MAX):
            add(exited.pointer, cookie)
        assert exited.lost == 0
        for cookie in range(3):
            add(exited.pointer, cookie)
        lib.kf_exited__add_exit(exited.pointer, 7, 8, 9)
        assert exited.lost == 3
