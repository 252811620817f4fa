# SPDX-License-Identifier: Apache-2.0
"""What this kernel's types say, as choices are made by it."""

import os

from kflowd.bpf.kernel.btf import Kernel


def test_an_argument_without_a_size_is_known_before_fentry_refuses_it() -> None:
    """In 6.18 a number that says who holds a lock became an empty struct: io_tw_token_t."""
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    with Kernel() as kernel:
        for function in ("vfs_read", "vfs_rename", "tcp_recvmsg"):
            assert kernel.is_sized(function)
            assert (kernel.arguments(function) or 0) > 0
        assert kernel.is_sized("no_such_function"), "it is absent, and that is another reason"
        if release == (6, 18) and kernel.has_function("io_req_rw_complete"):
            assert not kernel.is_sized("io_req_rw_complete")
