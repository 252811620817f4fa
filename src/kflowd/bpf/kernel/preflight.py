# SPDX-License-Identifier: Apache-2.0
"""The checks before anything is loaded, each with a message that says what to do."""

import errno
import resource
from collections.abc import Iterable
from pathlib import Path

from kflowd.bpf.ffi import errno_name, lib
from kflowd.errors import BpfError, FeatureError, PrivilegeError

STATUS = Path("/proc/self/status")
# Numbers of capabilities: linux/capability.h.
NET_ADMIN, SYS_ADMIN, PERFMON, BPF = 12, 21, 38, 39
NAMES = {NET_ADMIN: "CAP_NET_ADMIN", PERFMON: "CAP_PERFMON", BPF: "CAP_BPF"}
# Less locked memory than this may be used up by what others of this user have loaded.
LITTLE = 1 << 20
RUN_AS_ROOT = "run kflowd as root, or with these capabilities"
ROOT_WITHOUT = (
    "root does not have them here: a container or service has to be given these capabilities"
)


def effective_capabilities(status: str) -> int:
    """Return the effective capabilities as a bit set.

    Args:
        status: Text of /proc/self/status.
    """
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return int(value, 16)
    return 0


def is_root(status: str) -> bool:
    """Say whether the effective user is 0.

    Args:
        status: Text of /proc/self/status.
    """
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "Uid":
            return value.split()[1] == "0"  # real, effective, saved, file system
    return False


def missing_capabilities(effective: int, subsystems: Iterable[str]) -> list[str]:
    """Return the names of the capabilities that are needed and not there."""
    if effective >> SYS_ADMIN & 1:
        return []
    needed = [BPF, PERFMON]
    if "socket" in subsystems:
        needed.append(NET_ADMIN)  # programs that see packets
    return [NAMES[it] for it in needed if not effective >> it & 1]


def check_privileges(subsystems: Iterable[str], status: str | None = None) -> None:
    """Check that this process may load programs.

    Raises:
        PrivilegeError: it may not.
    """
    text = STATUS.read_text(encoding="ascii", errors="replace") if status is None else status
    missing = missing_capabilities(effective_capabilities(text), subsystems)
    if missing:
        hint = ROOT_WITHOUT if is_root(text) else RUN_AS_ROOT
        raise PrivilegeError(f"loading BPF programs: missing {', '.join(missing)}", hint)


def check_bpf() -> None:
    """Check that the system call bpf(2) works.

    Raises:
        FeatureError: the kernel has no bpf(2).
        PrivilegeError: a policy refuses it.
        BpfError: it fails otherwise.
    """
    result = -int(lib.kf_probe__map())
    if result == 0:
        return
    if result == errno.ENOSYS:
        raise FeatureError(
            "calling bpf(2): the kernel has none", "a kernel with CONFIG_BPF_SYSCALL=y"
        )
    if result == errno.EPERM and 0 <= resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] < LITTLE:
        raise BpfError(
            "calling bpf(2): making a small map gives EPERM, and locked memory is limited",
            "a higher limit of locked memory (ulimit -l); or a seccomp policy refuses bpf(2)",
        )
    if result in (errno.EPERM, errno.EACCES):
        raise PrivilegeError(
            "calling bpf(2): not permitted, though the capabilities are there",
            "a container or seccomp policy refuses it: run kflowd on the host, or --privileged",
        )
    raise BpfError(f"calling bpf(2): making a small map gives {errno_name(result)}")


def raise_limit(limit: int) -> None:
    """Raise a limit as far as it goes.

    Locked memory is what kernels before 5.11 account maps and programs against. Each program, map
    and link is an open file, some 300 in all. A refusal is no error here: what is refused later is
    reported then.
    """
    unlimited = resource.RLIM_INFINITY
    try:
        resource.setrlimit(limit, (unlimited, unlimited))
    except (ValueError, OSError):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (hard, hard))


def check_all(subsystems: Iterable[str]) -> None:
    """Check all of it, the most likely cause first. The kernel's types are checked when opened."""
    check_privileges(subsystems)
    raise_limit(resource.RLIMIT_MEMLOCK)
    raise_limit(resource.RLIMIT_NOFILE)
    check_bpf()
