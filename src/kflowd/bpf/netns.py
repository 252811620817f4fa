# SPDX-License-Identifier: Apache-2.0
"""The way into another network namespace."""

from kflowd.bpf.ffi import check, lib


def enter(descriptor: int) -> None:
    """Move the calling thread, and no other, into the namespace of a descriptor.

    Raises:
        BpfCallError: The kernel refuses: CAP_SYS_ADMIN is missing.
    """
    check(lib.kf_netns__enter(descriptor), "setns", "entering a network namespace")
