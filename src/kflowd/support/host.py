# SPDX-License-Identifier: Apache-2.0
"""What is asked of the host: versions, configuration of the kernel, sysctls, mounts, limits."""

import os
import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from kflowd import versions

PROC, SYS = Path("/proc"), Path("/sys")
RELEASES = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
LIBRARIES = ("cffi", "click", "msgspec", "prometheus_client", "rich", "structlog", "zstandard")
# What decides whether and how programs load, attach and count.
OPTIONS = re.compile(
    r"^(?:# )?CONFIG_(?:BPF|NET_CLS_BPF|CGROUP|FTRACE|FUNCTION_|DYNAMIC_FTRACE|FPROBE|KPROBE|"
    r"KRETPROBE|UPROBE|TRACEPOINTS|PERF_EVENTS|DEBUG_INFO|HAVE_EBPF|PREEMPT|HZ|SECURITY_LOCKDOWN|LSM|MODULES|"
    r"PAHOLE|IKCONFIG|MEMCG|NAMESPACES|PID_NS|NET_NS|USER_NS|SMP|NR_CPUS|X86_KERNEL_IBT|CFI_CLANG|"
    r"PROC_FS|DEBUG_FS|TRACING)\w*[ =]"
)
SYSCTLS = (
    "fs/file-max",
    "fs/nr_open",
    "kernel/bpf_stats_enabled",
    "kernel/dmesg_restrict",
    "kernel/ftrace_enabled",
    "kernel/kptr_restrict",
    "kernel/modules_disabled",
    "kernel/osrelease",
    "kernel/perf_event_max_sample_rate",
    "kernel/perf_event_paranoid",
    "kernel/pid_max",
    "kernel/tainted",
    "kernel/threads-max",
    "kernel/unprivileged_bpf_disabled",
    "kernel/version",
    "kernel/yama/ptrace_scope",
    "net/core/bpf_jit_enable",
    "net/core/bpf_jit_harden",
    "net/core/bpf_jit_kallsyms",
    "net/core/bpf_jit_limit",
    "net/core/rmem_max",
    "net/core/wmem_max",
    "user/max_user_namespaces",
    "vm/overcommit_memory",
)
CLOCKSOURCE = "devices/system/clocksource/clocksource0/current_clocksource"
FILE_SYSTEMS = frozenset(("bpf", "cgroup", "cgroup2", "debugfs", "securityfs", "tracefs"))
# Without what is said of users: names of groups and numbers of them.
STATUS = re.compile(r"^(?:Cap\w+|NoNewPrivs|Seccomp\w*|NSpid|Threads|VmLck|VmPeak|Speculation\w*):")


def versions_text() -> str:
    """Return what runs here, one thing a line."""
    return "\n".join((versions.line(), *_distribution(), *_machine(), *_libraries(), ""))


def _distribution() -> Iterator[str]:
    for path in RELEASES:
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition("=")
            if key in {"ID", "VERSION_ID", "PRETTY_NAME"}:
                yield f"distribution {key}: " + value.strip().strip("\"'")
        return
    yield "distribution: unknown"


def _machine() -> Iterator[str]:
    names = os.uname()
    yield f"kernel: {names.release} {names.version}"
    libc = " ".join(platform.libc_ver())
    yield f"machine: {names.machine}, {os.cpu_count()} processors, libc {libc}"
    for line in (PROC / "meminfo").read_text().splitlines()[:2]:
        yield " ".join(line.split())
    btf = SYS / "kernel/btf/vmlinux"
    yield f"kernel's types: {f'{btf.stat().st_size} bytes' if btf.exists() else 'not there'}"


def _libraries() -> Iterator[str]:
    for name in LIBRARIES:
        try:
            yield f"{name}: {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"{name}: not installed"


def kernel_options(config: str) -> str:
    """Return the lines of a kernel's configuration that matter here.

    Args:
        config: All of it, "" where it is not to be had.
    """
    lines = [line for line in config.splitlines() if OPTIONS.match(line)]
    return "\n".join((*lines, "")) if lines else "the kernel's configuration is not to be had\n"


def sysctls() -> str:
    """Return the values of sysctls, one a line, and of what else the kernel was told."""
    found = [f"{name.replace('/', '.')} = {_value(PROC / 'sys' / name)}" for name in SYSCTLS]
    found += [f"{name} = {_value(SYS / 'kernel/security' / name)}" for name in ("lockdown", "lsm")]
    found.append(f"clocksource = {_value(SYS / CLOCKSOURCE)}")
    return "\n".join((*found, ""))


def _value(path: Path) -> str:
    try:
        return " ".join(path.read_text("utf-8", "replace").split())
    except OSError as error:
        return f"({error.strerror})"


def mounts() -> str:
    """Return the mounts of tracing, of BPF, of control groups, as mountinfo has them."""
    lines = (PROC / "self/mountinfo").read_text("utf-8", "replace").splitlines()
    found = [line for line in lines if set(line.partition(" - ")[2].split()[:1]) & FILE_SYSTEMS]
    return "\n".join((*found, ""))


def process() -> str:
    """Return limits and capabilities of this process."""
    limits = (PROC / "self/limits").read_text("utf-8", "replace")
    status = (PROC / "self/status").read_text("utf-8", "replace").splitlines()
    return limits + "\n".join((*filter(STATUS.match, status), ""))
